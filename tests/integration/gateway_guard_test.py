"""Guards: prompts and answers, streamed and whole, and the word of a webhook.

What is found at every split of a text is tested over events that cut it at each place, so that the
client's stream must be the same whatever the upstream's pieces were.
"""

import json
import os
import sys
import tempfile
import time
import unittest

import gateway_support as support
import tls_support
from secret_watch import WatchedCase

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
TEXT = "to a.b@example.org: one zebra, two zebras."
CLEAN = "to [redacted]: one [redacted], two zebras."


def chat_body(text, **more):
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": "m", "messages": messages, **more}).encode()


def chat_reply(text, **more):
    message = {"role": "assistant", "content": text, **more}
    return json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
                       "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                       "usage": {"prompt_tokens": 3, "completion_tokens": 4,
                                 "total_tokens": 7}}).encode()


def chat_chunk(delta, finish=None):
    return support.event(json.dumps(
        {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode())


def chat_stream(pieces):
    """A script that streams these pieces of a text, a chunk each."""
    def script(connection, _):
        connection.send(support.STREAM_HEAD)
        for piece in pieces:
            connection.send(support.chunk(chat_chunk({"content": piece})))
        connection.send(support.chunk(chat_chunk({}, "stop") + support.DONE) + b"0\r\n\r\n")
        return True
    return script


def messages_event(name, **data):
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def messages_stream(pieces):
    def script(connection, _):
        events = messages_event("message_start", message={
            "id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1}})
        events += messages_event("content_block_start", index=0,
                                 content_block={"type": "text", "text": ""})
        connection.send(support.STREAM_HEAD + support.chunk(events))
        for piece in pieces:
            connection.send(support.chunk(messages_event(
                "content_block_delta", index=0, delta={"type": "text_delta", "text": piece})))
        events = messages_event("content_block_stop", index=0)
        events += messages_event("message_delta", delta={"stop_reason": "end_turn",
                                                         "stop_sequence": None},
                                 usage={"output_tokens": 4})
        connection.send(support.chunk(events + messages_event("message_stop")) + b"0\r\n\r\n")
        return True
    return script


def data_of(stream):
    return [line[6:] for line in stream.decode().split("\n") if line.startswith("data: ")]


def chat_text(stream):
    """The text of a stream of chat completions."""
    texts = []
    for data in data_of(stream):
        if data != "[DONE]" and "choices" in data:
            for choice in json.loads(data)["choices"]:
                texts.append(choice["delta"].get("content") or "")
    return "".join(texts)


GUARD = '[processor.guard]\ntype = "guard"\nwords = ["zebra"]\npresets = ["email"]\n'
ROUTE = 'processors = ["guard"]'


class Guards(WatchedCase):
    def setUp(self):
        self.upstream = support.Upstream(lambda c, r: support.json_answer(c, chat_reply("fine")))
        self.webhook = support.Upstream()
        self.gateway = None

    def tearDown(self):
        log = self.gateway.read_log()
        code = self.gateway.stop()
        self.upstream.close()
        self.webhook.close()
        self.assertEqual(code, 0, log)
        self.assertEqual(self.upstream.errors + self.webhook.errors, [])

    def start(self, settings, llm="", guard=GUARD):
        config = support.config_for(self.upstream.port, route=ROUTE, llm=llm,
                                    more=guard + settings)
        self.gateway = support.Gateway(config)

    def ask(self, body, path=CHAT):
        client = self.gateway.client()
        client.post(path, body, (("Content-Type", "application/json"),))
        response = client.read_response()
        client.close()
        return response

    def assert_blocked(self, response, rule="words"):
        self.assertEqual(response.status, 400, response.body)
        error = json.loads(response.body)["error"]
        self.assertEqual(error["code"], "content_blocked")
        self.assertIn(f"'{rule}'", error["message"])
        self.assertNotIn("zebra", error["message"])

    # --- Prompts.

    def test_prompts_are_blocked(self):
        self.start("")
        self.assert_blocked(self.ask(chat_body("a Zebra!")))
        self.assertEqual(self.upstream.requests, [])
        self.assertEqual(self.ask(chat_body("zebras")).status, 200)
        self.assertEqual(self.gateway.metric('sluice_guard_matches_total.*action="block"'), 1)
        support.wait_until(lambda: "guard_rule" in self.gateway.read_access(), "not logged")
        self.assertNotIn("Zebra", self.gateway.read_access() + self.gateway.read_log())

    def test_prompts_are_redacted_and_the_rest_stays(self):
        self.start('action = "redact"\n')
        body = (b'{ "model":"m","zebra":1.50,\n "messages":[{"role":"user", "content":'
                b'"\\u0061 zebra \\ud83d\\ude00\\n"}] , "x" :[ ]}')
        self.assertEqual(self.ask(body).status, 200)
        self.assertEqual(self.upstream.requests[0].body,
                         body.replace(b'"\\u0061 zebra', b'"\\u0061 [redacted]'))

    def test_prompts_are_flagged(self):
        self.start('action = "flag"\n')
        body = chat_body("a zebra")
        response = self.ask(body)
        self.assertEqual(response.status, 200)
        self.assertEqual(response.field("x-sluice-guard"), "words")
        self.assertEqual(self.upstream.requests[0].body, body)
        self.assertEqual(response.body, chat_reply("fine"), "the answer is relayed as it is")

    def test_words_of_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("# animals\ngnu\n")
            file.flush()
            self.start(f'words_file = "{file.name}"\n')
            self.assert_blocked(self.ask(chat_body("the GNU")))

    def test_ambiguous_bodies_are_refused(self):
        self.start("")
        response = self.ask(b'{"model":"m","messages":[],'
                            b'"messages":[{"role":"user","content":"zebra"}]}')
        self.assertEqual(response.status, 400)
        self.assertEqual(self.upstream.requests, [])

    # --- Answers, streamed.

    def test_streams_are_redacted_at_every_split(self):
        self.start('action = "redact"\ndirection = "response"\n')
        for cut in range(1, len(TEXT)):
            self.upstream.script = chat_stream([TEXT[:cut], TEXT[cut:]])
            response = self.ask(chat_body("hi", stream=True))
            self.assertEqual(response.status, 200)
            self.assertEqual(chat_text(response.body), CLEAN, f"cut at {cut}")
            self.assertTrue(response.complete)
            self.assertEqual(data_of(response.body)[-1], "[DONE]")
        self.upstream.script = chat_stream(list(TEXT))
        self.assertEqual(chat_text(self.ask(chat_body("hi", stream=True)).body), CLEAN)

    def test_streams_of_messages_are_redacted(self):
        self.upstream.script = messages_stream(["a ze", "bra, a", ".b@c.", "org"])
        config = support.config_for(self.upstream.port, route=ROUTE,
                                    more=GUARD + 'action = "redact"\ndirection = "both"\n')
        self.gateway = support.Gateway(
            config.replace('"openai_compatible"', '"anthropic"'))
        body = json.dumps({"model": "m", "max_tokens": 9, "stream": True,
                           "messages": [{"role": "user", "content": "hi"}]}).encode()
        response = self.ask(body, MESSAGES)
        self.assertEqual(response.status, 200, response.body)
        deltas = [json.loads(d)["delta"]["text"] for d in data_of(response.body)
                  if '"text_delta"' in d]
        self.assertEqual("".join(deltas), "a [redacted], [redacted]")
        self.assertIn("message_stop", data_of(response.body)[-1])

    def test_responses_are_asked_for_as_chat(self):
        self.start('action = "redact"\ndirection = "response"\n')
        self.upstream.script = lambda c, r: support.json_answer(c, chat_reply("a zebra"))
        response = self.ask(json.dumps({"model": "m", "input": "hi"}).encode(), RESPONSES)
        self.assertEqual(response.status, 200, response.body)
        self.assertIn("a [redacted]", response.body.decode())
        self.assertIn(CHAT, self.upstream.requests[0].line)

    def test_streams_of_responses_say_the_same_at_their_end(self):
        self.start('action = "redact"\ndirection = "response"\n')
        self.upstream.script = chat_stream(["a ze", "bra ", "a.b@c", ".org"])
        body = json.dumps({"model": "m", "input": "hi", "stream": True}).encode()
        response = self.ask(body, RESPONSES)
        self.assertEqual(response.status, 200, response.body)
        events = [json.loads(data) for data in data_of(response.body)]
        deltas = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        done = [e["text"] for e in events if e["type"] == "response.output_text.done"]
        self.assertEqual([deltas], done)
        self.assertEqual(deltas, "a [redacted] [redacted]")
        self.assertEqual(events[-1]["type"], "response.completed")
        self.assertNotIn(b"zebra", response.body)

    def test_arguments_of_tools(self):
        self.start('action = "redact"\ndirection = "response"\ninclude_tools = true\n')

        def script(connection, _):
            call = {"index": 0, "id": "call_1", "type": "function",
                    "function": {"name": "f", "arguments": ""}}
            connection.send(support.STREAM_HEAD +
                            support.chunk(chat_chunk({"tool_calls": [call]})))
            for piece in ('{"a": "ze', 'bra", "b": 1', "}"):
                delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
                connection.send(support.chunk(chat_chunk(delta)))
            connection.send(support.chunk(chat_chunk({}, "tool_calls") + support.DONE) +
                            b"0\r\n\r\n")
            return True

        self.upstream.script = script
        response = self.ask(chat_body("hi", stream=True))
        pieces = []
        for data in data_of(response.body)[:-1]:
            for choice in json.loads(data)["choices"]:
                for call in choice["delta"].get("tool_calls") or ():
                    pieces.append(call["function"].get("arguments") or "")
        self.assertEqual(json.loads("".join(pieces)), {"a": "[redacted]", "b": 1})

    def test_what_cannot_match_leaves_at_once(self):
        self.start('action = "redact"\ndirection = "response"\n')
        begun, done = [], []

        def script(connection, _):
            connection.send(support.STREAM_HEAD)
            connection.send(support.chunk(chat_chunk({"content": "word, and a ze"})))
            support.wait_until(lambda: begun, "the client got nothing")
            connection.send(support.chunk(chat_chunk({"content": "bra. "}) +
                                          chat_chunk({}, "stop") + support.DONE) + b"0\r\n\r\n")
            done.append(True)
            return True

        self.upstream.script = script
        client = self.gateway.client()
        client.post(CHAT, chat_body("hi", stream=True))
        self.assertEqual(client.read_head()[0], 200)
        got = b""
        while "word, and a " not in chat_text(got):
            got += client.read_event()
        self.assertNotIn("ze", chat_text(got))
        self.assertFalse(done)
        begun.append(True)
        while b"[DONE]" not in got:
            got += client.read_event()
        self.assertEqual(chat_text(got), "word, and a [redacted]. ")
        client.close()

    def test_a_match_blocks_a_stream_in_its_middle(self):
        self.start('direction = "response"\n')
        self.upstream.script = chat_stream(["one ", "ze", "bra", " and more"])
        response = self.ask(chat_body("hi", stream=True))
        self.assertEqual(response.status, 200)
        self.assertFalse(response.complete, "a blocked stream must not look whole")
        self.assertEqual(chat_text(response.body), "one ")
        error = json.loads(data_of(response.body)[-1])["error"]
        self.assertEqual(error["code"], "content_blocked")
        self.assertNotIn(b'"finish_reason":"stop"', response.body)
        self.assertNotIn(b"[DONE]", response.body)

    def test_a_match_at_the_beginning_gets_a_status(self):
        self.start('direction = "response"\n')
        self.upstream.script = chat_stream(["ze", "bra", " and more"])
        self.assert_blocked(self.ask(chat_body("hi", stream=True)))

    def test_blocking_ends_the_upstream(self):
        self.start('direction = "response"\n')
        waited = []

        def script(connection, _):
            connection.send(support.STREAM_HEAD +
                            support.chunk(chat_chunk({"content": "one zebra here"})))
            waited.append(connection.wait_for_end())
            return False

        self.upstream.script = script
        self.ask(chat_body("hi", stream=True))
        support.wait_until(lambda: waited, "the upstream goes on")

    def test_an_upstream_that_breaks_off_is_an_error_still(self):
        self.start('direction = "response"\n')

        def script(connection, _):
            connection.send(support.STREAM_HEAD +
                            support.chunk(chat_chunk({"content": "one ze"})))
            return False

        self.upstream.script = script
        response = self.ask(chat_body("hi", stream=True))
        self.assertFalse(response.complete)
        self.assertEqual(json.loads(data_of(response.body)[-1])["error"]["code"],
                         "stream_truncated")

    # --- Answers, whole.

    def test_whole_answers(self):
        self.start('action = "redact"\ndirection = "response"\ninclude_reasoning = true\n')
        self.upstream.script = lambda c, r: support.json_answer(
            c, chat_reply("a zebra", reasoning_content="zebra?"))
        message = json.loads(self.ask(chat_body("zebra")).body)["choices"][0]["message"]
        self.assertEqual(message["content"], "a [redacted]")
        self.assertEqual(message["reasoning_content"], "[redacted]?")
        self.assertIn(b"zebra", self.upstream.requests[0].body, "prompts are not looked at")

    def test_whole_answers_are_blocked(self):
        self.start('direction = "both"\n')
        self.upstream.script = lambda c, r: support.json_answer(c, chat_reply("a zebra"))
        self.assert_blocked(self.ask(chat_body("hi")))

    def test_whole_answers_are_flagged(self):
        self.start('action = "flag"\ndirection = "response"\n')
        self.upstream.script = lambda c, r: support.json_answer(c, chat_reply("a zebra"))
        response = self.ask(chat_body("hi"))
        self.assertEqual(response.field("x-sluice-guard"), "words")
        self.assertIn(b"a zebra", response.body)

    def test_answers_that_cannot_be_read_are_refused(self):
        self.start('direction = "response"\n')
        client = self.gateway.client()
        client.send(b"GET /v1/responses/r1 HTTP/1.1\r\nHost: gateway\r\n\r\n")
        response = client.read_response()
        client.close()
        self.assertEqual(response.status, 400, response.body)
        self.assertEqual(json.loads(response.body)["error"]["code"], "unsupported_operation")
        self.assertEqual(self.upstream.requests, [])

    # --- The webhook.

    def start_webhook(self, script, settings=""):
        self.webhook.script = script
        self.start(f'webhook_url = "http://127.0.0.1:{self.webhook.port}/check?x=1"\n{settings}',
                   guard='[processor.guard]\ntype = "guard"\n')

    @staticmethod
    def says(**answer):
        return lambda c, r: support.json_answer(c, json.dumps(answer).encode())

    def test_the_webhook_allows(self):
        self.start_webhook(self.says(action="allow"))
        body = chat_body("hi \u00e4")
        for _ in range(2):
            self.assertEqual(self.ask(body).status, 200)
        self.assertEqual(self.upstream.requests[0].body, body)
        asked = self.webhook.requests[0]
        self.assertEqual(asked.line, "POST /check?x=1 HTTP/1.1")
        question = json.loads(asked.body)
        self.assertEqual(question["direction"], "request")
        self.assertEqual(question["texts"], ["hi \u00e4"])
        self.assertEqual(question["model"], "m")
        self.assertTrue(question["request_id"])
        self.assertEqual(self.webhook.accepted, 1, "its connection serves again")

    def test_the_webhook_blocks(self):
        self.start_webhook(self.says(action="block", reason="Not today."))
        response = self.ask(chat_body("hi"))
        self.assert_blocked(response, "webhook")
        self.assertIn("Not today.", response.body.decode())
        self.assertEqual(self.upstream.requests, [])

    def test_the_webhook_redacts(self):
        self.start_webhook(self.says(action="redact", texts=['say "hi"']))
        self.assertEqual(self.ask(chat_body("hi")).status, 200)
        self.assertEqual(json.loads(self.upstream.requests[0].body)["messages"][0]["content"],
                         'say "hi"')

    def test_the_webhook_sees_whole_answers(self):
        def script(connection, request):
            question = json.loads(request.body)
            texts = [t.replace("fine", "well") for t in question["texts"]]
            return support.json_answer(connection, json.dumps(
                {"action": "redact", "texts": texts}).encode())

        self.start_webhook(script, 'direction = "both"\n')
        message = json.loads(self.ask(chat_body("hi")).body)["choices"][0]["message"]
        self.assertEqual(message["content"], "well")
        directions = [json.loads(r.body)["direction"] for r in self.webhook.requests]
        self.assertEqual(directions, ["request", "response"])

    def test_the_webhook_is_verified_by_https(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = tls_support.Authority(folder)
            for issuer, status in ((authority, 200), (tls_support.Authority(folder, "Other"), 502)):
                host = tls_support.TlsUpstream(issuer.issue("127.0.0.1"),
                                               self.says(action="allow"))
                if self.gateway is not None:
                    self.gateway.stop()
                guard = ('[processor.guard]\ntype = "guard"\n'
                         f'webhook_url = "https://127.0.0.1:{host.port}/"\n')
                # OpenAI fetches images by itself, so that nothing else needs the authorities.
                config = support.config_for(self.upstream.port, route=ROUTE, more=guard)
                self.gateway = support.Gateway(
                    config.replace('"openai_compatible"', '"openai"'),
                    {"SSL_CERT_FILE": authority.file})
                self.assertEqual(self.ask(chat_body("hi")).status, status)
                host.close()

    def test_the_webhook_is_slow(self):
        self.start_webhook(lambda c, r: bool(c.wait_for_end()) and False,
                           "webhook_timeout_ms = 200\n")
        began = time.monotonic()
        response = self.ask(chat_body("hi"))
        self.assertLess(time.monotonic() - began, support.PATIENCE_S / 3)
        self.assertEqual(response.status, 502)
        self.assertEqual(json.loads(response.body)["error"]["code"], "processor_failed")
        self.assertEqual(self.upstream.requests, [])

    def test_the_webhook_is_slow_and_may_be_skipped(self):
        self.start_webhook(lambda c, r: bool(c.wait_for_end()) and False,
                           'webhook_timeout_ms = 200\non_failure = "skip"\n')
        body = chat_body("hi")
        self.assertEqual(self.ask(body).status, 200)
        self.assertEqual(self.upstream.requests[0].body, body)

    def test_the_webhook_is_down_or_talks_nonsense(self):
        for script in (lambda c, r: support.json_answer(c, b"{}"),
                       lambda c, r: support.json_answer(c, b"{}", "500 Oops"),
                       lambda c, r: False):
            if self.gateway is not None:
                self.gateway.stop()
            self.start_webhook(script)
            self.assertEqual(self.ask(chat_body("hi")).status, 502)
        self.gateway.stop()
        self.webhook.close()
        self.start_webhook(None)
        self.assertEqual(self.ask(chat_body("hi")).status, 502)
        self.assertEqual(self.upstream.requests, [])


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
