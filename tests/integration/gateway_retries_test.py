#!/usr/bin/env python3
"""Retries and several keys: what is sent again, with which key, when, and above all what is not.

The real program against scripted upstreams that count what reaches them. Each script says how one
request after the other is answered; a test asserts how many there were and with which keys.
"""

import json
import os
import sys
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk, config_for, event
from secret_watch import WatchedCase

KEYS = {"KEY_A": "sk-first-key-0001", "KEY_B": "sk-second-key-0002", "KEY_C": "sk-third-key-0003"}
REPLY = (b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
         b'"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],'
         b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}')
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
FAST = "retry_initial_ms = 20\n"


def error(kind, message="no"):
    return json.dumps({"error": {"message": message, "type": kind, "code": None}}).encode()


def answer(status, body=REPLY, fields=""):
    return lambda connection, request: support.json_answer(connection, body, status, fields)


def status(line, kind="server_error", fields=""):
    return answer(line, error(kind), fields)


OK = answer("200 OK")
BUSY = status("503 Service Unavailable")


class RetriesCase(WatchedCase):
    def start(self, *answers, llm="", retries=2, keys=("KEY_A",), config=None):
        """Answers in this order; the last one again and again."""
        self.taken = 0
        self.times = []

        def script(connection, request):
            with self.upstream.lock:
                turn = min(self.taken, len(answers) - 1)
                self.taken += 1
                self.times.append(time.monotonic())
            return answers[turn](connection, request)

        upstream = self.upstream = Upstream(script)
        self.addCleanup(upstream.close)
        text = (config or config_for)(self.upstream.port, llm=FAST + llm, retries=retries)
        names = ", ".join(f'"{k}"' for k in keys)
        text = text.replace('token_env = "TEST_UPSTREAM_KEY"', f"token_envs = [{names}]")
        self.gateway = Gateway(text, environment=KEYS)
        self.addCleanup(self.end, self.gateway, upstream)

    def end(self, gateway, upstream):
        said = gateway.read_log() + gateway.read_access() + gateway.metrics_text()
        gateway.stop()
        self.assertEqual(upstream.errors, [])
        for key in KEYS.values():
            self.assertNotIn(key, said)

    def ask(self, body=BODY, path=CHAT, fields=()):
        client = self.gateway.client()
        client.post(path, body, fields)
        response = client.read_response()
        client.close()
        for key in KEYS.values():
            self.assertNotIn(key.encode(), response.body)
        return response

    def seen(self):
        return len(self.upstream.requests)

    def keys_seen(self):
        names = {f"Bearer {key}": name[-1] for name, key in KEYS.items()}
        return "".join(names[r.field("authorization")] for r in self.upstream.requests)

    def retries_for(self, reason):
        return self.gateway.metric(f'^sluice_retries_total.*reason="{reason}"')

    def wait_for_log(self, text):
        support.wait_until(lambda: text in self.gateway.read_access(), f"no {text} in the log")


def anthropic(port, llm="", retries=None):
    """Chat completions in, Anthropic's API behind: everything is translated."""
    text = config_for(port, llm=llm, retries=retries)
    return text.replace('"openai_compatible"', '"anthropic"')


def anthropic_keys(requests):
    names = {key: name[-1] for name, key in KEYS.items()}
    return "".join(names[r.field("x-api-key")] for r in requests)


MESSAGE = (b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":'
           b'[{"type":"text","text":"hello"}],"stop_reason":"end_turn","stop_sequence":null,'
           b'"usage":{"input_tokens":3,"output_tokens":2}}')


def sse(*pairs):
    """A whole stream of Anthropic's events."""
    body = b"".join(b"event: " + name + b"\ndata: " + data + b"\n\n" for name, data in pairs)

    def script(connection, request):
        connection.send(STREAM_HEAD + chunk(body) + b"0\r\n\r\n")
        return True
    return script


OVERLOADED = (b"error", b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}')
START = (b"message_start", b'{"type":"message_start","message":{"id":"msg_1","type":"message",'
         b'"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
         b'"usage":{"input_tokens":3,"output_tokens":1}}}')
TEXT = ((b"content_block_start", b'{"type":"content_block_start","index":0,"content_block":'
         b'{"type":"text","text":""}}'),
        (b"content_block_delta", b'{"type":"content_block_delta","index":0,"delta":'
         b'{"type":"text_delta","text":"hello"}}'))
STOP = ((b"content_block_stop", b'{"type":"content_block_stop","index":0}'),
        (b"message_delta", b'{"type":"message_delta","delta":{"stop_reason":"end_turn",'
         b'"stop_sequence":null},"usage":{"output_tokens":2}}'),
        (b"message_stop", b'{"type":"message_stop"}'))


