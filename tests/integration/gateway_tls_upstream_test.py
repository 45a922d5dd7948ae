"""TLS towards upstreams: who is trusted, what is sent to whom, and what a cut answer looks like."""

import os
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, Gateway, STREAM_HEAD, chunk, event
from tls_support import (Authority, CutProxy, TlsUpstream, V1_2, V1_3, end_politely,
                         tls_config)
from secret_watch import WatchedCase

FOLDER = tempfile.TemporaryDirectory()
CA = None


def setUpModule():
    global CA  # pylint: disable=global-statement
    CA = Authority(FOLDER.name)


def tearDownModule():
    FOLDER.cleanup()


class UpstreamCase(WatchedCase):
    def setUp(self):
        self.upstream = None
        self.gateway = None

    def start(self, identity, tls="", port=None, host="127.0.0.1", environment=None, **upstream):
        """A gateway before an upstream that shows `identity`; `tls` are the settings towards it."""
        self.upstream = TlsUpstream(identity, lambda c, _: support.json_answer(c, b'{"ok":true}'),
                                    **upstream)
        self.gateway = Gateway(
            tls_config(port or self.upstream.port, scheme="https", host=host,
                       llm=f"timeouts = {{ connect_ms = 1000 }}\ntls = {{ {tls} }}"),
            environment)

    def stop(self):
        if self.upstream is not None:
            self.upstream.close()
            self.assertEqual(self.upstream.errors, [])
        if self.gateway is not None:
            log = self.gateway.read_log() + self.gateway.read_access()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn(Gateway.KEY, log)
            self.assertNotIn("assertion", log)
        self.upstream = self.gateway = None

    def tearDown(self):
        self.stop()

    def ask(self, body=b'{"model":"m"}'):
        client = self.gateway.client()
        client.post(CHAT, body)
        response = client.read_response()
        client.close()
        return response

    def assert_answered(self):
        response = self.ask()
        self.assertEqual((response.status, response.body), (200, b'{"ok":true}'))

    def assert_refused(self, reason):
        """502, the reason in the log, and not one byte of a request sent."""
        response = self.ask()
        self.assertEqual(response.status, 502)
        self.assertIn(b"upstream_connection_error", response.body)
        support.wait_until(lambda: reason in self.gateway.read_access(),
                           f"{reason} is not in the log: " + self.gateway.read_access())
        support.wait_until(lambda: self.upstream.open == 0, "the connection stayed open")
        self.assertEqual(self.upstream.requests, [])
        self.assertGreaterEqual(self.upstream.accepted, 1)


def trusting(authority, more=""):
    return f'ca_file = "{authority.file}"' + more


class TrustTest(UpstreamCase):
    def test_a_private_authority_is_refused_unless_it_is_named(self):
        server = CA.issue("127.0.0.1")
        for version in (V1_2, V1_3):
            self.start(server, version=version)  # The system's authorities.
            self.assert_refused("unknown authority")
            self.stop()
            self.start(server, trusting(CA), version=version)
            self.assert_answered()
            self.assertEqual(self.upstream.requests[0].field("authorization"),
                             "Bearer " + Gateway.KEY)
            self.stop()
        self.start(server, environment={"SSL_CERT_FILE": CA.file})
        self.assert_answered()

    def test_another_authority_of_the_same_name_is_refused(self):
        os.mkdir(other_folder := os.path.join(FOLDER.name, "other"))
        self.start(CA.issue("127.0.0.1"), trusting(Authority(other_folder)))
        self.assert_refused("certificate")

    def test_wrong_names_are_refused(self):
        for names in (("api.example",), ("127.0.0.2",), ("*.0.0.1",)):
            with self.subTest(names=names):
                self.start(CA.issue(*names), trusting(CA))
                self.assert_refused("another name")
                self.stop()

    def test_the_servers_name_can_be_set(self):
        server = CA.issue("api.example", "*.wild.example")
        for name in ("api.example", "x.wild.example"):
            self.start(server, trusting(CA, f', server_name = "{name}"'))
            self.assert_answered()
            self.assertEqual(self.upstream.names, [name])
            self.stop()
        for name in ("other.example", "x.y.wild.example", "wild.example"):
            self.start(server, trusting(CA, f', server_name = "{name}"'))
            self.assert_refused("another name")
            self.stop()

    def test_the_host_of_the_url_is_the_name(self):
        self.start(CA.issue("localhost"), trusting(CA), host="localhost")
        self.assert_answered()
        self.assertEqual(self.upstream.names, ["localhost"])
        self.assertEqual(self.upstream.requests[0].field("host"),
                         f"localhost:{self.upstream.port}")

    def test_expired_and_misused_certificates_are_refused(self):
        for identity, reason in ((CA.issue("127.0.0.1", days=-1), "expired"),
                                 (CA.issue("127.0.0.1", usage="clientAuth"), "purpose")):
            self.start(identity, trusting(CA))
            self.assert_refused(reason)
            self.stop()

    def test_verify_false_takes_anybody_and_says_so(self):
        self.start(CA.issue("elsewhere.example", days=-1), "verify = false")
        self.assert_answered()
        self.assertIn("verify is off", self.gateway.read_log())

    def test_version_min(self):
        self.start(CA.issue("127.0.0.1"), trusting(CA, ', version_min = "1.3"'), version=V1_2)
        self.assert_refused("TLS version")

    def test_a_client_certificate_is_shown(self):
        server, clients = CA.issue("127.0.0.1"), Authority(FOLDER.name, "Authority of Clients")
        shown = clients.issue("gateway", usage="clientAuth")
        for version in (V1_2, V1_3):
            self.start(server, trusting(CA, ", " + ", ".join(shown.toml().split("\n")[:2])),
                       client_authority=clients, version=version)
            self.assert_answered()
            self.stop()
            self.start(server, trusting(CA), client_authority=clients, version=version)
            response = self.ask()
            self.assertEqual(response.status, 502)
            self.assertEqual(self.upstream.requests, [])
            self.stop()

    def test_plain_servers_and_silent_ones(self):
        self.start(CA.issue("127.0.0.1"), trusting(CA))
        self.upstream.wrap = lambda sock: sock.sendall(b"HTTP/1.1 400 Bad\r\n\r\n") or sock
        response = self.ask()
        self.assertEqual(response.status, 502)
        support.wait_until(lambda: "not TLS" in self.gateway.read_access(), "no reason is logged")
        silent = threading.Event()
        self.upstream.wrap = lambda sock: silent.wait(support.PATIENCE_S) and sock
        began = time.monotonic()
        self.assertEqual(self.ask().status, 504)
        self.assertLess(time.monotonic() - began, 3)
        silent.set()
        self.upstream.wrap = lambda sock: sock.shutdown(2) or sock
        self.assertEqual(self.ask().status, 502)

    def test_connections_are_kept_and_sessions_resumed(self):
        self.start(CA.issue("127.0.0.1"), trusting(CA))
        for _ in range(10):
            self.assert_answered()
        self.assertEqual(self.upstream.accepted, 1)

        def once(connection, _):
            return support.json_answer(connection, b'{"ok":true}',
                                       fields="Connection: close\r\n") and False
        self.upstream.script = once
        for _ in range(5):
            self.assert_answered()
        self.assertGreaterEqual(self.upstream.resumed, 3)


    def test_a_post_is_sent_once(self):
        """Kept connections end just as the next request may be on its way."""
        self.start(CA.issue("127.0.0.1"), trusting(CA))

        def script(connection, request):
            support.json_answer(connection, request.body)
            if b"notify" in request.body:
                end_politely(connection.sock.tls)
            return False
        self.upstream.script = script
        client = self.gateway.client()
        answered = 0
        for i in range(150):
            body = b'{"i":%d%s}' % (i, b',"notify":1' if i % 2 else b"")
            client.post(CHAT, body)
            response = client.read_response()
            # One that the upstream's system has acknowledged is not sent again, read or not.
            self.assertIn(response.status, (200, 502))
            answered += response.body == body
        seen = [r.body for r in self.upstream.requests]
        self.assertEqual(len(set(seen)), len(seen))
        # How many meet the end on its way is a matter of the machine, but never most of them.
        self.assertGreater(answered, 75)


