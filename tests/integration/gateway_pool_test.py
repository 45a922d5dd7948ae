#!/usr/bin/env python3
"""Pools: where a request goes that its target fails, and that a target which fails is left alone.

The real program against scripted upstreams that count what reaches them. Target `a` comes first as
long as it can be used, so that every script says what happens when `a` does something wrong.
"""

import json
import os
import sys
import tempfile
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk, event
from pool_support import BODY, STREAM, PooledCase, delta, reply

def answers(text):
    """Answers either way, as it is asked."""
    def script(connection, request):
        if b'"stream":true' not in request.body:
            return support.json_answer(connection, reply(text))
        connection.send(STREAM_HEAD + chunk(delta(text)) + chunk(delta("", "stop"))
                        + chunk(DONE) + b"0\r\n\r\n")
        return True
    return script


def refuses(line, kind="server_error", fields="", code=None, message="no"):
    body = json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode()
    return lambda connection, request: support.json_answer(connection, body, line, fields)


def resets(connection, request):
    connection.reset()
    return False


def is_silent(connection, request):
    connection.wait_for_end()
    return False


def cut_after(*pieces):
    """Sends a stream's head and these, and then the connection is gone."""
    def script(connection, request):
        connection.send(STREAM_HEAD + b"".join(pieces))
        return False
    return script


BROKEN = refuses("500 Oops")
STREAMED_ERROR = event(b'{"error":{"message":"out of memory","type":"server_error"}}')


class PoolCase(PooledCase):
    LLM = """
[llm.{name}]
provider = "{provider}"
base_url = "http://127.0.0.1:{port}/v1"
token_env = "TEST_UPSTREAM_KEY"
max_retries = {retries}
retry_initial_ms = 20
key_cooldown_ms = 0
timeouts = {{ first_byte_ms = 400, silence_ms = 400, connect_ms = 400 }}
"""

    def start(self, a, b=None, c=None, pool='targets = ["a", "b"]\nstrategy = "priority"\n',
              more="", retries=0, providers=None, shards=1, route=""):
        """Each of a, b and c is a script, or a list of scripts used in turn, the last for good."""
        self.peers = {}
        text = f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = {shards}\n'
        for name, scripts in (("a", a), ("b", b), ("c", c)):
            if scripts is None:
                continue
            peer = self.peer(scripts if isinstance(scripts, list) else [scripts])
            self.peers[name] = peer
            text += self.LLM.format(name=name, port=peer.port, retries=retries,
                                    provider=(providers or {}).get(name, "openai_compatible"))
        text += (f'\n[pool.p]\n{pool}\n{more}\n'
                 f'[[route]]\npath_prefix = "/v1"\ntarget_llm = "p"\n{route}')
        self.gateway = Gateway(text)
        self.addCleanup(self.end)

    def peer(self, scripts):
        def script(connection, request):
            with peer.lock:
                turn = min(len(peer.requests), len(scripts)) - 1
            return scripts[turn](connection, request)
        peer = Upstream(script)
        self.addCleanup(peer.close)
        return peer

    def end(self):
        self.gateway.stop()
        for name, peer in self.peers.items():
            self.assertEqual(peer.errors, [], name)

    def streamed(self, response):
        """The texts of a whole stream, each event of which must be well-formed."""
        self.assertEqual(response.status, 200, response.body)
        events = [e for e in response.body.split(b"\n\n") if e]
        self.assertEqual(events[-1], b"data: [DONE]")
        texts = []
        for one in events[:-1]:
            texts.append(json.loads(one.removeprefix(b"data: "))["choices"][0]["delta"]["content"])
        return "".join(texts)

    def fail_overs(self):
        return self.gateway.metric(r'^sluice_retries_total.*reason="fail_over"')

    def log(self, text):
        support.wait_until(lambda: text in self.gateway.read_access(), f"no {text} in the log")