class Retries(RetriesCase):
    def test_a_busy_upstream_is_asked_again(self):
        self.start(BUSY, status("500 Oops"), OK)
        response = self.ask()
        self.assertEqual((response.status, response.body), (200, REPLY))
        self.assertEqual(self.seen(), 3)
        self.assertEqual({r.body for r in self.upstream.requests}, {BODY})
        self.assertEqual(self.retries_for("status"), 2)
        self.wait_for_log("attempts=3 retry_reason=status")

    def test_a_lasting_error_reaches_the_client_after_the_last_retry(self):
        self.start(BUSY)
        response = self.ask()
        self.assertEqual(response.status, 503)
        self.assertIn(b"upstream_unavailable", response.body)
        self.assertEqual(self.seen(), 3)

    def test_without_retries_there_is_one_attempt(self):
        self.start(BUSY, OK, retries=0)
        self.assertEqual(self.ask().status, 503)
        self.assertEqual(self.seen(), 1)

    def test_what_is_wrong_with_the_request_is_not_sent_again(self):
        for line in ("400 Bad Request", "404 Not Found", "413 Too Large", "422 Unprocessable"):
            self.start(status(line, "invalid_request_error"), OK)
            self.assertGreaterEqual(self.ask().status, 400)
            self.assertEqual(self.seen(), 1, line)

    def test_a_throttled_request_waits_as_long_as_it_is_told(self):
        self.start(status("429 Slow Down", "rate_limit_error", "Retry-After: 1\r\n"), OK)
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.seen(), 2)
        self.assertGreaterEqual(self.times[1] - self.times[0], 1.0)
        self.assertEqual(self.retries_for("throttled"), 1)

    def test_a_longer_wait_than_allowed_is_left_to_the_client(self):
        self.start(status("429 Slow Down", "rate_limit_error", "Retry-After: 30\r\n"), OK,
                   llm="retry_max_ms = 2000")
        response = self.ask()
        self.assertEqual((response.status, response.field("retry-after")), (429, "30"))
        self.assertEqual(self.seen(), 1)
        # The only key rests, so the next request does not touch the upstream at all.
        again = self.ask()
        self.assertEqual(again.status, 429)
        self.assertIn(int(again.field("retry-after")), range(25, 31))
        self.assertIn(b"rate_limit_exceeded", again.body)
        self.assertEqual(self.seen(), 1)
        # Another model is another matter.
        self.assertEqual(self.ask(BODY.replace(b'"m"', b'"n"')).status, 200)

    def test_a_wait_that_ends_after_the_total_timeout_is_not_begun(self):
        self.start(status("429 Slow Down", "rate_limit_error", "Retry-After: 3\r\n"), OK,
                   llm="timeouts = { total_ms = 2000, connect_ms = 500 }")
        began = time.monotonic()
        self.assertEqual(self.ask().status, 429)
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(self.seen(), 1)

    def test_an_upstream_that_comes_back_is_connected_to_again(self):
        self.start(OK, llm="retry_multiplier = 1\n", retries=10)
        port = self.upstream.port
        self.upstream.close()
        client = self.gateway.client()
        client.post(CHAT, BODY)
        support.wait_until(lambda: self.gateway.metric("connects_total.*failed") >= 1,
                           "nobody tried to connect")
        back = Upstream(OK, port)
        self.addCleanup(back.close)
        self.assertEqual(client.read_response().status, 200)
        self.assertEqual(len(back.requests), 1)
        self.assertGreaterEqual(self.retries_for("connect"), 1)

    def test_a_request_that_may_have_been_seen_is_not_doubled(self):
        self.start(lambda connection, request: connection.reset(), OK)
        self.assertEqual(self.ask().status, 502)
        self.assertEqual(self.seen(), 1)

    def test_nothing_is_sent_again_after_the_first_byte(self):
        def cut(connection, request):
            connection.send(STREAM_HEAD + chunk(event(b'{"choices":[]}')))
            connection.reset()
        self.start(cut, OK)
        response = self.ask(STREAM)
        self.assertEqual(response.status, 200)
        self.assertFalse(response.complete)
        self.assertEqual(self.seen(), 1)

    def test_a_body_that_flowed_on_is_not_sent_again(self):
        self.start(BUSY, OK, config=lambda port, llm, retries: config_for(
            port, llm=llm, retries=retries, server="http = { request_hold_bytes_max = 1024 }"))
        large = b'{"model":"m","prompt":"' + b"x" * 100_000 + b'"}'
        response = self.ask(large, path="/v1/files")
        self.assertEqual(response.status, 503)
        self.assertEqual(self.seen(), 1)

    def test_a_client_that_leaves_while_backing_off_ends_it(self):
        self.start(status("503 Busy", fields="Retry-After: 2\r\n"), OK)
        client = self.gateway.client()
        client.post(CHAT, BODY)
        support.wait_until(lambda: self.seen() == 1, "no request")
        time.sleep(0.2)  # The 503 has to arrive; that the wait has begun is told by nothing.
        left = time.monotonic()
        client.reset()
        self.wait_for_log("status=499")
        self.assertLess(time.monotonic() - left, 1.0)
        support.wait_until(lambda: self.gateway.metric("^sluice_exchanges") == 0, "it goes on")
        time.sleep(2.2)  # Longer than the wait that was ended: a retry would have come by now.
        self.assertEqual(self.seen(), 1)

    def test_the_budget_bounds_what_retries_add(self):
        self.start(BUSY, llm="retry_budget_per_s_min = 0\nretry_budget_percent = 20")
        for _ in range(10):
            self.assertEqual(self.ask().status, 503)
        self.assertEqual(self.seen(), 12)
        self.assertEqual(self.gateway.metric("^sluice_retries_denied_total"), 10)
        self.assertEqual(self.retries_for("status"), 2)


