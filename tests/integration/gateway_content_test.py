#!/usr/bin/env python3
"""Content of requests and replies: kept nowhere unless it is asked for, then where it was asked
for, no more of it than the limit, and never with a header or a query."""

import json
import os
import signal
import sys
import unittest

import gateway_support as support
from gateway_admin_test import AdminCase, TOKEN
from gateway_support import CHAT, Gateway, STREAM_HEAD, chunk, event
from gateway_traces_test import answers
from otlp_receiver import CLIENT, SERVER, Receiver
from pool_support import delta
from secret_watch import WATCH

ASKED = "sesame-asked-4711"
TOLD = "nor this answer"  # What the upstream's script says.
CLIENT_KEY = "sk-content-0123456789-0123456789"
QUERY_KEY = "sk-content-query-0123456789-0123456789"
FIELDS = [("Authorization", f"Bearer {CLIENT_KEY}"), ("X-Note", "a-field-of-no-use")]
MESSAGES = "/v1/messages"


# Of the two targets the first one breaks off.
RESTART = """
[pool.p]
targets = ["up/breaks", "up"]
strategy = "priority"
fail_over.mid_stream = "restart"
[[route]]
path_prefix = "/pool"
target_llm = "p"
"""


def capture(**settings):
    return "[server.content_capture]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items())


def body_of(stream=False, text=ASKED, **more):
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return json.dumps({**body, "stream": True} if stream else body).encode()


class ContentCase(AdminCase):
    def script(self, connection, request):
        if b"fail" in request.body:
            return support.json_answer(connection, b'{"error":{"message":"no-such-luck"}}',
                                       "400 Bad Request")
        if b"breaks" in request.body:
            connection.send(STREAM_HEAD + chunk(delta("half")))
            return False
        return answers(connection, request)

    def config(self, content="", traces=False, token=True):
        receiver = f'[traces]\nendpoint = "{self.receiver.endpoint}"\nsample_ratio = 1\n' \
                   "batch_delay_ms = 20\n" if traces else ""
        return support.config_for(
            self.upstream.port, more='[admin]\nlisten = "127.0.0.1:0"\n'
            + ('token_env = "ADMIN_TOKEN"\n' if token else "") + receiver + content)

    def begin(self, content="", traces=False):
        WATCH.register(QUERY_KEY)
        if traces:
            self.receiver = Receiver()
            self.addCleanup(self.receiver.close)
        self.gateway = Gateway(self.config(content, traces), {"ADMIN_TOKEN": TOKEN})
        self.count = 0

    def ask_model(self, body, path=CHAT, status=200, fields=FIELDS):
        client = self.gateway.client()
        client.post(f"{path}?key={QUERY_KEY}", body, fields)
        response = client.read_response()
        client.close()
        self.assertEqual(response.status, status, response.body)
        self.count += 1
        return response

    def admin(self, path, status=200):
        answer = self.ask("GET", path, [("Authorization", f"Bearer {TOKEN}")])
        self.assertEqual(answer.status, status, answer.body)
        text = answer.body.decode()
        for secret in (CLIENT_KEY, QUERY_KEY, Gateway.KEY, "a-field-of-no-use"):
            self.assertNotIn(secret, text)
        return json.loads(text)

    def listed(self):
        """The newest, when all that were asked have ended."""
        support.wait_until(
            lambda: self.admin("/v1/exchanges?limit=1")["exchanges"][:1]
            and self.admin("/v1/exchanges?limit=1")["exchanges"][0]["number"] == self.count,
            "it is not told")
        answer = self.admin("/v1/exchanges")
        for text in (ASKED, TOLD):
            self.assertNotIn(text, json.dumps(answer))
        return answer["exchanges"][0]

    def content(self):
        newest = self.listed()
        one = self.admin(f"/v1/exchanges/{newest['shard']}/{newest['number']}")
        self.assertEqual(one["exchange"], newest)
        self.assertEqual(newest["has_content"], one["content"] is not None)
        return one["content"]

    def server_span(self):
        span = [s for s in self.receiver.wait_for(self.count)[-1] if s.kind == SERVER][0]
        self.assertEqual(self.receiver.problems, [])
        for text in self.receiver.requests:
            for secret in (CLIENT_KEY, QUERY_KEY, Gateway.KEY, "a-field-of-no-use"):
                self.assertNotIn(secret, text)
        return span


class OffTest(ContentCase):
    def test_nothing_is_kept_and_nothing_sent(self):
        self.begin(traces=True)
        self.ask_model(body_of())
        self.assertIsNone(self.content())
        self.ask_model(body_of(stream=True))
        self.assertIsNone(self.content())
        self.server_span()
        for text in self.receiver.requests:
            self.assertNotIn(ASKED, text)
            self.assertNotIn(TOLD, text)

    def test_each_place_is_switched_on_by_itself(self):
        self.begin(capture(inspector="true"), traces=True)
        self.ask_model(body_of())
        self.assertIn(ASKED, self.content()["request"]["text"])
        self.server_span()
        self.assertNotIn(ASKED, "".join(self.receiver.requests))
        self.gateway.write_config(self.config(capture(traces="true"), True))
        self.gateway.signal(signal.SIGHUP)
        support.wait_until(lambda: self.admin("/v1/exchanges")["exchanges"][0]["has_content"]
                           is False, "what was kept is still there")
        self.assertIsNone(self.content())
        self.ask_model(body_of())
        self.assertIsNone(self.content())
        self.server_span()
        self.assertIn(ASKED, "".join(self.receiver.requests))