class FailOver(PoolCase):
    """One fault at `a` each; the client must not notice."""

    def expect_other(self, script, body=BODY, **settings):
        self.start(script, answers("from b"), **settings)
        response = self.ask(body)
        text = self.streamed(response) if body is STREAM else self.text_of(response)
        self.assertEqual(text, "from b")
        self.assertEqual((self.seen("a"), self.seen("b")), (1, 1))
        self.assertEqual(self.peers["b"].requests[0].body, body)
        self.assertEqual(self.fail_overs(), 1)
        self.log("upstream=b pool=p")
        self.log("attempts=2 retry_reason=fail_over")

    def test_500(self):
        self.expect_other(BROKEN)

    def test_503(self):
        self.expect_other(refuses("503 Service Unavailable"), STREAM)

    def test_429(self):
        self.expect_other(refuses("429 Slow Down", "rate_limit_error", "Retry-After: 5\r\n"))

    def test_a_refused_key(self):
        self.expect_other(refuses("401 Unauthorized", "invalid_request_error"))

    def test_a_missing_model(self):
        self.expect_other(refuses("404 Not Found", "invalid_request_error", "",
                                  "model_not_found", "The model `m` does not exist"))

    def test_a_reset(self):
        self.expect_other(resets)

    def test_silence_before_the_first_byte(self):
        self.expect_other(is_silent, STREAM)

    def test_a_stream_that_is_cut_before_its_first_event(self):
        self.expect_other(cut_after(), STREAM)

    def test_a_stream_that_is_cut_inside_its_first_event(self):
        self.expect_other(cut_after(chunk(b'data: {"id":')), STREAM)

    def test_a_stream_that_begins_with_an_error(self):
        self.expect_other(cut_after(chunk(STREAMED_ERROR), b"0\r\n\r\n"), STREAM)

    def test_a_stream_that_is_empty(self):
        self.expect_other(cut_after(b"0\r\n\r\n"), STREAM)

    def test_a_chunk_that_is_none(self):
        self.expect_other(cut_after(b"zz\r\n"), STREAM)

    def test_silence_after_the_head(self):
        def script(connection, request):
            connection.send(STREAM_HEAD)
            connection.wait_for_end()
            return False
        self.expect_other(script, STREAM)

    def test_nobody_listens(self):
        self.start(answers("from a"), answers("from b"))
        self.peers["a"].close()
        for _ in range(3):
            self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertGreaterEqual(self.fail_overs(), 1)