class Translated(RetriesCase):
    def start(self, *answers, **more):
        super().start(*answers, config=anthropic, **more)

    def test_statuses_are_retried_alike(self):
        self.start(status("529 Overloaded", "overloaded_error"), answer("200 OK", MESSAGE))
        response = self.ask()
        self.assertEqual(response.status, 200)
        self.assertEqual(json.loads(response.body)["choices"][0]["message"]["content"], "hello")
        self.assertEqual(self.seen(), 2)
        self.assertEqual(len({r.body for r in self.upstream.requests}), 1)

    def test_a_stream_that_fails_before_its_first_event_is_asked_for_again(self):
        self.start(sse(OVERLOADED), sse(START, *TEXT, *STOP))
        response = self.ask(STREAM)
        self.assertEqual(response.status, 200)
        self.assertTrue(response.complete)
        self.assertIn(b"hello", response.body)
        self.assertTrue(response.body.endswith(DONE))
        self.assertEqual(response.body.count(b'"role":"assistant"'), 1)
        self.assertEqual(self.seen(), 2)
        self.assertEqual(self.retries_for("reply"), 1)

    def test_and_when_it_keeps_failing_gets_a_status_of_its_own(self):
        self.start(sse(OVERLOADED))
        self.assertEqual(self.ask(STREAM).status, 503)
        self.assertEqual(self.seen(), 3)

    def test_an_error_as_json_instead_of_a_stream_is_that_error(self):
        self.start(answer("200 OK", OVERLOADED[1]), sse(START, *TEXT, *STOP))
        self.assertEqual(self.ask(STREAM).status, 200)
        self.assertEqual(self.seen(), 2)
        self.start(answer("200 OK", OVERLOADED[1]), retries=0)
        response = self.ask(STREAM)
        self.assertEqual(response.status, 503)
        self.assertIn(b"upstream_overloaded", response.body)

    def test_nothing_is_sent_again_after_the_first_event(self):
        self.start(sse(START, *TEXT, OVERLOADED), sse(START, *TEXT, *STOP))
        response = self.ask(STREAM)
        self.assertEqual(response.status, 200)
        self.assertIn(b"upstream_overloaded", response.body)
        self.assertNotIn(DONE, response.body)
        self.assertEqual(self.seen(), 1)

    def test_a_refused_key_has_a_sibling(self):
        self.start(status("401 No", "authentication_error"), answer("200 OK", MESSAGE),
                   keys=("KEY_A", "KEY_B"), retries=0)
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(anthropic_keys(self.upstream.requests), "AB")


