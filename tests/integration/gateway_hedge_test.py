#!/usr/bin/env python3
"""Hedges: the real program before two llm-mocks, the first of which takes its time.

llm-mock sends the role before it has a token, so an answer has begun with its second event.
"""

import json
import sys
import unittest

import gateway_support as support
import llm_tools_test as tools
from gateway_support import CHAT, Gateway

MESSAGES = [{"role": "user", "content": "hello"}]
SLOW = ("--ttft-ms", "60000")
FAST = ("--ttft-ms", "0")


def body(**members):
    return json.dumps({"model": "m", "max_tokens": 4, "messages": MESSAGES, **members}).encode()


STREAM = body(stream=True, stream_options={"include_usage": True})


def usage_of(stream):
    events = [json.loads(e.removeprefix(b"data: ")) for e in stream.split(b"\n\n")
              if e.startswith(b"data: {")]
    return next(e["usage"] for e in events if e.get("usage"))


class HedgeCase(unittest.TestCase):
    def start(self, first, second, provider="openai_compatible"):
        self.mocks = {}
        text = '[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
        for name, options, kind in (("first", first, "openai_compatible"),
                                    ("second", second, provider)):
            mock = self.mocks[name] = tools.Mock(*options)
            self.addCleanup(mock.stop)
            text += (f'[llm.{name}]\nprovider = "{kind}"\ntoken_env = "TEST_UPSTREAM_KEY"\n'
                     f'base_url = "http://127.0.0.1:{mock.port}/v1"\n')
        text += f"""
[pool.p]
targets = ["first", "second"]
strategy = "priority"
fail_over = {{ hold_events = 2, hold_ms_max = 60000 }}
[pool.p.hedge]
enabled = true
percentile = 0
delay_ms_min = 100
budget_percent = 100

[[route]]
path_prefix = "/v1"
target_llm = "p"
"""
        self.gateway = Gateway(text)
        self.addCleanup(self.gateway.stop)

    def ask(self, request):
        client = self.gateway.client()
        client.post(CHAT, request)
        response = client.read_response()
        client.close()
        self.assertEqual(response.status, 200, response.body)
        return response.body

    def hedges(self, outcome=""):
        return self.gateway.metric(f'^sluice_hedges_total.*outcome="{outcome}')

    def expect_rest(self):
        """Nothing is held of any target, and nobody works for anybody."""
        support.wait_until(
            lambda: self.gateway.metric("^sluice_target_in_flight") == 0
            and self.gateway.metric("^sluice_target_prefill_tokens") == 0,
            "something is held of a target")
        for name, mock in self.mocks.items():
            mock.wait_for(lambda stats: stats["in_flight"] == 0, f"{name} is at work")

    def log(self, text):
        support.wait_until(lambda: text in self.gateway.read_access(), f"no {text} in the log")


class Hedges(HedgeCase):
    def test_a_stream(self):
        self.start(SLOW, FAST)
        answer = self.ask(STREAM)
        self.assertTrue(answer.endswith(tools.DONE))
        self.log("upstream=second pool=p")
        self.log("attempts=2 hedge=won hedge_upstream=second")
        self.assertNotIn("retry_reason", self.gateway.read_access())
        self.mocks["first"].wait_for(lambda stats: stats["aborted"] == 1, "first goes on")
        self.assertEqual(self.mocks["second"].stats()["completed"], 1)
        self.assertEqual(self.hedges(), self.hedges("won"))
        # Once for the client, whatever it took.
        usage = usage_of(answer)
        self.assertEqual(self.gateway.metric("^sluice_requests_total"), 1)
        self.assertEqual(self.gateway.metric('^sluice_tokens_total.*"prompt"'),
                         usage["prompt_tokens"])
        self.assertEqual(self.gateway.metric('^sluice_tokens_total.*"completion"'),
                         usage["completion_tokens"])
        self.assertEqual(self.gateway.metric("^sluice_target_faults_total"), 0)
        self.expect_rest()

    def test_what_is_not_streamed(self):
        self.start(SLOW, FAST)
        self.assertIn("choices", json.loads(self.ask(body())))
        self.log("hedge=won hedge_upstream=second")
        self.mocks["first"].wait_for(lambda stats: stats["aborted"] == 1, "first goes on")
        self.expect_rest()

    def test_in_another_dialect(self):
        self.start(SLOW, FAST, provider="anthropic")
        answer = self.ask(STREAM)
        self.assertTrue(answer.endswith(tools.DONE))
        self.assertGreater(usage_of(answer)["completion_tokens"], 0)
        self.log("hedge=won hedge_upstream=second")
        self.expect_rest()

    def test_the_first_one_is_in_time(self):
        self.start(FAST, SLOW)
        for _ in range(20):
            self.assertTrue(self.ask(STREAM).endswith(tools.DONE))
        self.assertEqual(self.gateway.metric('^sluice_requests_total.*upstream="first"'), 20)
        self.expect_rest()

    def test_the_second_one_is_no_faster(self):
        self.start(("--ttft-ms", "2000"), SLOW)
        self.assertTrue(self.ask(STREAM).endswith(tools.DONE))
        self.log("hedge=lost hedge_upstream=second")
        self.log("upstream=first pool=p")
        self.mocks["second"].wait_for(lambda stats: stats["aborted"] == 1, "second goes on")
        self.expect_rest()

    def test_a_client_that_leaves_ends_both(self):
        self.start(SLOW, SLOW)
        client = self.gateway.client()
        client.post(CHAT, STREAM)
        for mock in self.mocks.values():
            mock.wait_for(lambda stats: stats["in_flight"] == 1, "not asked")
        client.close()
        for name, mock in self.mocks.items():
            mock.wait_for(lambda stats: stats["aborted"] == 1, f"{name} goes on")
        self.log("hedge=cancelled hedge_upstream=second")
        self.expect_rest()

    def test_what_is_stored_is_asked_once(self):
        self.start(("--ttft-ms", "2000"), FAST)
        self.ask(body(store=True))
        self.log("hedge=denied")
        self.assertEqual(self.mocks["second"].stats()["requests"], 0)
        self.expect_rest()

    def test_a_second_one_that_fails_is_not_noticed(self):
        self.start(("--ttft-ms", "2000"), ("--fault", "status=500"))
        self.assertTrue(self.ask(STREAM).endswith(tools.DONE))
        self.log("hedge=failed hedge_upstream=second")
        self.expect_rest()


if __name__ == "__main__":
    tools.BUILD = sys.argv.pop(1)
    support.SLUICE = tools.BUILD + "/sluice"
    unittest.main(warnings="ignore")