class OtherOutcomes(PoolCase):
    def test_what_is_wrong_with_the_request_is_told_as_it_is(self):
        said = refuses("400 Bad Request", "invalid_request_error", message="temperature is 9")
        self.start(said, answers("from b"))
        for _ in range(20):
            response = self.ask()
            self.assertEqual(response.status, 400)
            self.assertIn(b"temperature is 9", response.body)
        # It opens no breaker either.
        self.assertEqual((self.seen("a"), self.seen("b")), (20, 0))

    def test_a_stream_that_breaks_after_its_first_event_is_not_begun_again(self):
        self.start(cut_after(chunk(delta("half"))), answers("from b"))
        response = self.ask(STREAM)
        self.assertEqual(response.status, 200)
        self.assertIn(b"half", response.body)
        self.assertIn(b"stream_truncated", response.body)
        self.assertNotIn(b"[DONE]", response.body)
        self.assertEqual((self.seen("a"), self.seen("b")), (1, 0))

    def test_a_stream_without_its_terminator_says_so(self):
        self.start(cut_after(chunk(delta("all")), b"0\r\n\r\n"), answers("from b"))
        response = self.ask(STREAM)
        self.assertIn(b"stream_truncated", response.body)
        self.assertEqual(self.seen("b"), 0)

    def test_a_slow_first_token_is_waited_for(self):
        def script(connection, request):
            connection.send(STREAM_HEAD)
            time.sleep(0.3)  # Within the silence that is allowed.
            connection.send(chunk(delta("slow")) + chunk(DONE) + b"0\r\n\r\n")
            return True
        self.start(script, answers("from b"))
        self.assertEqual(self.streamed(self.ask(STREAM)), "slow")
        self.assertEqual(self.seen("b"), 0)

    def test_heads_that_are_held_back_are_not_mixed(self):
        def script(connection, request):
            mark = request.field("x-mark").encode()
            field = b"\r\nx-mark: " + mark + b"\r\n\r\n"
            connection.send(STREAM_HEAD.replace(b"\r\n\r\n", field))
            time.sleep(0.1)  # The gateway has read this head, and reads others before the event.
            connection.send(chunk(delta(mark.decode())) + chunk(DONE) + b"0\r\n\r\n")
            return True
        self.start(script, pool='targets = ["a"]\n')
        clients = [self.gateway.client() for _ in range(8)]
        for i, client in enumerate(clients):
            client.post(CHAT, STREAM, (("x-mark", f"{i}" * 20),))
        for i, client in enumerate(clients):
            response = client.read_response()
            self.assertEqual(response.field("x-mark"), f"{i}" * 20)
            self.assertEqual(self.streamed(response), f"{i}" * 20)

    def test_when_all_fail_the_last_word_is_told_at_once(self):
        self.start(BROKEN, refuses("502 Bad Gateway", message="b is broken"))
        began = time.monotonic()
        response = self.ask()
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(response.status, 502)
        self.assertIn(b"b is broken", response.body)
        self.assertEqual((self.seen("a"), self.seen("b")), (1, 1))

    def test_when_all_fail_retries_begin_with_the_first_again(self):
        self.start([BROKEN, answers("from a")], BROKEN, retries=1)
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertEqual((self.seen("a"), self.seen("b")), (2, 1))

    def test_no_more_targets_than_allowed(self):
        self.start(BROKEN, BROKEN, answers("from c"), pool='''
targets = ["a", "b", "c"]
strategy = "priority"
fail_over = { attempts_max = 2 }
''')
        self.assertEqual(self.ask().status, 502)
        self.assertEqual(self.seen("c"), 0)

    def test_only_the_failures_that_are_named(self):
        self.start(BROKEN, answers("from b"), pool='''
targets = ["a", "b"]
strategy = "priority"
fail_over = { on = ["throttled"] }
''')
        self.assertEqual(self.ask().status, 502)
        self.assertEqual(self.seen("b"), 0)

    def test_usage_is_counted_once_and_of_the_one_that_answered(self):
        self.start(BROKEN, lambda c, r: support.json_answer(c, reply("b", 30, 20)))
        self.ask()
        self.log("prompt_tokens=30 completion_tokens=20")
        self.assertEqual(self.gateway.metric(r'^sluice_tokens_total.*"prompt"'), 30)
        answered = r'^sluice_requests_total.*{}status="200"'
        self.assertEqual(self.gateway.metric(answered.format('upstream="b",')), 1)
        self.assertEqual(self.gateway.metric(answered.format("")), 1)