class SeveralKeys(RetriesCase):
    def test_keys_are_used_in_turn(self):
        self.start(OK, keys=("KEY_A", "KEY_B", "KEY_C"))
        for _ in range(6):
            self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.keys_seen(), "ABCABC")

    def by_key(self, answers, **more):
        """Answers by the key of a request."""
        def script(connection, request):
            name = self.keys_seen()[-1]
            return answers.get(name, OK)(connection, request)
        self.start(script, **more)

    def test_a_refused_key_rests_and_its_request_is_rescued(self):
        refused = status("401 Unauthorized", "authentication_error")
        self.by_key({"A": refused}, keys=("KEY_A", "KEY_B"), retries=0)
        for _ in range(4):
            self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.keys_seen(), "ABBBB")
        self.assertEqual(self.retries_for("key_refused"), 1)
        self.assertEqual(self.gateway.metric('^sluice_key_cooldowns_total.*reason="refused"'), 1)
        self.wait_for_log("attempts=2 retry_reason=key_refused")

    def test_a_key_that_is_forbidden_a_model_serves_others(self):
        refused = status("403 Forbidden", "permission_error")
        self.by_key({"A": refused}, keys=("KEY_A", "KEY_B"), retries=0)
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.keys_seen(), "ABB")
        other = BODY.replace(b'"m"', b'"n"')
        self.assertEqual({self.ask(other).status, self.ask(other).status}, {200})
        self.assertIn("A", self.keys_seen()[3:])

    def test_a_rest_of_a_refused_key_ends(self):
        refused = status("401 Unauthorized", "authentication_error")
        self.by_key({"A": refused}, keys=("KEY_A", "KEY_B"), retries=0,
                    llm="key_cooldown_ms = 300")
        self.assertEqual(self.ask().status, 200)
        support.wait_until(
            lambda: self.ask().status == 200 and self.keys_seen().count("A") == 2, "it rests on")

    def test_a_throttled_key_rests_and_its_request_is_rescued(self):
        throttled = status("429 Slow Down", "rate_limit_error", "Retry-After: 20\r\n")
        self.by_key({"A": throttled}, keys=("KEY_A", "KEY_B"))
        began = time.monotonic()
        for _ in range(4):
            self.assertEqual(self.ask().status, 200)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.keys_seen(), "ABBBB")
        self.assertEqual(self.retries_for("key_throttled"), 1)

    def test_when_all_keys_are_refused_the_client_is_told_so(self):
        for line, kind in (("401 Unauthorized", "authentication_error"),
                           ("403 Forbidden", "permission_error")):
            self.start(status(line, kind), keys=("KEY_A", "KEY_B", "KEY_C"))
            response = self.ask()
            self.assertEqual(response.status, int(line[:3]))
            self.assertIn(kind.encode(), response.body)
            self.assertEqual(sorted(self.keys_seen()), ["A", "B", "C"])
            # One of them is asked again: the provider may have changed its mind.
            self.assertEqual(self.ask().status, int(line[:3]))
            self.assertEqual(self.seen(), 4)

    def test_when_all_keys_rest_the_client_learns_when_the_first_is_back(self):
        def throttled(seconds):
            return status("429 Slow Down", "rate_limit_error", f"Retry-After: {seconds}\r\n")
        self.by_key({"A": throttled(40), "B": throttled(20)}, keys=("KEY_A", "KEY_B"), retries=0)
        first = self.ask()
        self.assertEqual((first.status, first.field("retry-after")), (429, "20"))
        self.assertEqual(self.keys_seen(), "AB")
        second = self.ask()
        self.assertEqual(second.status, 429)
        self.assertIn(int(second.field("retry-after")), range(15, 21))
        self.assertEqual(self.seen(), 2)

    def test_a_reload_keeps_what_is_known_of_a_key(self):
        refused = status("401 Unauthorized", "authentication_error")
        self.by_key({"A": refused}, keys=("KEY_A", "KEY_B"), retries=0)
        self.assertEqual(self.ask().status, 200)
        with open(self.gateway.config_path, encoding="utf-8") as file:
            text = file.read()
        self.gateway.write_config(text.replace('"KEY_A", "KEY_B"', '"KEY_A", "KEY_C"'))
        self.gateway.signal(1)
        support.wait_until(lambda: self.gateway.metric('reloads_total.*result="ok"') == 1,
                           "no reload")
        self.assertEqual({self.ask().status for _ in range(4)}, {200})
        self.assertEqual(self.keys_seen(), "ABCCCC")

    def test_a_reload_can_wake_a_key(self):
        self.start(status("429 Slow Down", "rate_limit_error", "Retry-After: 500\r\n"), OK,
                   llm="key_cooldown_ms = 300000")
        self.assertEqual(self.ask().status, 429)
        self.assertEqual(self.ask().status, 429)
        self.assertEqual(self.seen(), 1)
        with open(self.gateway.config_path, encoding="utf-8") as file:
            text = file.read()
        self.gateway.write_config(text.replace("key_cooldown_ms = 300000", "key_cooldown_ms = 0"))
        self.gateway.signal(1)
        support.wait_until(lambda: self.gateway.metric('reloads_total.*result="ok"') == 1,
                           "no reload")
        self.assertEqual(self.ask().status, 200)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
