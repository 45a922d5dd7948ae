"""The client's side: strictness, limits, leaving, half-closing, reuse, reload, drain."""

import json
import os
import signal
import socket
import sys
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk, config_for, event
from secret_watch import WatchedCase

POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
# Each must be refused with a 4xx or 5xx and end the connection; nothing may reach the upstream.
SMUGGLING = (
    POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    POST + b"Content-Length: 2, 2\r\n\r\n{}",
    POST + b"Content-Length: +2\r\n\r\n{}",
    POST + b"Content-Length: 0x2\r\n\r\n{}",
    POST + b"Content-Length: -2\r\n\r\n{}",
    POST + b"Content-Length : 2\r\n\r\n{}",
    POST + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"X: a\r\n folded\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"X: a\nContent-Length: 2\r\n\r\n{}",
    POST + b"X: a\rb\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    POST + b": empty\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"Host: other\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/chat/completions HTTP/1.1\nHost: g\nContent-Length: 2\n\n{}",
    b"POST  /v1/chat/completions HTTP/1.1\r\nHost: g\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.2\r\nHost: g\r\n\r\n",
    b"POST /v1/chat/completions HTTP/2.0\r\nHost: g\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    POST + b"Transfer-Encoding: chunked\r\n\r\n2;\nx\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff2\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    POST + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
)


