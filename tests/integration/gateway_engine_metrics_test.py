#!/usr/bin/env python3
"""What engines say of their own load: asked for, believed, and forgotten.

The real program against scripted upstreams that answer /metrics as a test wants it. Both targets
are equal for the gateway, so that whoever gets the requests shows what it knows of them.
"""

import json
import os
import sys
import unittest

import gateway_support as support
from gateway_members_test import MembersCase
from gateway_support import CHAT
from pool_support import STREAM

BUSY = (b"# TYPE vllm:num_requests_running gauge\n"
        b'vllm:num_requests_running{model_name="m"} 40.0\n'
        b'vllm:num_requests_waiting{model_name="m"} 20.0\n'
        b'vllm:kv_cache_usage_perc{model_name="m"} 0.5\n')
IDLE = (b'sglang:num_running_reqs{model_name="m"} 0.0\nsglang:num_queue_reqs 0.0\n'
        b"sglang:token_usage 0.0\n")


class EngineMetrics(MembersCase):
    def begin(self, more="", interval_ms=100):
        self.metrics = {"a": BUSY, "b": IDLE}
        self.status = {}
        self.start('strategy = "least_connections"\n'
                   'discovery = { type = "admin", llm = "engine" }\n'
                   f"engine_metrics = {{ enabled = true, interval_ms = {interval_ms}{more} }}\n")
        self.add("a")
        self.add("b")

    def script(self, name):
        answer = super().script(name)

        def with_metrics(connection, request):
            if request.line.startswith("GET /metrics "):
                if self.metrics[name] is None:
                    connection.wait_for_end()
                    return False
                return support.json_answer(connection, self.metrics[name],
                                           self.status.get(name, "200 OK"))
            return answer(connection, request)
        return with_metrics

    def asked(self, name):
        return [r for r in self.peers[name].requests if r.line.startswith("GET ")]

    def engine(self, name):
        return self.targets()[self.member(name)]["engine"]

    def test_what_others_send_there_counts(self):
        self.begin()
        support.wait_until(lambda: self.engine("a")["waiting"] == 20, "nothing is known of it")
        told = self.engine("a")
        self.assertEqual(told["others"], 60)
        self.assertAlmostEqual(told["kv_share"], 0.5, places=2)
        self.assertLess(told["age_seconds"], support.PATIENCE_S)
        support.wait_until(lambda: self.engine("b")["waiting"] == 0, "nothing is known of b")
        for _ in range(20):
            self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertIsNone(self.asked("a")[0].field("authorization"))
        # The other way round.
        self.metrics = {"a": IDLE, "b": BUSY}
        support.wait_until(lambda: self.engine("b")["others"] == 60
                           and self.engine("a")["others"] == 0, "it is not asked again")
        self.assertEqual(self.text_of(self.ask()), "from a")

    def test_it_is_no_load_and_no_fault(self):
        self.begin()
        support.wait_until(lambda: self.engine("a")["waiting"] == 20, "nothing is known of it")
        told = self.targets()[self.member("a")]
        self.assertEqual(told["totals"]["selected"], 0)
        self.assertEqual(told["in_flight"]["requests"], 0)
        self.status["a"] = "503 Service Unavailable"
        support.wait_until(lambda: "a target tells no load" in self.gateway.read_log(), "no log")
        told = self.targets()[self.member("a")]
        self.assertEqual(told["totals"]["faults"], 0)
        self.assertEqual(told["breaker"]["state"], "closed")

    def test_one_that_is_silent_is_asked_one_question_at_a_time_and_forgotten(self):
        self.begin(more=", timeout_ms = 60000")
        support.wait_until(lambda: self.engine("a")["waiting"] == 20, "nothing is known of it")
        self.metrics["a"] = None
        count = len(self.asked("a"))
        support.wait_until(lambda: len(self.asked("a")) > count, "it is not asked")
        count = len(self.asked("a"))
        # What it said fades: 60 requests of others are soon fewer than 20 of ours.
        clients = [self.gateway.client() for _ in range(20)]
        for client in clients:
            client.post(CHAT, STREAM)
            client.read_head()
        support.wait_until(lambda: self.text_of(self.ask()) == "from a",
                           "what it said is believed for ever")
        self.go.set()
        for client in clients:
            client.close()
        self.assertEqual(len(self.asked("a")), count)

    def test_metrics_of_something_else_change_nothing(self):
        self.begin()
        self.metrics["a"] = self.metrics["b"] = b"up 1\n"
        support.wait_until(lambda: "no metrics that are known" in self.gateway.read_log(),
                           "no log")
        self.assertEqual(self.ask().status, 200)

    def test_a_reload_ends_it(self):
        self.begin()
        support.wait_until(lambda: self.asked("a"), "it is not asked")
        with open(self.gateway.config_path, encoding="utf-8") as file:
            text = file.read()
        self.gateway.write_config(text.replace("enabled = true", "enabled = false"))
        answer = self.admin("POST", "/v1/reload")
        self.assertEqual(answer.status, 200, answer.body)
        # A question may be under way; when requests have gone through, no other one begins.
        self.assertEqual(self.ask().status, 200)
        seen = len(self.asked("a"))
        for _ in range(50):
            self.assertEqual(self.ask().status, 200)
        self.assertLessEqual(len(self.asked("a")), seen + 1)
        self.assertTrue(json.loads(self.admin("GET", "/v1/targets").body)["pools"])


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