class MidStream(PoolCase):
    """A stream that breaks after part of it was passed on, where the pool wants it begun anew."""

    RESTART = 'targets = ["a", "b"]\nstrategy = "priority"\nfail_over.mid_stream = "restart"\n'

    def events_of(self, response):
        return [e.removeprefix(b"data: ") for e in response.body.split(b"\n\n") if e]

    def test_another_target_begins_anew(self):
        self.begin_anew()
        self.log("upstream=b pool=p")
        self.log("part_upstream=a")
        self.log("attempts=2 retry_reason=restart")

    def test_whoever_is_traced_gets_it_too(self):
        self.begin_anew('[traces]\nendpoint = "http://127.0.0.1:9"\nsample_ratio = 1.0\n')

    def begin_anew(self, more=""):
        self.start(cut_after(chunk(delta("half"))), answers("from b"), pool=self.RESTART,
                   more=more)
        response = self.ask(STREAM)
        events = self.events_of(response)
        self.assertEqual(events[-1], b"[DONE]")
        chunks = [json.loads(e) for e in events[:-1]]
        self.assertEqual(chunks[0]["choices"][0]["delta"]["content"], "half")
        self.assertEqual(chunks[1]["choices"], [])
        self.assertEqual(chunks[1]["sluice"], {"restarted": True})
        texts = [c["choices"][0]["delta"]["content"] for c in chunks[2:]]
        self.assertEqual("".join(texts), "from b")
        self.assertEqual((self.seen("a"), self.seen("b")), (1, 1))
        self.assertEqual(self.peers["b"].requests[0].body, STREAM)

    def test_without_another_target_the_client_is_told(self):
        self.start(cut_after(chunk(delta("half"))), pool=(
            'targets = ["a"]\nfail_over.mid_stream = "restart"\n'))
        response = self.ask(STREAM)
        events = self.events_of(response)
        self.assertEqual(len(events), 2)
        self.assertIn(b"stream_truncated", events[1])
        self.assertFalse(response.complete)


class Rest(PoolCase):
    """A target that asked for a rest, or keeps failing, is left alone and comes back."""

    def test_a_throttled_target_rests_as_long_as_it_said(self):
        slow = refuses("429 Slow Down", "rate_limit_error", "Retry-After: 1\r\n")
        self.start([slow, answers("from a")], answers("from b"))
        began = time.monotonic()
        texts = []
        while not texts or texts[-1] != "from a":
            self.assertLess(time.monotonic() - began, 5)
            texts.append(self.text_of(self.ask()))
            time.sleep(0.02)  # Or hundreds of requests would be asked for nothing.
        self.assertGreaterEqual(time.monotonic() - began, 0.95)
        self.assertEqual(self.seen("a"), 2)

    def test_all_that_rest_say_when_to_come_back(self):
        slow = refuses("429 Slow Down", "rate_limit_error", "Retry-After: 30\r\n")
        self.start(slow, slow)
        self.assertEqual(self.ask().status, 429)
        response = self.ask()
        self.assertEqual(response.status, 503)
        self.assertIn(b"no_target_available", response.body)
        self.assertIn(int(response.field("retry-after")), range(25, 32))
        self.assertEqual((self.seen("a"), self.seen("b")), (1, 1))

    BREAKER = '''
targets = ["a", "b"]
strategy = "priority"
breaker = { failures_max = 5, open_ms = 400, open_ms_max = 400 }
outliers = { enabled = false }
slow_start_ms = 0
'''

    def test_a_breaker_opens_probes_once_and_closes(self):
        self.start([BROKEN] * 6 + [answers("from a")], answers("from b"), pool=self.BREAKER,
                   shards=2)
        for _ in range(30):
            self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertEqual(self.seen("a"), 5)
        # One probe fails, and it stays open for another while.
        support.wait_until(lambda: self.text_of(self.ask()) and self.seen("a") > 5, "no probe")
        for _ in range(10):
            self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertEqual(self.seen("a"), 6)
        # Two that succeed close it.
        support.wait_until(lambda: self.text_of(self.ask()) == "from a", "it does not close")
        support.wait_until(lambda: self.text_of(self.ask()) == "from a", "it does not close")
        for _ in range(10):
            self.assertEqual(self.text_of(self.ask()), "from a")

    def test_with_every_breaker_open_the_answer_comes_at_once(self):
        self.start(BROKEN, BROKEN, pool=self.BREAKER)
        for _ in range(5):
            self.assertEqual(self.ask().status, 502)
        began = time.monotonic()
        response = self.ask()
        self.assertLess(time.monotonic() - began, 0.3)
        self.assertEqual((response.status, response.field("retry-after")), (503, "1"))
        self.assertEqual((self.seen("a"), self.seen("b")), (5, 5))