class CutTest(UpstreamCase):
    """An answer that was cut must never look whole."""

    def start_script(self, script, port=None):
        self.start(CA.issue("127.0.0.1"), trusting(CA), port=port)
        self.upstream.script = script

    def test_a_body_until_close_needs_close_notify(self):
        def script(connection, request):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            b"Connection: close\r\n\r\n" + b'{"a":1}')
            if b"notify" in request.body:
                connection.sock.unwrap()
        self.start_script(script)
        response = self.ask(b'{"notify":1}')
        self.assertEqual((response.status, response.body, response.complete),
                         (200, b'{"a":1}', True))
        for _ in range(3):
            response = self.ask()
            self.assertEqual(response.status, 200)
            self.assertFalse(response.complete, "a cut body looked whole")
        support.wait_until(lambda: self.gateway.read_access().count("closed_early") == 3,
                           "not logged as cut: " + self.gateway.read_access())

    def test_a_stream_until_close_is_whole_when_it_says_so(self):
        def script(connection, request):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                            b"Connection: close\r\n\r\n" + event(b"1"))
            if b"done" in request.body:
                connection.send(DONE)
        self.start_script(script)
        response = self.ask(b'{"stream":true,"done":1}')
        self.assertEqual((response.body, response.complete), (event(b"1") + DONE, True))
        response = self.ask(b'{"stream":true}')
        self.assertFalse(response.complete)
        self.assertIn(b"stream_truncated", response.body)

    def test_every_framing_cut_inside_a_record(self):
        """The connection ends 1, 10 or all but one bytes into the last record."""
        heads = {
            "chunked": STREAM_HEAD,
            "close": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
            "length": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                      b"Content-Length: 500\r\n\r\n",
        }
        proxy = CutProxy()
        self.start_script(None, port=proxy.port)
        proxy.target_port = self.upstream.port
        for framing, head in heads.items():
            for kept in (0, 1, 10, 200):
                with self.subTest(framing=framing, kept=kept):
                    seen = threading.Event()

                    def script(connection, _, head=head, kept=kept, framing=framing, seen=seen):
                        one, two = event(b"one"), event(b"x" * 200)
                        if framing == "chunked":
                            one, two = chunk(one), chunk(two)
                        connection.send(head + one)
                        if seen.wait(support.PATIENCE_S):
                            proxy.cut_after(kept)
                            connection.send(two)
                        connection.wait_for_end()
                    self.upstream.script = script
                    client = self.gateway.client()
                    client.post(CHAT, b'{"stream":true}')
                    self.assertEqual(client.read_head()[0], 200)
                    self.assertIn(b"one", client.read_until(b"\n\n"))
                    seen.set()
                    rest, _ = client.read_to_end()
                    self.assertIn(b"stream_truncated", rest)
                    self.assertNotIn(b"xx", rest)
                    self.assertNotIn(b"\r\n0\r\n", rest)
                    proxy.budget = None
        proxy.close()


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
