"""Streams and bodies over TLS: events leave one by one, large bodies pass, leaving is noticed."""

import hashlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, chunk, event
from tls_support import (Authority, BioClient, TlsGateway, TlsUpstream, V1_2, V1_3, client_context,
                         tls_config)
from secret_watch import WatchedCase

FOLDER = tempfile.TemporaryDirectory()
CA = None
SERVER = None
MIB = 1024 * 1024
# Promised is 50 ms; the odd one may meet a machine that is busy with other things.
NOTICED_S = 0.05
NOTICED_SHARE = 0.8


def setUpModule():
    global CA, SERVER  # pylint: disable=global-statement
    CA = Authority(FOLDER.name)
    SERVER = CA.issue("127.0.0.1")


def tearDownModule():
    FOLDER.cleanup()


class TlsStreamTest(WatchedCase):
    """TLS on both sides of the gateway."""

    def setUp(self):
        self.upstream = TlsUpstream(SERVER)
        self.gateway = TlsGateway(
            tls_config(self.upstream.port, SERVER, scheme="https",
                       llm=f'tls = {{ ca_file = "{CA.file}" }}',
                       server='access_log = { target = "stdout", format = "json" }'),
            client_context(CA))

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        self.assertEqual(self.upstream.handshake_errors, [])
        log = self.gateway.read_log() + self.gateway.read_access()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.assertNotIn(Gateway.KEY, log)
        self.assertNotIn("assertion", log)

    def wait_for_exchanges(self, count):
        support.wait_until(lambda: self.gateway.metric(r"^sluice_exchanges\{") == count,
                           f"not {count} exchanges")

    def test_each_event_leaves_before_the_next_arrives(self):
        turn = threading.Semaphore(0)

        def script(connection, _):
            connection.send(STREAM_HEAD)
            for i in range(20):
                connection.send(chunk(event(b'{"i":%d,"fill":"%s"}' % (i, b"x" * (i * 900)))))
                if not turn.acquire(timeout=support.PATIENCE_S):
                    return False
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        for version in (V1_2, V1_3):
            client = self.gateway.client(client_context(CA, version))
            client.post(CHAT, b'{"stream":true}')
            self.assertEqual(client.read_head()[0], 200)
            for i in range(20):
                self.assertIn(b'{"i":%d,' % i, client.read_until(b"\n\n"))
                turn.release()
            self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
            client.close()

    def test_16_mib_both_ways(self):
        def script(connection, request):
            if connection.sock.version() == "TLSv1.2":
                return support.json_answer(connection, request.body)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n")
            for begin in range(0, len(request.body), 100_000):
                connection.send(chunk(request.body[begin:begin + 100_000]))
            connection.send(b"0\r\n\r\n")
            return True
        self.upstream.script = script
        pattern = b"".join(hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(16384))
        body = b'{"messages":"' + pattern * 16 + b'"}'
        self.assertGreater(len(body), 16 * MIB)
        for version, mode in ((V1_2, "at once"), (V1_3, "at once"), (V1_3, "read late")):
            with self.subTest(version=version, mode=mode):
                client = self.gateway.client(client_context(CA, version))
                sender = threading.Thread(target=client.post, args=(CHAT, body))
                sender.start()
                sender.join(support.PATIENCE_S)
                if mode == "read late":
                    # Until nothing moves any more: the answer fills every queue on the way.
                    support.wait_until(lambda: len(self.upstream.requests) == 3, "no request")
                response = client.read_response()
                self.assertEqual((response.status, response.complete), (200, True))
                self.assertTrue(response.body == body, "the answer is not what was sent")
                client.close()
        self.assertTrue(all(r.body == body for r in self.upstream.requests))

    def leave(self, how, silent=False):
        """Seconds until the upstream knew that a client had left as `how` does it."""
        ended = []

        def script(connection, _):
            if not silent:
                connection.send(STREAM_HEAD + chunk(event(b"1")))
            try:
                while connection.sock.recv(65536):
                    pass
            except ConnectionError:
                pass
            ended.append(time.monotonic())
        self.upstream.script = script
        seen = len(self.upstream.requests)
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        if not silent:
            client.read_until(b"\n\n")
        support.wait_until(lambda: len(self.upstream.requests) > seen, "no request")
        left_at = time.monotonic()
        how(client)
        support.wait_until(lambda: ended, "the upstream was not told")
        return ended[0] - left_at

    def test_leaving_cancels_the_upstream(self):
        def politely(client):
            client.end_politely()
            client.close()

        def half_then_gone(client):
            socket.socket.shutdown(client.tls, socket.SHUT_WR)
            client.close()
        for how in (lambda c: c.close(), politely, lambda c: c.reset(), half_then_gone):
            for silent in (False, True):
                took = [self.leave(how, silent) for _ in range(5)]
                self.assertGreaterEqual(sum(t < NOTICED_S for t in took),
                                        NOTICED_SHARE * len(took), took)
        self.wait_for_exchanges(0)
        support.wait_until(lambda: self.upstream.open == 0, "an upstream connection stayed open")
        support.wait_until(lambda: self.gateway.read_access().count('"status":499') == 40,
                           "not every early end is in the access log")

    def test_close_notify_from_a_client_that_still_reads(self):
        go = threading.Event()

        def script(connection, request):
            if not go.wait(support.PATIENCE_S):
                return False
            if b"stream" in request.body:
                connection.send(STREAM_HEAD + chunk(event(b"1")) + chunk(DONE) + b"0\r\n\r\n")
                return True
            return support.json_answer(connection, b'{"ok":true}')
        self.upstream.script = script
        for version in (V1_2, V1_3):
            for body, end in ((b"{}", b'{"ok":true}'), (b'{"stream":true}', b"0\r\n\r\n")):
                go.clear()
                seen = len(self.upstream.requests)
                client = BioClient(self.gateway.port, client_context(CA, version))
                client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n"
                            b"Content-Length: %d\r\n\r\n" % len(body) + body)
                support.wait_until(lambda: len(self.upstream.requests) > seen, "no request")
                client.send_close_notify()
                # The question whether it is there comes first.
                self.assertIn(b"100 Continue", client.read_until(b"\r\n\r\n"))
                go.set()
                self.assertTrue(client.read_until(end))
                client.close()

    def test_idle_connections_end_with_close_notify(self):
        client = self.gateway.client()
        client.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(client.read_to_end(), (b"", False))

    def test_ends_without_close_notify_between_requests_harm_nobody(self):
        self.upstream.script = lambda c, _: support.json_answer(c, b"{}")
        for _ in range(50):
            client = self.gateway.client()
            client.post(CHAT, b"{}")
            self.assertEqual(client.read_response().status, 200)
            client.close()  # Python sends no close_notify by itself.
        self.assertEqual(self.upstream.accepted, 1)
        self.wait_for_exchanges(0)
        self.assertEqual(self.gateway.metric(r"^sluice_(errors|cancels)_total"), 0)

    def test_an_orderly_end_has_close_notify_and_a_broken_one_is_no_whole_body(self):
        self.upstream.script = lambda c, _: c.send(STREAM_HEAD + chunk(event(b"1"))) and None
        client = self.gateway.client()
        client.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
        self.assertTrue(client.read_response().complete)
        self.assertEqual(client.read_to_end(), (b"", False))
        client = self.gateway.client()
        client.send(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        data, cut = client.read_to_end()
        self.assertIn(b"stream_truncated", data)
        self.assertTrue(cut, "a cut body until close must not end with close_notify")

    def test_a_client_that_reads_nothing_is_bounded(self):
        sent = [0]
        piece = chunk(event(b"x" * 16000))

        def script(connection, request):
            connection.send(STREAM_HEAD)
            connection.sock.settimeout(1)
            try:
                # 96 MB, which is more than the sockets of both sides take, or 1.6 MB.
                for _ in range(6000 if b"all" in request.body else 100):
                    connection.send(piece)
                    sent[0] += len(piece)
            except OSError:
                pass
            connection.send(chunk(DONE) + b"0\r\n\r\n")
        self.upstream.script = script
        for _ in range(3):  # What is touched for the first time counts for nobody.
            client = self.gateway.client()
            client.post(CHAT, b'{"stream":true}')
            client.read_response()
            client.close()
        before, sent[0] = self.gateway.rss_kib(), 0
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true,"all":1}')
        client.read_until(b"\r\n\r\n")
        support.wait_until(lambda: self.upstream.open == 0, "the upstream was never stopped")
        self.assertLess(sent[0], 6000 * len(piece))
        self.assertLess(self.gateway.rss_kib() - before, 1536)  # Blocks of TLS included.
        client.close()


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