class Fallbacks(PoolCase):
    def test_another_pool_and_another_dialect(self):
        def claude(connection, request):
            sent = json.loads(request.body)
            self.assertEqual(sent["model"], "claude-x")
            self.assertIn("max_tokens", sent)
            return support.json_answer(connection, json.dumps({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
                "content": [{"type": "text", "text": "from c"}], "stop_reason": "end_turn",
                "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2}}).encode())
        self.start(BROKEN, BROKEN, claude, providers={"c": "anthropic"}, pool='''
targets = ["a/gpt-a", "b"]
strategy = "priority"
fallbacks = ["q"]
[pool.q]
targets = ["c/claude-x"]
''')
        self.assertEqual(self.text_of(self.ask()), "from c")
        self.assertEqual(json.loads(self.peers["a"].requests[0].body)["model"], "gpt-a")
        self.assertEqual(self.peers["b"].requests[0].body, BODY)
        self.log("upstream_model=claude-x")

    def test_too_long_goes_where_there_is_more_room(self):
        long = refuses("400 Bad Request", "invalid_request_error", "", "context_length_exceeded",
                       "This model's maximum context length is 10 tokens")
        self.start(long, answers("from b"), answers("from c"), pool='''
targets = ["a", "b"]
strategy = "priority"
context_fallbacks = ["c"]
''')
        self.assertEqual(self.text_of(self.ask()), "from c")
        self.assertEqual(self.seen("b"), 0)

    def test_filtered_goes_to_another_filter(self):
        filtered = refuses("400 Bad Request", "invalid_request_error", "", "content_filter",
                           "The response was filtered")
        self.start(filtered, answers("from b"), answers("from c"), pool='''
targets = ["a", "b"]
strategy = "priority"
content_fallbacks = ["c"]
''')
        self.assertEqual(self.text_of(self.ask()), "from c")
        self.assertEqual(self.seen("b"), 0)


class NothingIsLeftOfAnAttempt(PoolCase):
    """What the first target said, or had done to it, has no part in the second one's answer."""

    START = (b'{"type":"message_start","message":{"id":"msg_1","type":"message",'
             b'"role":"assistant","model":"m","content":[],"stop_reason":null,'
             b'"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}')
    BLOCK = b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'

    def claude(self, *texts, is_whole=True):
        """A stream of Anthropic's with these texts, which breaks off or not."""
        events = [(b"message_start", self.START), (b"content_block_start", self.BLOCK)]
        for text in texts:
            events.append((b"content_block_delta", json.dumps({
                "type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": text}}).encode()))
        if is_whole:
            events += [(b"content_block_stop", b'{"type":"content_block_stop","index":0}'),
                       (b"message_delta", b'{"type":"message_delta","delta":{"stop_reason":'
                        b'"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}'),
                       (b"message_stop", b'{"type":"message_stop"}')]
        body = b"".join(chunk(b"event: " + n + b"\ndata: " + d + b"\n\n") for n, d in events)
        return cut_after(body, b"0\r\n\r\n" if is_whole else b"")

    GUARD = '''
[processor.guard]
type = "guard"
direction = "response"
patterns = ["secret-[0-9]+"]
action = "redact"
'''
    ROUTED = 'targets = ["a", "b"]\nstrategy = "priority"\n'

    def start_guarded(self, a, b):
        self.start(a, b, pool=self.ROUTED, more=self.GUARD, route='processors = ["guard"]\n',
                   providers={"a": "anthropic", "b": "anthropic"})

    def test_what_a_guard_held_back_of_the_first_answer_is_not_in_the_second(self):
        self.start_guarded(self.claude("secret-", is_whole=False), self.claude("123 is fine"))
        response = self.ask(STREAM)
        self.assertIn(b"123 is fine", response.body)
        self.assertNotIn(b"secret", response.body)
        self.assertNotIn(b"stream_truncated", response.body)

    def test_a_guard_looks_at_the_second_answer_too(self):
        self.start_guarded(self.claude("", is_whole=False), self.claude("secret-123"))
        response = self.ask(STREAM)
        self.assertEqual(response.status, 200)
        self.assertNotIn(b"secret-123", response.body)

    def test_the_second_target_is_not_blamed_for_the_first(self):
        self.start(cut_after(chunk(STREAMED_ERROR), b"0\r\n\r\n"), self.claude("well"),
                   providers={"b": "anthropic"})
        self.assertIn(b"well", self.ask(STREAM).body)
        faults = r'^sluice_target_faults_total.*target="{}"'
        support.wait_until(lambda: self.gateway.metric(faults.format("a")) == 1, "no fault")
        self.assertEqual(self.gateway.metric(faults.format("b")), 0)


class HeldBack(PoolCase):
    HOLD_TWO = '''
targets = ["a"]
fail_over = { hold_events = 2, hold_ms_max = 100 }
'''

    def test_half_an_event_waits_for_its_other_half(self):
        half = delta("two")
        def script(connection, request):
            connection.send(STREAM_HEAD + chunk(delta("one") + half[:20]))
            time.sleep(0.25)  # Longer than anything is held back.
            return False
        self.start(script, pool=self.HOLD_TWO)
        response = self.ask(STREAM)
        events = [e for e in response.body.split(b"\n\n") if e and not e.startswith(b":")]
        self.assertIn(b"one", events[0])
        self.assertIn("error", json.loads(events[1].removeprefix(b"data: ")))
        self.assertNotIn(b"two", response.body)

    def test_usage_that_only_the_gateway_wants_is_kept_for_those_who_ask(self):
        usage = event(b'{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
                      b'"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,'
                      b'"total_tokens":5}}')
        whole = cut_after(chunk(delta("short") + delta("", "stop") + usage + DONE), b"0\r\n\r\n")
        self.start(whole, pool='targets = ["a"]\n', providers={"a": "vllm"},
                   more='[cache]\nenabled = true\n[processor.store]\ntype = "cache"\n')
        with open(self.gateway.config_path, encoding="utf-8") as file:
            text = file.read()
        self.gateway.write_config(text.replace('target_llm = "p"',
                                               'target_llm = "p"\nprocessors = ["store"]'))
        self.gateway.signal(1)
        support.wait_until(lambda: self.gateway.metric('reloads_total.*result="ok"') == 1,
                           "no reload")
        self.assertNotIn(b"total_tokens", self.ask(STREAM).body)
        asking = STREAM.replace(b'"stream":true',
                                b'"stream":true,"stream_options":{"include_usage":true}')
        response = self.ask(asking)
        self.assertEqual(response.field("x-cache"), "HIT")
        self.assertIn(b'"total_tokens":5', response.body)


class Room(PoolCase):
    FULL = '''
[[pool.p.target]]
llm = "a"
concurrent_max = 1
'''

    def slow(self, connection, request):
        time.sleep(0.3)  # It has one request at a time, and this one takes so long.
        return support.json_answer(connection, reply("slow"))

    def ask_both(self):
        first, second = self.gateway.client(), self.gateway.client()
        first.post(CHAT, BODY)
        support.wait_until(lambda: self.seen("a") == 1, "not asked")
        second.post(CHAT, BODY)
        responses = [first.read_response(), second.read_response()]
        first.close()
        second.close()
        return responses

    def test_a_full_pool_says_so_at_once(self):
        self.start(self.slow, pool=self.FULL)
        first, second = self.ask_both()
        self.assertEqual((first.status, second.status), (200, 503))
        self.assertIn(b"overloaded", second.body)

    def test_or_lets_a_few_wait(self):
        self.start(self.slow, pool="queue = { waiting_max = 1, wait_ms_max = 5000 }" + self.FULL)
        first, second = self.ask_both()
        self.assertEqual((first.status, second.status), (200, 200))

    def test_what_is_down_is_not_waited_for(self):
        self.start(BROKEN, pool="queue = { waiting_max = 9, wait_ms_max = 5000 }\n"
                                "breaker = { failures_max = 1, open_ms = 3000 }" + self.FULL)
        self.assertEqual(self.ask().status, 502)
        began = time.monotonic()
        self.assertEqual(self.ask().status, 503)
        self.assertLess(time.monotonic() - began, 1)


class ProviderLimits(PoolCase):
    LIMITED = '''
[[pool.p.target]]
llm = "a"
requests_per_minute_max = 2
'''

    def test_what_one_does_not_let_through_spills_over(self):
        self.start(answers("from a"), answers("from b"),
                   pool=self.LIMITED + '[[pool.p.target]]\nllm = "b"\npriority = 1\n')
        self.assertEqual([self.text_of(self.ask()) for _ in range(4)],
                         ["from a", "from a", "from b", "from b"])

    def test_without_another_one_clients_hear_when_to_come_back(self):
        self.start(answers("from a"), pool=self.LIMITED)
        self.assertEqual([self.ask().status for _ in range(2)], [200, 200])
        response = self.ask()
        self.assertEqual(response.status, 503)
        self.assertTrue(20 <= int(response.field("retry-after")) <= 30, response.fields)
        self.assertEqual(self.seen("a"), 2)

    def test_who_was_only_looked_at_has_used_nothing(self):
        self.start(answers("from a"), answers("from b"), providers={"a": "anthropic"},
                   pool=self.LIMITED + '[[pool.p.target]]\nllm = "b"\npriority = 1\n')
        vectors = json.dumps({"model": "m", "input": "x"}).encode()
        for _ in range(3):  # It has none, so that the other one is asked.
            client = self.gateway.client()
            client.post("/v1/embeddings", vectors)
            self.assertEqual(client.read_response().status, 200)
            client.close()
        self.assertEqual((self.seen("a"), self.seen("b")), (0, 3))
        self.ask()
        self.assertEqual(self.seen("a"), 1)

    def test_a_reload_that_fails_changes_no_limit(self):
        self.start(answers("from a"), pool=self.LIMITED.replace("= 2", "= 100"))
        with open(self.gateway.config_path, encoding="utf-8") as file:
            text = file.read()
        with tempfile.NamedTemporaryFile("w", suffix=".json") as keys:
            keys.write("no JSON")
            keys.flush()
            self.gateway.write_config(text.replace("= 100", "= 1") +
                                      f'\n[keys]\nfile = "{keys.name}"\n')
            self.gateway.signal(1)
            support.wait_until(lambda: self.gateway.metric('reloads_total.*result="refused"') >= 1,
                               "the reload was not refused")
        self.assertEqual([self.ask().status for _ in range(3)], [200] * 3)


class ScriptedHedges(PoolCase):
    HEDGE = ('targets = ["a", "b"]\nstrategy = "priority"\n{more}\nhedge = {{ enabled = true, '
             'percentile = 0, delay_ms_min = 50, budget_percent = 100 }}\n')

    def outcomes(self, outcome):
        return self.gateway.metric(f'sluice_hedges_total.*outcome="{outcome}"')

    def test_all_of_a_short_answer_is_an_answer(self):
        self.start(is_silent, answers("short"),
                   pool=self.HEDGE.format(more="fail_over = { hold_events = 8 }"))
        self.assertEqual(self.streamed(self.ask(STREAM)), "short")
        support.wait_until(lambda: self.outcomes("won") == 1, "it has not won")
        self.assertEqual(self.gateway.metric("sluice_target_faults_total"), 0)

    def test_a_key_that_is_refused_rests_and_not_its_target(self):
        def second(connection, request):
            if request.field("authorization").endswith("of-the-second"):
                return answers("from b")(connection, request)
            return refuses("401 Unauthorized")(connection, request)

        def slow(connection, request):
            if self.seen("a") == 1:
                support.wait_until(lambda: self.seen("b") == 1, "no hedge")
                return answers("from a")(connection, request)
            return is_silent(connection, request)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("first", "second"):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(f"sk-of-the-{name}")
            files = ", ".join(f'"{folder}/{name}"' for name in ("first", "second"))
            self.LLM = PoolCase.LLM.replace('token_env = "TEST_UPSTREAM_KEY"',
                                            f"token_files = [{files}]").replace(
                                                "key_cooldown_ms = 0", "key_cooldown_ms = 60000")
            self.start(slow, second, pool=self.HEDGE.format(more=""))
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertEqual(self.gateway.metric('sluice_target_pushbacks_total.*target="b"'), 0)


class Strategies(PoolCase):
    def test_a_request_may_name_one_where_it_is_allowed(self):
        self.start(answers("from a"), answers("from b"), pool='''
targets = ["a", "b"]
strategy = "priority"
allow_override = true
''')
        self.assertEqual({self.text_of(self.ask()) for _ in range(8)}, {"from a"})
        turn = (("x-sluice-strategy", "round_robin"),)
        self.assertEqual({self.text_of(self.ask(fields=turn)) for _ in range(8)},
                         {"from a", "from b"})
        response = self.ask(fields=(("x-sluice-strategy", "fastest"),))
        self.assertEqual(response.status, 400)
        self.assertIn(b"There is no strategy 'fastest'", response.body)

    def test_but_nowhere_else(self):
        self.start(answers("from a"), answers("from b"))
        fields = (("x-sluice-strategy", "round_robin"),)
        self.assertEqual({self.text_of(self.ask(fields=fields)) for _ in range(8)}, {"from a"})

    def test_a_session_stays_where_it_is(self):
        self.start(answers("from a"), answers("from b"), pool='''
targets = ["a", "b"]
strategy = "consistent_hash"
affinity_header = "x-session"
''')
        homes = set()
        for session in range(12):
            fields = (("x-session", f"s{session}"),)
            texts = {self.text_of(self.ask(fields=fields)) for _ in range(4)}
            self.assertEqual(len(texts), 1)
            homes |= texts
        self.assertEqual(homes, {"from a", "from b"})


class Capabilities(PoolCase):
    def test_a_call_that_no_target_has_is_refused_as_it_is_without_a_pool(self):
        self.start(answers("from a"), providers={"a": "anthropic"}, pool='targets = ["a"]\n')
        client = self.gateway.client()
        client.post("/v1/embeddings", b'{"model":"m","input":"x"}')
        response = client.read_response()
        client.close()
        self.assertEqual(response.status, 404)
        self.assertIn(b"unsupported_operation", response.body)

    TOOLS = (b'{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{'
             b'"type":"function","function":{"name":"f","parameters":{"type":"object",'
             b'"properties":{}}}}]}')

    def test_a_request_goes_only_where_it_can_be_served(self):
        self.start(answers("from a"), answers("from b"), pool='''
strategy = "priority"
[[pool.p.target]]
llm = "a"
lacks = ["tools"]
context_tokens_max = 500
[[pool.p.target]]
llm = "b"
context_tokens_max = 2000
''')
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertEqual(self.text_of(self.ask(self.TOOLS)), "from b")
        long = BODY.replace(b"hi", b"word " * 1000)
        self.assertEqual(self.text_of(self.ask(long)), "from b")
        response = self.ask(BODY.replace(b"hi", b"word " * 8000))
        self.assertEqual(response.status, 400)
        self.assertIn(b"context_length_exceeded", response.body)

    def test_what_none_can_do_is_said(self):
        self.start(answers("from a"), pool='[[pool.p.target]]\nllm = "a"\nlacks = ["tools"]\n')
        response = self.ask(self.TOOLS)
        self.assertEqual(response.status, 400)
        self.assertIn(b"missing: tools", response.body)
        self.assertEqual(self.seen("a"), 0)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