class ClientTest(WatchedCase):
    def setUp(self):
        self.upstream = Upstream(lambda c, _: support.json_answer(c, b'{"ok":true}'))
        self.gateway = None

    def start(self, **settings):
        self.gateway = Gateway(config_for(self.upstream.port, **settings))
        return self.gateway.client()

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway and self.gateway.process.returncode is None:
            log = self.gateway.read_log() + self.gateway.read_access()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn(Gateway.KEY, log)

    def test_smuggling_is_refused_and_reaches_nobody(self):
        self.start()
        for attack in SMUGGLING:
            client = self.gateway.client()
            client.send(attack + b"GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n")
            data, _ = client.read_to_end()
            self.assertRegex(data, rb"^HTTP/1\.1 (4\d\d|50[15]) ", attack)
            self.assertEqual(data.count(b"HTTP/1.1 "), 1, attack)
        self.assertEqual(self.upstream.requests, [])

    def test_requests_one_byte_at_a_time_and_pipelined(self):
        client = self.start()
        request = POST + b"Content-Length: 7\r\n\r\n" + b'{"a":1}'
        for i in range(len(request)):
            client.send(request[i:i + 1])
        client.send(request * 3)
        for _ in range(4):
            self.assertEqual(client.read_response().body, b'{"ok":true}')
        self.assertEqual([r.body for r in self.upstream.requests], [b'{"a":1}'] * 4)

    def test_expect_continue(self):
        client = self.start()
        client.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(client.read_head()[0], 100)
        client.send(b"{}")
        self.assertEqual(client.read_response().status, 200)
        self.assertIsNone(self.upstream.requests[0].field("expect"))

    def test_http_1_0_gets_a_body_until_close(self):
        def script(connection, _):
            connection.send(STREAM_HEAD + chunk(event(b"1")) + chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start()
        client.send(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        data, reset = client.read_to_end()
        self.assertTrue(data.endswith(b"\r\n\r\n" + event(b"1") + DONE))
        self.assertFalse(reset)
        self.upstream.script = lambda c, _: c.send(STREAM_HEAD + chunk(event(b"1"))) and None
        client = self.gateway.client()
        client.send(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        self.assertTrue(client.read_to_end()[1], "a cut body until close must end in a reset")

    def test_bad_json_never_crosses(self):
        client = self.start()
        for body in (b"", b"[]", b"{", b'{"a":1,}', b'{"a":01}', b"{'a':1}", b'{"a":"\xff"}',
                     b'{"a":NaN}', b'{} {}', b'\xef\xbb\xbf{}', b'{"model":"a","model":"b"}',
                     b'{"model":7}', b'{"stream":"yes"}', b"[" * 5000):
            client.post(CHAT, body)
            response = client.read_response()
            self.assertEqual(response.status, 400, body[:40])
            self.assertEqual(json.loads(response.body)["error"]["type"], "invalid_request_error")
        self.assertEqual(self.upstream.requests, [])

    def test_limits(self):
        client = self.start(server="http = { request_body_bytes_max = 100000 }")
        client.post(CHAT, b'{"a":"' + b"x" * 200000 + b'"}')
        self.assertEqual(client.read_response().status, 413)
        for head, status in ((b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n", 414),
                             (POST + b"X: " + b"a" * 17000 + b"\r\n\r\n", 431),
                             (POST + b"X: y\r\n" * 101 + b"\r\n", 431)):
            client = self.gateway.client()
            client.send(head)
            self.assertEqual(client.read_response().status, status)

    def test_routes_models_and_streaming_rules(self):
        more = """
[[route]]
path_prefix = "/v1/chat/completions"
target_llm = "up"
models = ["gpt-*"]
model_aliases = { fast = "gpt-small" }
allow_streaming = false
[[route]]
path_prefix = "/v1/completions"
target_llm = "up"
allow_non_streaming = false
"""
        client = self.start(more=more)
        body = b'{ "messages":["\xc3\xa9"], "mod\\u0065l" : "fast" , "n":1.50}'
        client.post(CHAT, body)
        self.assertEqual(client.read_response().status, 200)
        self.assertEqual(self.upstream.requests[0].body, body.replace(b'"fast"', b'"gpt-small"'))
        for path, body, status in ((CHAT, b'{"model":"gpt-9"}', 200),
                                   (CHAT, b'{"model":"other"}', 404),
                                   (CHAT, b'{"model":"gpt-9","stream":true}', 400),
                                   ("/v1/completions", b'{"model":"x"}', 400),
                                   ("/v1/completions", b'{"model":"x","stream":true}', 200),
                                   ("/v2/chat", b"{}", 404)):
            client.post(path, body)
            self.assertEqual(client.read_response().status, status, (path, body))

    def test_a_client_that_leaves_ends_the_upstreams_work(self):
        ended = []

        def script(connection, request):
            if b"stream" in request.body:
                connection.send(STREAM_HEAD + chunk(event(b"1")))
            connection.wait_for_end()
            ended.append(request)
        self.upstream.script = script
        self.start()
        for path in (CHAT, "/v1/completions", "/v1/responses"):
            for body in (b'{"stream":true}', b"{}"):
                client = self.gateway.client()
                client.post(path, body)
                if b"stream" in body:
                    client.read_until(b"\n\n")
                count = len(self.upstream.requests)
                support.wait_until(lambda: len(self.upstream.requests) >= count, "no request")
                support.wait_until(lambda: self.upstream.open == 1, "no connection upstream")
                client.close()
                support.wait_until(lambda: self.upstream.open == 0, "the upstream was not told")
        self.assertEqual(len(ended), 6)
        self.assertEqual(self.gateway.metric(r"^sluice_exchanges\{"), 0)

    def test_a_client_that_half_closes_gets_its_answer(self):
        go = [False]

        def script(connection, request):
            support.wait_until(lambda: go[0], "never told to go on")
            if b"stream" in request.body:
                connection.send(STREAM_HEAD + chunk(event(b"1")) + chunk(DONE) + b"0\r\n\r\n")
                return True
            return support.json_answer(connection, b'{"ok":true}')
        self.upstream.script = script
        self.start()
        for body, expected in ((b"{}", b'{"ok":true}'), (b'{"stream":true}', event(b"1") + DONE)):
            go[0] = False
            client = self.gateway.client()
            client.post(CHAT, body)
            client.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(client.read_head()[0], 100)  # The question whether it is there.
            go[0] = True
            response = client.read_response()
            self.assertEqual((response.body, response.complete), (expected, True))

    def test_a_post_is_sent_once(self):
        # Closes each kept connection just as the next request may be on its way.
        def script(connection, request):
            support.json_answer(connection, request.body)
            return False
        self.upstream.script = script
        client = self.start()
        for i in range(200):
            body = b'{"i":%d}' % i
            client.post(CHAT, body)
            self.assertEqual(client.read_response().body, body)
        seen = [r.body for r in self.upstream.requests]
        self.assertEqual(sorted(seen), sorted(set(seen)))
        self.assertEqual(len(seen), 200)

    def test_a_large_prompt_flows_and_bad_json_in_it_is_cut(self):
        client = self.start()
        body = b'{"messages":"' + b"x" * 6_000_000 + b'"}'
        client.post(CHAT, body)
        self.assertEqual(client.read_response().status, 200)
        self.assertEqual(self.upstream.requests[0].body, body)
        client.post(CHAT, body[:-1] + b"]")
        self.assertEqual(client.read_response().status, 400)
        self.assertEqual(len(self.upstream.requests), 1)

    def test_cors(self):
        client = self.start(server='cors_allowed_origins = ["https://app.example"]')
        client.send(b"OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
                    b"Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
                    b"Access-Control-Request-Headers: authorization, x-stainless-os\r\n\r\n")
        response = client.read_response()
        self.assertEqual(response.status, 204)
        self.assertEqual(response.field("access-control-allow-origin"), "https://app.example")
        self.assertIn("x-stainless-os", response.field("access-control-allow-headers"))
        own = "https://app.example"
        for origin, allowed in ((own, own), ("https://b", None)):
            client.post(CHAT, b"{}", [("Origin", origin)])
            self.assertEqual(client.read_response().field("access-control-allow-origin"), allowed)

    def test_reload_keeps_streams_and_refuses_nonsense(self):
        go = [False]

        def script(connection, _):
            connection.send(STREAM_HEAD + chunk(event(b"1")))
            support.wait_until(lambda: go[0], "never told to go on")
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start()
        client.post(CHAT, b'{"stream":true}')
        client.read_until(b"1\n\n")
        self.gateway.write_config("[server]\nport = 'x'\n")
        self.gateway.signal(signal.SIGHUP)
        support.wait_until(lambda: "the old one stays" in self.gateway.read_log(), "no refusal")
        self.assertIn("sluice.toml:2:", self.gateway.read_log())
        other = Upstream(lambda c, _: support.json_answer(c, b'{"other":true}'))
        self.gateway.write_config(config_for(other.port))
        self.gateway.signal(signal.SIGHUP)
        support.wait_until(lambda: "loaded anew" in self.gateway.read_log(), "no reload")
        second = self.gateway.client()
        second.post(CHAT, b"{}")
        self.assertEqual(second.read_response().body, b'{"other":true}')
        go[0] = True
        self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
        other.close()

    def test_drain_finishes_streams_and_ends_idle_connections(self):
        go = [False]

        def script(connection, _):
            connection.send(STREAM_HEAD + chunk(event(b"1")))
            support.wait_until(lambda: go[0], "never told to go on")
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start()
        idle = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        client.read_until(b"1\n\n")
        self.gateway.signal(signal.SIGTERM)
        idle.wait_for_end()
        with self.assertRaises(OSError):
            support.wait_until(lambda: self.gateway.client().close() or False, "")
        go[0] = True
        self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
        self.assertEqual(self.gateway.wait(), 0)
        self.gateway.stop()

    def test_counts_agree(self):
        client = self.start(server='access_log = { target = "stdout", format = "json" }')
        for _ in range(20):
            client.post(CHAT, b'{"model":"m"}')
            client.read_response()
        client.post(CHAT, b"{")
        client.read_response()
        self.assertEqual(self.gateway.metric(r"^sluice_requests_total\{.*status=\"200\""), 20)
        self.assertEqual(self.gateway.metric(r"^sluice_requests_total\{"), 21)
        self.assertEqual(self.gateway.metric(r"^sluice_request_duration_seconds_count"), 21)
        support.wait_until(lambda: self.gateway.read_access().count("\n") == 21, "no access log")
        lines = [json.loads(line) for line in self.gateway.read_access().splitlines()]
        self.assertEqual(sorted({l["status"] for l in lines}), [200, 400])


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
