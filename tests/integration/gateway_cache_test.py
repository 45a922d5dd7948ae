"""The response cache and shared calls in the real binary, over connections on two shards.

The upstream counts what it is asked; a hit is an answer that it was not asked for. What a client
gets from the cache is compared with what the first one got, byte for byte where the form is the
same.
"""

import json
import os
import re
import sys
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, chunk, event, json_answer
from secret_watch import WatchedCase

MESSAGES = "/v1/messages"
EMBEDDINGS = "/v1/embeddings"
CONNECTIONS = 8
SIMULTANEOUS = 50
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
WORDS = ("One", " two", " three")


def config(port, cache="enabled = true", processor='type = "cache"', server="", more=""):
    return support.config_for(
        port, llm='stream_usage = "always"', server='access_log.format = "json"\n' + server,
        route='processors = ["step"]',
        more=f"[cache]\n{cache}\n[processor.step]\n{processor}\n{more}").replace(
            "shards = 1", "shards = 2")


def body(text="Hello", **more):
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": "m", "messages": messages, **more}).encode()


def whole(number):
    return json.dumps({
        "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1760433667,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)},
                     "finish_reason": "stop"}], "usage": USAGE}).encode()


def events(number, with_usage):
    def made(choices, **more):
        return event(json.dumps({
            "id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1760433667,
            "model": "m", "choices": choices, **more}).encode())
    yield made([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
    for word in WORDS:
        yield made([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
    yield made([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if with_usage:
        yield made([], usage=USAGE)
    yield DONE


def text_of(stream):
    """What a stream of chat completions says, and its usage."""
    text, usage = "", None
    for line in stream.decode().splitlines():
        if line.startswith("data: {"):
            data = json.loads(line[6:])
            usage = data.get("usage") or usage
            for choice in data["choices"]:
                text += choice["delta"].get("content") or ""
    return text, usage


class Answers:
    """An upstream that numbers its answers; a stream waits where it is told to."""

    def __init__(self):
        self.count = 0
        self.lock = threading.Lock()
        self.go_on = threading.Event()
        self.go_on.set()
        self.halts_after = None  # Events.
        self.breaks_after = None
        self.gone = threading.Event()

    def __call__(self, connection, request):
        with self.lock:
            self.count += 1
            number = self.count
        asked = json.loads(request.body)
        if not asked.get("stream"):
            self.go_on.wait(support.PATIENCE_S)
            return json_answer(connection, whole(number))
        connection.send(STREAM_HEAD)
        with_usage = (asked.get("stream_options") or {}).get("include_usage", False)
        for at, text in enumerate(events(number, with_usage)):
            if at == self.breaks_after:
                return False
            if at == self.halts_after:
                self.go_on.wait(support.PATIENCE_S)
            try:
                connection.send(chunk(text))
            except OSError:
                self.gone.set()
                return False
        connection.send(b"0\r\n\r\n")
        return True


class CacheTest(WatchedCase):
    def start(self, **settings):
        self.answers = Answers()
        self.upstream = support.Upstream(self.answers)
        self.addCleanup(self.upstream.close)
        self.gateway = support.Gateway(config(self.upstream.port, **settings))
        self.addCleanup(self.stop, self.gateway, self.upstream, self.answers)

    def stop(self, gateway, upstream, answers):
        answers.go_on.set()
        self.assertEqual(gateway.stop(), 0)
        self.assertEqual(upstream.errors, [])

    def ask(self, data, path=CHAT, fields=(), client=None):
        own = client is None
        client = client or self.gateway.client()
        client.post(path, data, fields)
        response = client.read_response()
        if own:
            client.close()
        return response

    def outcome(self, data, **more):
        response = self.ask(data, **more)
        self.assertEqual((response.status, response.complete), (200, True), response.body)
        return response.field("x-cache")

    def log_of(self, pattern):
        support.wait_until(lambda: re.search(pattern, self.gateway.read_access()),
                           f"no line with {pattern}")

    # --- Hits.

    def test_connections_on_all_shards_get_one_answer(self):
        self.start()
        first = self.ask(body())
        self.assertEqual(first.field("x-cache"), "MISS")
        clients = [self.gateway.client() for _ in range(CONNECTIONS)]
        ids = {first.field("x-request-id")}
        for client in clients:
            for _ in range(2):
                response = self.ask(body(), client=client)
                self.assertEqual(response.field("x-cache"), "HIT")
                self.assertEqual(response.body, first.body)
                self.assertEqual(response.field("content-type"), "application/json")
                self.assertRegex(response.field("age"), "^[0-9]+$")
                ids.add(response.field("x-request-id"))
        self.assertEqual(len(ids), 2 * CONNECTIONS + 1)
        self.assertEqual(self.answers.count, 1)
        shards = [self.gateway.metric(f'sluice_client_connections_total{{.*shard="{i}"')
                  for i in range(2)]
        self.assertTrue(all(shards), shards)
        self.log_of('"cache":"store"')
        self.log_of('"cache":"hit".*"prompt_tokens":11')
        support.wait_until(lambda: self.gateway.metric("sluice_cache_hits_total") == 16
                           and self.gateway.metric("sluice_cache_entries") == 1, "no metrics")
        self.assertEqual(self.gateway.metric('sluice_tokens_total.*kind="prompt"'), 11)

    def test_white_space_and_who_asks_do_not_matter(self):
        self.start()
        self.ask(b'{"model":"m","messages":[{"role":"user","content":"x"}],"user":"a"}')
        self.assertEqual(self.outcome(
            b' {"messages": [ {"content":"x","role":"user"} ], "model":"m", "user":"b"}'), "HIT")
        self.assertEqual(self.outcome(body("y")), "MISS")
        self.assertEqual(self.outcome(body("y", temperature=0)), "MISS")

    def test_embeddings_are_kept(self):
        self.start()
        data = json.dumps({"model": "e", "input": "x"}).encode()
        self.assertEqual(self.outcome(data, path=EMBEDDINGS), "MISS")
        self.assertEqual(self.outcome(data, path=EMBEDDINGS), "HIT")

    def test_other_calls_pass_by(self):
        self.start()
        for _ in range(2):
            response = self.ask(body(), path="/v1/moderations")
            self.assertIsNone(response.field("x-cache"))
        self.assertEqual(self.answers.count, 2)

    # --- Forms.

    def test_a_stream_is_played_again(self):
        self.start()
        first = self.ask(body(stream=True))
        again = self.ask(body(stream=True))
        self.assertEqual((first.field("x-cache"), again.field("x-cache")), ("MISS", "HIT"))
        self.assertEqual(again.body, first.body)
        self.assertTrue(again.complete)
        self.assertTrue(again.field("content-type").startswith("text/event-stream"))
        self.assertEqual(text_of(first.body), ("One two three", None))

    def test_one_entry_serves_with_usage_and_without(self):
        for leads_with in (True, False):
            self.start()
            plain = body(stream=True)
            asking = body(stream=True, stream_options={"include_usage": True})
            first = self.ask(asking if leads_with else plain)
            second = self.ask(plain if leads_with else asking)
            third = self.ask(asking if leads_with else plain)
            self.assertEqual(self.answers.count, 1)
            self.assertEqual(third.body, first.body)
            with_usage, without = (first, second) if leads_with else (second, first)
            self.assertEqual(with_usage.body, b"".join(events(1, True)))
            self.assertEqual(without.body, b"".join(events(1, False)))

    def test_a_whole_answer_from_a_stream_and_the_reverse(self):
        self.start()
        self.ask(body("a", stream=True))
        response = self.ask(body("a"))
        self.assertEqual(response.field("x-cache"), "HIT")
        answer = json.loads(response.body)
        self.assertEqual(answer["object"], "chat.completion")
        self.assertEqual(answer["choices"][0]["message"]["content"], "One two three")
        self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
        self.assertEqual(answer["usage"]["total_tokens"], 14)
        self.ask(body("b"))
        for asks in (True, False):
            response = self.ask(body("b", stream=True, stream_options={"include_usage": asks}))
            self.assertEqual(response.field("x-cache"), "HIT")
            text, usage = text_of(response.body)
            self.assertEqual((text, bool(usage)), ("One two three", asks))
            self.assertTrue(response.body.endswith(DONE))
        self.assertEqual(self.answers.count, 2)

    def test_a_translated_answer_is_kept_in_the_clients_dialect(self):
        self.start()
        for stream in (True, False):
            text = f"in other words {stream}"
            first = self.ask(body(text, max_tokens=9, stream=stream), path=MESSAGES)
            again = self.ask(body(text, max_tokens=9, stream=stream), path=MESSAGES)
            other = self.ask(body(text, max_tokens=9, stream=not stream), path=MESSAGES)
            self.assertEqual([r.field("x-cache") for r in (first, again, other)],
                             ["MISS", "HIT", "HIT"])
            self.assertEqual(again.body, first.body)
            if stream:
                self.assertIn(b"event: message_stop", first.body)
                self.assertEqual(json.loads(other.body)["content"][0]["text"], "One two three")
            else:
                self.assertIn(b"event: message_stop", other.body)

    def test_the_original_pace(self):
        self.start(processor='type = "cache"\nreplay = "original_pace"')
        self.answers.halts_after = 3
        self.answers.go_on.clear()
        threading.Timer(0.5, self.answers.go_on.set).start()
        first = self.ask(body(stream=True))
        began = time.monotonic()
        again = self.ask(body(stream=True))
        self.assertGreaterEqual(time.monotonic() - began, 0.35)
        self.assertEqual((again.body, again.field("x-cache")), (first.body, "HIT"))

    # --- The client's words.

    def test_words_of_the_request(self):
        self.start()
        self.assertEqual(self.outcome(body()), "MISS")
        self.assertEqual(self.outcome(body(), fields=(("cache-control", "max-age=60"),)), "HIT")
        fresh = self.ask(body(), fields=(("cache-control", "no-cache"),))
        self.assertEqual((fresh.field("x-cache"), self.answers.count), ("MISS", 2))
        self.assertEqual(self.ask(body()).body, fresh.body, "the newer answer is kept")
        no_store = (("cache-control", "no-store"),)
        self.assertEqual(self.outcome(body(), fields=no_store), "HIT")
        self.assertEqual(self.outcome(body("z"), fields=no_store), "MISS")
        self.assertEqual(self.outcome(body("z")), "MISS")
        support.wait_until(lambda: int(self.ask(body()).field("age")) >= 1, "it does not age")
        self.assertEqual(self.outcome(body(), fields=(("cache-control", "max-age=1"),)), "MISS")
        only = (("cache-control", "only-if-cached"),)
        self.assertEqual(self.outcome(body(), fields=only), "HIT")
        count = self.answers.count
        self.assertEqual(self.ask(body("never"), fields=only).status, 504)
        self.assertEqual(self.answers.count, count)

    def test_cache_enabled_is_ours(self):
        self.start()
        self.assertEqual(self.outcome(body(cache_enabled=True)), "MISS")
        self.assertEqual(self.outcome(body(cache_enabled=True)), "HIT")
        self.assertEqual(self.outcome(body()), "HIT")
        self.assertEqual(self.outcome(body(cache_enabled=False)), "BYPASS")
        self.assertEqual(self.answers.count, 2)
        for request in self.upstream.requests:
            self.assertNotIn(b"cache_enabled", request.body)
        self.log_of('"cache":"bypass"')

    def test_fields_that_vary(self):
        self.start(processor='type = "cache"\nvary_headers = ["x-variant"]')
        self.assertEqual(self.outcome(body(), fields=(("x-variant", "a"),)), "MISS")
        self.assertEqual(self.outcome(body(), fields=(("x-variant", "b"),)), "MISS")
        self.assertEqual(self.outcome(body(), fields=(("X-Variant", "a"),)), "HIT")

    def test_only_what_would_be_answered_the_same(self):
        self.start(processor='type = "cache"\ndeterministic_only = true')
        self.assertEqual(self.outcome(body()), "BYPASS")
        self.assertEqual(self.outcome(body(temperature=0)), "MISS")
        self.assertEqual(self.outcome(body(temperature=0)), "HIT")
        self.assertEqual(self.outcome(body(seed=7)), "MISS")

    # --- What is not kept.

    def test_a_broken_stream_is_not_kept(self):
        self.start()
        self.answers.breaks_after = 3
        response = self.ask(body(stream=True))
        self.assertFalse(response.complete)
        self.answers.breaks_after = None
        self.assertEqual(self.outcome(body(stream=True)), "MISS")
        self.assertEqual(self.outcome(body(stream=True)), "HIT")

    def test_errors_and_large_answers_are_not_kept(self):
        self.start(cache="enabled = true\nentry_bytes_max = 1024")
        self.upstream.script = lambda c, r: json_answer(
            c, b'{"error":{"message":"busy"}}', "429 Too Many Requests")
        self.assertEqual(self.ask(body()).status, 429)
        big = json.dumps({"choices": [], "padding": "x" * 5000}).encode()
        self.upstream.script = lambda c, r: json_answer(c, big)
        self.assertEqual(self.outcome(body()), "MISS")
        self.assertEqual(self.outcome(body()), "MISS")

    def test_answers_age(self):
        self.start(processor='type = "cache"\nttl_s = 1')
        self.assertEqual(self.outcome(body()), "MISS")
        self.assertEqual(self.outcome(body()), "HIT")
        support.wait_until(lambda: self.outcome(body()) == "MISS", "it does not age")

    def test_without_a_cache_everything_passes(self):
        self.start(cache="enabled = false")
        self.assertEqual(self.outcome(body(cache_enabled=True)), "BYPASS")
        self.assertNotIn(b"cache_enabled", self.upstream.requests[0].body)

    # --- The file.

    def test_the_file_outlives_the_process(self):
        self.start()
        path = os.path.join(self.gateway.folder.name, "..", f"sluice-cache-{os.getpid()}")
        self.addCleanup(lambda: os.path.exists(path) and os.remove(path))
        cache = f'enabled = true\nsnapshot_file = "{path}"'
        answers = {}
        first = support.Gateway(config(self.upstream.port, cache))
        for stream in (True, False):
            client = first.client()
            client.post(CHAT, body(f"kept {stream}", stream=stream))
            answers[stream] = client.read_response().body
            client.close()
        self.assertEqual(first.stop(), 0)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        count = self.answers.count
        second = support.Gateway(config(self.upstream.port, cache))
        for stream in (True, False):
            client = second.client()
            client.post(CHAT, body(f"kept {stream}", stream=stream))
            response = client.read_response()
            client.close()
            self.assertEqual((response.field("x-cache"), response.body), ("HIT", answers[stream]))
        self.assertEqual(self.answers.count, count)
        self.assertEqual(second.stop(), 0)
        with open(path, "r+b") as file:
            file.seek(60)
            file.write(b"\xff\xff\xff\xff")
        third = support.Gateway(config(self.upstream.port, cache))
        support.wait_until(lambda: "is damaged" in third.read_log(), "nothing is said")
        self.assertEqual(third.stop(), 0)

    # --- The same at the same time.

    def together(self, count, data, fields=()):
        clients = [self.gateway.client() for _ in range(count)]
        for client in clients:
            client.post(CHAT, data, fields)
        return clients

    def wait_for_joiners(self, count):
        """Everybody waits at the gateway: what it has read of their requests tells."""
        support.wait_until(lambda: self.gateway.metric("sluice_exchanges") >= count, "not there")
        time.sleep(0.2)  # The last ones ask another shard, and nothing tells when it has heard.

    def check_simultaneous(self, data, compare):
        self.answers.halts_after = 2
        self.answers.go_on.clear()
        clients = self.together(SIMULTANEOUS, data)
        self.wait_for_joiners(SIMULTANEOUS)
        self.answers.go_on.set()
        responses = [client.read_response() for client in clients]
        self.assertEqual({(r.status, r.complete) for r in responses}, {(200, True)})
        self.assertEqual(len({r.body for r in responses}), 1)
        compare(responses[0].body)
        self.assertEqual(self.answers.count, 1)
        for client in clients:
            client.close()
        return responses

    def test_simultaneous_streams_share_a_call(self):
        for processor in ('type = "cache"', 'type = "coalesce"\nany = true'):
            self.start(processor=processor)
            responses = self.check_simultaneous(
                body(stream=True), lambda b: self.assertEqual(b, b"".join(events(1, False))))
            self.assertEqual([r.field("x-cache") for r in responses].count("JOIN"),
                             SIMULTANEOUS - 1)
            support.wait_until(lambda: self.gateway.metric("sluice_cache_joins_total")
                               == SIMULTANEOUS - 1, "joins")

    def test_simultaneous_whole_answers_share_a_call(self):
        self.start(processor='type = "coalesce"')
        self.check_simultaneous(body(temperature=0), lambda b: self.assertEqual(b, whole(1)))
        self.assertEqual(self.ask(body(temperature=0)).status, 200)
        self.assertEqual(self.answers.count, 2, "nothing is kept")

    def test_what_is_not_deterministic_is_not_shared(self):
        self.start(processor='type = "coalesce"')
        self.answers.halts_after = 2
        self.answers.go_on.clear()
        clients = self.together(3, body(stream=True))
        support.wait_until(lambda: self.answers.count == 3, "not three calls")
        self.answers.go_on.set()
        self.assertEqual(len({c.read_response().body for c in clients}), 3)

    def test_a_late_joiner_gets_what_has_passed_and_goes_on_live(self):
        self.start(processor='type = "coalesce"')
        data = body(stream=True, seed=1)
        self.answers.halts_after = 3
        self.answers.go_on.clear()
        leader = self.gateway.client()
        leader.post(CHAT, data)
        leader.read_head()
        seen = [leader.read_event() for _ in range(3)]
        for _ in range(3):
            joiner = self.gateway.client()
            joiner.post(CHAT, data)
            self.assertEqual(joiner.read_head()[0], 200)
            passed = b""
            while passed.count(b"\n\n") < 3:
                passed += joiner.read_event()
            self.assertEqual(passed, b"".join(seen))
            self.together_later = getattr(self, "together_later", []) + [joiner]
        self.answers.go_on.set()
        rest = b"".join(list(events(1, False))[3:])
        for client in (leader, *self.together_later):
            got = b""
            while not got.endswith(DONE):
                got += client.read_event()
            self.assertEqual(got, rest)
            client.close()
        self.assertEqual(self.answers.count, 1)

    def test_a_call_goes_on_when_its_leader_leaves(self):
        for stream in (True, False):
            self.start(processor='type = "coalesce"')
            data = body(stream=stream, seed=2)
            self.answers.halts_after = 3
            self.answers.go_on.clear()
            leader = self.gateway.client()
            leader.post(CHAT, data)
            support.wait_until(lambda: self.answers.count == 1, "no call")
            joiners = self.together(5, data)
            self.wait_for_joiners(6)
            leader.reset()
            time.sleep(0.2)  # That the leader is gone is told only when its call is over.
            self.answers.go_on.set()
            for joiner in joiners:
                response = joiner.read_response()
                self.assertEqual((response.status, response.complete), (200, True))
                self.assertEqual(response.body,
                                 b"".join(events(1, False)) if stream else whole(1))
                joiner.close()
            self.assertEqual(self.answers.count, 1)
            self.log_of('"status":499')

    def test_a_call_ends_when_nobody_is_left(self):
        self.start(processor='type = "coalesce"')
        self.answers.halts_after = 3
        self.answers.go_on.clear()
        clients = self.together(3, body(stream=True, seed=3))
        self.wait_for_joiners(3)
        for client in clients:
            client.reset()
        support.wait_until(lambda: self.gateway.metric("sluice_exchanges") <= 1, "it goes on")

    def test_joiners_are_told_the_upstreams_refusal(self):
        self.start(processor='type = "coalesce"')
        go_on = threading.Event()
        asked = []

        def refuse(connection, request):
            asked.append(request)
            go_on.wait(support.PATIENCE_S)
            return json_answer(connection, b'{"error":{"message":"slow down"}}',
                               "429 Too Many Requests")

        self.upstream.script = refuse
        clients = self.together(10, body(stream=True, seed=4))
        self.wait_for_joiners(10)
        go_on.set()
        responses = [client.read_response() for client in clients]
        self.assertEqual({r.status for r in responses}, {429})
        self.assertTrue(all(b"slow down" in r.body for r in responses))
        self.assertEqual(len(asked), 1)

    def test_joiners_of_a_broken_stream_are_told(self):
        self.start(processor='type = "coalesce"')
        self.answers.halts_after = 3
        self.answers.go_on.clear()
        clients = self.together(6, body(stream=True, seed=5))
        self.wait_for_joiners(6)
        self.answers.breaks_after = 4
        self.answers.go_on.set()
        for client in clients:
            response = client.read_response()
            self.assertEqual((response.status, response.complete), (200, False))
            self.assertIn(b"stream_truncated", response.body)
        self.assertEqual(self.answers.count, 1)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