class InspectorTest(ContentCase):
    def setUp(self):
        super().setUp()
        self.begin(capture(inspector="true"))

    def test_a_plain_exchange(self):
        response = self.ask_model(body_of())
        self.assertEqual(self.content(), {
            "request": {"text": body_of().decode(), "is_cut": False},
            "response": {"text": response.body.decode(), "is_cut": False}})

    def test_a_stream_is_told_as_its_events(self):
        response = self.ask_model(body_of(stream=True))
        content = self.content()
        self.assertEqual(content["response"], {"text": response.body.decode(), "is_cut": False})
        self.assertIn("data: [DONE]", content["response"]["text"])

    def test_what_is_translated_is_kept_as_the_client_has_it(self):
        for stream in (False, True):
            body = body_of(stream=stream, max_tokens=9)
            response = self.ask_model(body, MESSAGES)
            self.assertEqual(self.content(), {
                "request": {"text": body.decode(), "is_cut": False},
                "response": {"text": response.body.decode(), "is_cut": False}})
            self.assertIn("message_stop" if stream else "end_turn", response.body.decode())

    def test_errors_count_too(self):
        refused = self.ask_model(b'{"model": "m", nonsense', status=400)
        self.assertEqual(self.content(), {
            "request": {"text": '{"model": "m", nonsense', "is_cut": False},
            "response": {"text": refused.body.decode(), "is_cut": False}})
        failed = self.ask_model(body_of(text="fail"), status=400)
        self.assertIn("no-such-luck", failed.body.decode())
        self.assertEqual(self.content()["response"]["text"], failed.body.decode())

    def test_needs_the_token(self):
        self.ask_model(body_of())
        newest = self.listed()
        path = f"/v1/exchanges/{newest['shard']}/{newest['number']}"
        self.assertEqual(self.refusal("GET", path), (401, "unauthorized"))
        self.admin("/v1/exchanges/0/77", status=404)


class SpansTest(ContentCase):
    def attempt(self):
        return [s for s in self.receiver.wait_for(self.count)[-1] if s.kind == CLIENT][-1]

    def test_have_messages_of_the_published_form(self):
        self.begin(capture(traces="true"), traces=True)
        asked = [{"role": "user", "parts": [{"type": "text", "content": ASKED}]}]
        told = [{"role": "assistant", "parts": [{"type": "text", "content": TOLD}],
                 "finish_reason": "stop"}]
        for path in (CHAT, MESSAGES):
            for stream in (False, True):
                self.ask_model(body_of(stream=stream, max_tokens=9), path)
                span = self.attempt()
                self.assertEqual(json.loads(span["gen_ai.input.messages"]), asked)
                self.assertEqual(json.loads(span["gen_ai.output.messages"]), told)
                for name in self.server_span().attributes:
                    self.assertNotIn("body", name)

    def test_have_bytes_where_there_are_no_messages(self):
        self.begin(capture(traces="true"), traces=True)
        self.ask_model(b'{"model": "m", nonsense', status=400)
        span = self.server_span()
        self.assertEqual(span["sluice.request.body"], '{"model": "m", nonsense')
        self.assertIn("error", json.loads(span["sluice.response.body"]))
        failed = self.ask_model(body_of(text="fail"), status=400)
        self.assertEqual(self.server_span()["sluice.response.body"], failed.body.decode())
        self.assertIn("fail", self.attempt()["gen_ai.input.messages"])
        self.assertIsNone(self.attempt()["gen_ai.output.messages"])


    def test_have_the_bytes_of_a_stream_that_began_anew(self):
        self.begin(RESTART + capture(traces="true"), traces=True)
        answer = self.ask_model(body_of(stream=True), path="/pool/chat/completions")
        span = self.server_span()
        self.assertEqual(span["sluice.response.body"], answer.body.decode())
        self.assertIn("half", span["sluice.response.body"])
        self.assertIn(TOLD, span["sluice.response.body"])
        self.assertIsNone(self.attempt()["gen_ai.output.messages"])
        self.assertIn(ASKED, self.attempt()["gen_ai.input.messages"])


class LimitTest(ContentCase):
    def test_what_is_longer_is_cut(self):
        self.begin(capture(inspector="true", traces="true", bytes_max=100), traces=True)
        body = body_of(text="\u20ac" * 400)
        response = self.ask_model(body.decode("unicode_escape").encode())
        sent = body.decode("unicode_escape")
        kept = sent.encode()[:100].decode(errors="ignore")
        content = self.content()
        self.assertEqual(content["request"], {"text": kept, "is_cut": True})
        self.assertEqual(content["response"],
                         {"text": response.body[:100].decode(), "is_cut": True})
        span = self.server_span()
        self.assertEqual(span["sluice.request.body"], kept)
        self.assertIs(span["sluice.request.body_cut"], True)
        self.assertIs(span["sluice.response.body_cut"], True)

    def test_a_body_that_arrives_in_many_pieces(self):
        self.begin(capture(inspector="true"))
        body = body_of(text="x" * 100_000)
        self.ask_model(body)
        self.assertEqual(self.content()["request"], {"text": body[:16384].decode(), "is_cut": True})

    def test_a_stream_that_breaks(self):
        self.begin(capture(inspector="true"))
        self.upstream.script = lambda connection, request: (
            connection.send(STREAM_HEAD + chunk(event(b'{"id":"c","choices":[]}'))), False)[1]
        client = self.gateway.client()
        client.post(CHAT, body_of(stream=True), FIELDS)
        client.read_to_end()
        client.close()
        self.count += 1
        told = self.content()["response"]["text"]
        self.assertTrue(told.startswith('data: {"id":"c","choices":[]}\n\n'), told)
        self.assertIn("stream_truncated", told)


if __name__ == "__main__":
    BUILD = os.path.abspath(sys.argv.pop(1))
    support.SLUICE = os.path.join(BUILD, "sluice")
    unittest.main(verbosity=2)
