"""Relaying: bytes stay as they are, events leave whole, broken streams are told, keys stay home."""

import json
import os
import re
import sys
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk, config_for, event
from secret_watch import WatchedCase


class RelayTest(WatchedCase):
    def setUp(self):
        self.upstream = Upstream()
        self.gateway = None

    def start(self, **settings):
        self.gateway = Gateway(config_for(self.upstream.port, **settings))
        return self.gateway.client()

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway:
            log = self.gateway.read_log() + self.gateway.read_access()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn(Gateway.KEY, log)
            self.assertNotIn("assertion", log)

    def answer_stream(self, *pieces, end=b"0\r\n\r\n"):
        def script(connection, _):
            connection.send(STREAM_HEAD)
            for piece in pieces:
                connection.send(piece)
            connection.send(end)
            return bool(end)
        self.upstream.script = script

    def test_bodies_pass_byte_by_byte(self):
        body = b' {"model" : "m","messages":[],\t"x":1.0e2, "y":"\\u0041\xc3\xa9" ,"z":1e400 } '
        answer = b'{"b":2,"a":1 , "unknown":{"n":0.10}, "usage":{"prompt_tokens":1}}\n'
        self.upstream.script = lambda c, _: support.json_answer(c, answer)
        client = self.start()
        client.post(CHAT, body)
        response = client.read_response()
        self.assertEqual((response.status, response.body), (200, answer))
        self.assertEqual(self.upstream.requests[0].body, body)

    def test_a_chunked_request_passes_and_gets_a_length(self):
        self.upstream.script = lambda c, _: support.json_answer(c, b"{}")
        client = self.start()
        client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                    b"5;a=b\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nX: y\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        request = self.upstream.requests[0]
        self.assertEqual(request.body, b'{"a":1}')
        self.assertEqual(request.count("transfer-encoding") + request.count("x"), 0)

    def test_credentials_stay_on_their_side(self):
        self.upstream.script = lambda c, _: support.json_answer(
            c, b"{}", fields="Set-Cookie: a=b\r\nX-Request-Id: up-7\r\nX-Extra: kept\r\n"
                             "Connection: X-Hop\r\nX-Hop: gone\r\n")
        client = self.start()
        client.post(CHAT, b'{"model":"m"}', [
            ("Authorization", "Bearer sk-client"), ("X-Api-Key", "sk-client"), ("Cookie", "k=v"),
            ("Proxy-Authorization", "Basic x"), ("OpenAI-Beta", "assistants=v2"),
            ("Connection", "X-Mine"), ("X-Mine", "gone"), ("X-Request-Id", "mine-1")])
        response = client.read_response()
        request = self.upstream.requests[0]
        self.assertEqual(request.field("authorization"), "Bearer " + Gateway.KEY)
        self.assertNotIn(b"sk-client", request.raw_head)
        for name in ("cookie", "x-api-key", "proxy-authorization", "x-mine", "connection"):
            self.assertIsNone(request.field(name), name)
        self.assertEqual(request.field("openai-beta"), "assistants=v2")
        self.assertEqual(request.field("accept-encoding"), "identity")
        self.assertEqual(request.field("x-request-id"), "mine-1")
        self.assertEqual(response.field("x-request-id"), "mine-1")
        self.assertEqual(response.field("x-upstream-request-id"), "up-7")
        self.assertEqual(response.field("x-extra"), "kept")
        self.assertIsNone(response.field("set-cookie"))
        self.assertIsNone(response.field("x-hop"))
        self.assertIn("sluice;dur=", response.field("server-timing"))

    def test_streams_are_the_same_at_every_split(self):
        stream = (b": comment\r\n\r\n" + event(b'{"a":"\xc3\xa9\xf0\x9f\x98\x80"}') +
                  b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n" + DONE)
        client = self.start()
        for cut in range(1, len(stream)):
            self.answer_stream(chunk(stream[:cut]), chunk(stream[cut:]))
            client.post(CHAT, b'{"stream":true}')
            response = client.read_response()
            self.assertTrue(response.complete)
            self.assertEqual(response.body, stream, f"cut at {cut}")

    def test_wire_bytes_split_anywhere_give_the_same_stream(self):
        wire = chunk(event(b"one")) + chunk(event(b"two") + DONE) + b"0\r\n\r\n"
        client = self.start()
        for cut in range(1, len(wire)):
            def script(connection, _, at=cut):
                connection.send(STREAM_HEAD + wire[:at])
                time.sleep(0)  # Lets the other side look; no test depends on it.
                connection.send(wire[at:])
                return True
            self.upstream.script = script
            client.post(CHAT, b'{"stream":true}')
            response = client.read_response()
            self.assertEqual(response.body, event(b"one") + event(b"two") + DONE, f"cut at {cut}")

    def test_an_event_leaves_before_the_next_arrives(self):
        release = [False]

        def script(connection, _):
            connection.send(STREAM_HEAD + chunk(event(b"first")))
            support.wait_until(lambda: release[0], "the client never saw the first event")
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start()
        client.post(CHAT, b'{"stream":true}')
        self.assertEqual(client.read_head()[0], 200)
        self.assertIn(b"first", client.read_until(b"\n\n"))
        release[0] = True
        self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))

    def assert_broken(self, response, seen, code):
        self.assertEqual(response.status, 200)
        self.assertFalse(response.complete, "a broken stream looked whole")
        self.assertTrue(response.body.startswith(seen))
        rest = response.body[len(seen):]
        self.assertTrue(rest.startswith(b"data: "), rest)
        error = json.loads(rest[6:])["error"]
        self.assertEqual(error["code"], code)
        self.assertNotIn(b"[DONE]", response.body)

    def test_a_cut_stream_ends_in_an_error_event(self):
        client_bytes = event(b'{"i":1}')
        for tail in (b"", b"7\r\nda", b"8\r\ndata: {\"", b"b\r\ndata: {\"a\":"):
            self.answer_stream(chunk(client_bytes), tail, end=b"")
            client = self.gateway.client() if self.gateway else self.start()
            client.post(CHAT, b'{"stream":true}')
            self.assert_broken(client.read_response(), client_bytes, "stream_truncated")

    def test_a_stream_without_its_terminator_is_not_whole(self):
        self.answer_stream(chunk(event(b'{"i":1}')))
        client = self.start()
        client.post(CHAT, b'{"stream":true}')
        self.assert_broken(client.read_response(), event(b'{"i":1}'), "stream_truncated")

    def test_a_terminator_behind_other_lines_counts(self):
        client = self.start()
        for end in (b": a comment\ndata: [DONE]\n\n", b"id: 7\r\ndata: [DONE]\r\n\r\n",
                    b"event: done\ndata: [DONE]\n\n", b": 1\n:2\nretry: 5\ndata:[DONE]\n\n"):
            self.answer_stream(chunk(event(b'{"i":1}') + end))
            client.post(CHAT, b'{"stream":true}')
            response = client.read_response()
            self.assertTrue(response.complete, end)
            self.assertEqual(response.body, event(b'{"i":1}') + end)
        for end in (b": data: [DONE]\n\n", b"id: 7\ndata: x\ndata: [DONE]\n\n"):
            self.answer_stream(chunk(event(b'{"i":1}') + end))
            client = self.gateway.client()
            client.post(CHAT, b'{"stream":true}')
            self.assertFalse(client.read_response().complete, end)

    def test_an_upstreams_own_error_event_passes(self):
        stream = event(b'{"i":1}') + event(b'{"error":{"message":"no"}}')
        self.answer_stream(chunk(stream))
        client = self.start()
        client.post(CHAT, b'{"stream":true}')
        response = client.read_response()
        self.assertEqual(response.body, stream)

    def test_refusals_in_the_clients_form_pass_byte_by_byte(self):
        body = b'{ "error":{"type":"tokens", "message":"slow\\u0020down","more":[1.0]},"x":2}\n'
        client = self.start()
        for status in ("400 Bad", "404 Not Found", "429 Too Many Requests"):
            self.upstream.script = lambda c, _, s=status: support.json_answer(
                c, body, s, "x-ratelimit-remaining-tokens: 0\r\nset-cookie: a\r\n")
            client.post(CHAT, b'{"stream":true}')
            response = client.read_response()
            self.assertEqual((str(response.status), response.body), (status[:3], body))
            self.assertEqual(response.field("x-ratelimit-remaining-tokens"), "0")
            self.assertIsNone(response.field("set-cookie"))

    def test_other_refusals_are_told_in_the_clients_form(self):
        openai = '{"error":{"type":"t","message":"%s"}}'
        cases = (("422 Odd", openai % "no", 400, "no"),
                 ("500 Sorry", openai % "no", 502, "no"),
                 ("400 Bad", '{"error":{"message":"no"}}', 400, "no"),
                 ("400 Bad", '{"detail":"no"}', 400, "no"),
                 ("400 Bad", openai % f"is {Gateway.KEY}", 400, "is [key]"),
                 ("401 Bad", openai % "is sk-01234567890123456789", 401, "is [key]"))
        client = self.start()
        for status, body, told, message in cases:
            self.upstream.script = lambda c, _, s=status, b=body: support.json_answer(
                c, b.encode(), s)
            client.post(CHAT, b"{}")
            response = client.read_response()
            error = json.loads(response.body)["error"]
            self.assertEqual((response.status, error["message"]), (told, message), body)
            self.assertEqual(set(error), {"message", "type", "param", "code"})

    def test_responses_api_streams_end_with_a_terminal_event(self):
        whole = b"event: response.completed\ndata: {}\n\n"
        self.answer_stream(chunk(whole))
        client = self.start()
        client.post("/v1/responses", b'{"stream":true}')
        self.assertTrue(client.read_response().complete)
        self.answer_stream(chunk(b"event: response.created\ndata: {}\n\n"))
        client.post("/v1/responses", b'{"stream":true}')
        response = client.read_response()
        self.assertFalse(response.complete)
        self.assertIn(b"event: error\n", response.body)

    def test_garbage_in_the_framing_breaks_the_stream(self):
        for bad in (b"zz\r\n", b"5\nabcde", b"-1\r\n", b"5\r\nabcdeXX"):
            self.answer_stream(chunk(event(b"1")), bad, end=b"")
            client = self.gateway.client() if self.gateway else self.start()
            client.post(CHAT, b'{"stream":true}')
            response = client.read_response()
            self.assertFalse(response.complete, bad)
            self.assertIn(b'"error"', response.body)

    def test_a_cut_json_answer_is_not_whole(self):
        def script(connection, _):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            b"Content-Length: 100\r\n\r\n{\"a\":")
        self.upstream.script = script
        client = self.start()
        client.post(CHAT, b"{}")
        self.assertFalse(client.read_response().complete)

    def test_a_body_until_close_gets_our_framing(self):
        def script(connection, _):
            connection.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":1}")
        self.upstream.script = script
        client = self.start()
        client.post(CHAT, b"{}")
        response = client.read_response()
        self.assertEqual((response.body, response.complete), (b'{"a":1}', True))
        self.assertEqual(response.field("transfer-encoding"), "chunked")

    def test_interim_responses_are_skipped(self):
        def script(connection, _):
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n"
                            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
            return support.json_answer(connection, b"{}")
        self.upstream.script = script
        client = self.start()
        client.post(CHAT, b"{}")
        self.assertEqual(client.read_head()[0], 200)

    def test_bad_upstream_heads_become_502(self):
        for head in (b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\n", b"HTTP/1.1 999 Odd\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", b""):
            self.upstream.script = lambda c, _, h=head: c.send(h) and None
            client = self.gateway.client() if self.gateway else self.start()
            client.post(CHAT, b"{}")
            response = client.read_response()
            self.assertEqual(response.status, 502, head)
            self.assertEqual(json.loads(response.body)["error"]["type"], "server_error")

    def test_surplus_bytes_spoil_the_connection(self):
        # In one send: what comes after the next request has left is its answer, to anybody.
        def script(connection, _):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
            return True
        self.upstream.script = script
        client = self.start()
        for _ in range(5):
            client.post(CHAT, b"{}")
            self.assertEqual(client.read_response().body, b"{}")
        self.assertEqual(self.upstream.accepted, 5)

    def test_silence_and_first_byte_time_out(self):
        def script(connection, request):
            if b"stream" in request.body:
                connection.send(STREAM_HEAD + chunk(event(b"1")))
            connection.wait_for_end()
        self.upstream.script = script
        client = self.start(llm="timeouts = { silence_ms = 200, first_byte_ms = 200 }")
        client.post(CHAT, b'{"stream":true}')
        self.assert_broken(client.read_response(), event(b"1"), "upstream_timeout")
        client = self.gateway.client()
        client.post(CHAT, b"{}")
        self.assertEqual(client.read_response().status, 504)
        support.wait_until(lambda: self.upstream.open == 0, "an upstream connection stayed open")

    def test_a_quiet_stream_is_kept_alive_by_comments_between_events(self):
        first, second = event(b"1"), event(b"2")
        asked = threading.Event()

        def script(connection, _):
            connection.send(STREAM_HEAD + chunk(first))
            asked.wait(support.PATIENCE_S)
            asked.clear()
            connection.send(chunk(second[:4]))  # No comment may cut an event.
            asked.wait(support.PATIENCE_S)
            connection.send(chunk(second[4:]) + chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start(server="http.stream_keepalive_ms = 50")
        client.post(CHAT, b'{"stream":true}')
        while client.buffer.count(chunk(b":\n\n")) < 3:
            client.buffer += client.sock.recv(65536)
        asked.set()
        threading.Timer(0.3, asked.set).start()
        comments = b"(:\n\n)*"
        self.assertRegex(client.read_response().body,
                         b"^" + comments.join(re.escape(e) for e in (first, second, DONE)) + b"$")

    def test_a_refused_connection_becomes_502(self):
        self.start()
        self.upstream.close()
        client = self.gateway.client()
        client.post(CHAT, b"{}")
        response = client.read_response()
        self.assertEqual(response.status, 502)
        self.assertEqual(json.loads(response.body)["error"]["code"], "upstream_connection_error")


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
