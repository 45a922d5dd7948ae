"""TLS towards clients: versions, names, resumption, client certificates, broken handshakes."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

import gateway_support as support
from gateway_support import CHAT, Client, Gateway, Upstream
from tls_support import Authority, BioClient, TlsGateway, V1_2, V1_3, client_context, tls_config
from secret_watch import WatchedCase

FOLDER = tempfile.TemporaryDirectory()
CA = None
SERVER = None


def setUpModule():
    global CA, SERVER  # pylint: disable=global-statement
    CA = Authority(FOLDER.name)
    SERVER = CA.issue("gateway.example", "127.0.0.1")


def tearDownModule():
    FOLDER.cleanup()


class TlsCase(WatchedCase):
    def setUp(self):
        self.upstream = Upstream(lambda c, _: support.json_answer(c, b'{"ok":true}'))
        self.gateway = None

    def start(self, *identities, **settings):
        self.gateway = TlsGateway(tls_config(self.upstream.port, *(identities or (SERVER,)),
                                             **settings), client_context(CA))
        return self.gateway

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway and self.gateway.process.returncode is None:
            log = self.gateway.read_log() + self.gateway.read_access()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn(Gateway.KEY, log)
            self.assertNotIn("assertion", log)

    def assert_logged(self, text):
        support.wait_until(lambda: text in self.gateway.read_log(), f"not logged: {text}")

    def assert_answers(self, client):
        client.post(CHAT, b'{"model":"m"}')
        response = client.read_response()
        self.assertEqual((response.status, response.body), (200, b'{"ok":true}'))


class HandshakeTest(TlsCase):
    def test_versions_1_2_and_1_3_are_spoken_and_1_1_is_refused(self):
        self.start()
        for version, name in ((V1_2, "TLSv1.2"), (V1_3, "TLSv1.3")):
            client = self.gateway.client(client_context(CA, version))
            self.assertEqual(client.tls.version(), name)
            self.assert_answers(client)
            client.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old = client_context(None, ssl.TLSVersion.TLSv1_1)
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
            self.gateway.client(old)

    def test_version_min_1_3_refuses_1_2(self):
        self.start(tls='version_min = "1.3"')
        with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
            self.gateway.client(client_context(CA, V1_2))
        self.assert_answers(self.gateway.client(client_context(CA, V1_3)))

    def test_weak_ciphers_are_refused(self):
        self.start()
        context = client_context(CA, V1_2)
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256")
        with self.assertRaises(ssl.SSLError):
            self.gateway.client(context)

    def test_alpn(self):
        self.start()
        for offered, chosen in ((("h2", "http/1.1"), "http/1.1"), (("http/1.1",), "http/1.1"),
                                ((), None)):
            client = self.gateway.client(client_context(CA, protocols=offered))
            self.assertEqual(client.tls.selected_alpn_protocol(), chosen)
            self.assert_answers(client)
        with self.assertRaisesRegex(ssl.SSLError, "(?i)no.application.protocol"):
            self.gateway.client(client_context(CA, protocols=("h2",)))

    def shown_for(self, name):
        """The first name in the certificate that a client asking for `name` is shown."""
        context = client_context(CA)
        context.check_hostname = False
        client = self.gateway.client(context, name=name)
        shown = client.tls.getpeercert()["subjectAltName"][0][1]
        client.close()
        return shown

    def test_certificates_are_chosen_by_name(self):
        named = CA.issue("by-setting.example")
        self.start(CA.issue("default.example"), CA.issue("a.example", "b.example"),
                   CA.issue("*.wild.example"), CA.issue("exact.wild.example"),
                   (named, ["set.example", "*.set.example"]))
        for asked, shown in (("default.example", "default.example"), ("a.example", "a.example"),
                             ("b.example", "a.example"), ("A.EXAMPLE", "a.example"),
                             ("x.wild.example", "*.wild.example"),
                             ("exact.wild.example", "exact.wild.example"),
                             ("x.y.wild.example", "default.example"),
                             ("wild.example", "default.example"),
                             ("set.example", "by-setting.example"),
                             ("x.set.example", "by-setting.example"),
                             ("by-setting.example", "default.example"),
                             ("unknown.example", "default.example"), (None, "default.example")):
            with self.subTest(asked=asked):
                self.assertEqual(self.shown_for(asked), shown)
        # And as a client that verifies sees it.
        for name in ("a.example", "x.wild.example", "default.example"):
            self.assert_answers(self.gateway.client(name=name))

    def test_sessions_are_resumed(self):
        self.start()
        for version in (V1_2, V1_3):
            context = client_context(CA, version)
            first = self.gateway.client(context)
            self.assert_answers(first)  # With TLS 1.3 the tickets come after the handshake.
            second = self.gateway.client(context, session=first.tls.session)
            self.assertFalse(first.tls.session_reused)
            self.assertTrue(second.tls.session_reused, version)
            self.assert_answers(second)

    def test_sessions_are_resumed_on_every_shard(self):
        config = tls_config(self.upstream.port, SERVER).replace("shards = 1", "shards = 2")
        self.gateway = TlsGateway(config, client_context(CA))
        for version in (V1_2, V1_3):
            context, session, held = client_context(CA, version), None, []
            for i in range(24):  # Held open, so that both shards get some.
                client = self.gateway.client(context, session=session)
                self.assertEqual(client.tls.session_reused, i > 0)
                self.assert_answers(client)
                session = client.tls.session
                held.append(client)
            for client in held:
                client.close()
        shards = [self.gateway.metric(rf'^sluice_client_connections_total\{{shard="{i}"')
                  for i in (0, 1)]
        self.assertGreater(min(shards), 0, shards)

    def test_a_session_is_not_resumed_under_another_certificate(self):
        self.start(SERVER, CA.issue("a.example"), CA.issue("b.example"))
        for version in (V1_2, V1_3):
            context = client_context(CA, version)
            first = self.gateway.client(context, name="a.example")
            self.assert_answers(first)
            second = self.gateway.client(context, name="b.example", session=first.tls.session)
            self.assertFalse(second.tls.session_reused, version)
            self.assertEqual(second.tls.getpeercert()["subjectAltName"][0][1], "b.example")


class ClientCertificateTest(TlsCase):
    def refused(self, context):
        """With TLS 1.3 the refusal comes after the client's side of the handshake."""
        try:
            client = self.gateway.client(context)
            client.post(CHAT, b'{"model":"m"}')
            client.read_head()
        except (ssl.SSLError, ConnectionError, EOFError) as error:
            return str(error)
        return None

    def test_client_certificates_are_required(self):
        self.start(tls=f'client_ca_file = "{CA.file}"', server='log_level = "debug"')
        good = CA.issue("client.example", usage="clientAuth")
        foreign = Authority(FOLDER.name, "Foreign Authority").issue("c", usage="clientAuth")
        for version in (V1_2, V1_3):
            with self.subTest(version=version):
                context = client_context(CA, version, good)
                client = self.gateway.client(context)
                self.assert_answers(client)
                again = self.gateway.client(context, session=client.tls.session)
                self.assertFalse(again.tls.session_reused)  # The verdict is given anew.
                for identity, reason in ((None, "certificate.required|handshake.failure"),
                                         (foreign, "unknown.ca"),
                                         (CA.issue("c", usage="clientAuth", days=-1), "expired"),
                                         (CA.issue("c", usage="serverAuth"), "certificate")):
                    said = self.refused(client_context(CA, version, identity))
                    self.assertIsNotNone(said)
                    self.assertRegex(said, f"(?i){reason.replace('.', '[ _.]')}")
        self.assertEqual(len(self.upstream.requests), 2)
        for reason in ("showed no certificate", "unknown authority", "has expired",
                       "not made for this purpose"):
            self.assert_logged(reason)


class BrokenHandshakeTest(TlsCase):
    """None of these may cost more than its own connection."""

    def raw(self):
        return Client(self.gateway.port)

    def hello(self):
        """A ClientHello as bytes."""
        out = ssl.MemoryBIO()
        tls = client_context().wrap_bio(ssl.MemoryBIO(), out)
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        return out.read()

    def assert_connections(self, count):
        support.wait_until(
            lambda: self.gateway.metric(r"^sluice_client_connections\{") == count + 1,
            f"not {count} connections")

    def test_a_handshake_has_its_time(self):
        self.start(tls="handshake_timeout_ms = 300")
        hello = self.hello()
        for begin in (b"", hello[:1], hello[:-1], hello):
            client = self.raw()
            began = time.monotonic()
            client.send(begin)
            client.wait_for_end()
            self.assertGreaterEqual(time.monotonic() - began, 0.25, len(begin))
            self.assertLess(time.monotonic() - began, 1.3, len(begin))
        # One that keeps sending gets no longer.
        client = self.raw()
        began = time.monotonic()
        with self.assertRaises(ConnectionError):
            for i in range(10_000):
                client.send(hello[i:i + 1] if i < len(hello) - 1 else b"")
                client.sock.settimeout(0.01)
                try:
                    if not client.sock.recv(1):
                        raise ConnectionError
                except TimeoutError:
                    pass
        self.assertLess(time.monotonic() - began, 1.3)
        self.assert_connections(0)

    def test_what_is_not_tls_is_refused_at_once(self):
        self.start(server='log_level = "debug"')
        hello = self.hello()
        for garbage in (b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n",
                        b"CONNECT a:1 HTTP/1.1\r\n\r\n", bytes(16384), b"\xff" * 100,
                        b"\x16\x03\x01\xff\xff" + bytes(70000),
                        hello[:6] + b"\xff" * (len(hello) - 6), hello + hello,
                        b"\x17\x03\x03\x00\x05hello", b"\x15\x03\x01\x00\x02\x02\x28"):
            client = self.raw()
            try:
                client.send(garbage)
                data, _ = client.read_to_end()
            except ConnectionError:
                data = b""
            # At most an alert, or our half of a handshake.
            self.assertNotIn(b"HTTP/", data)
            client.close()
        self.assert_logged("a plain HTTP request came to a TLS port")
        self.assert_answers(self.gateway.client())
        self.assertEqual(len(self.upstream.requests), 1)

    def test_handshakes_that_are_cut(self):
        self.start()
        hello = self.hello()
        for count in (0, 1, 5, 100, len(hello) - 1, len(hello)):
            for end in (Client.close, Client.reset,
                        lambda c: c.sock.shutdown(socket.SHUT_WR)):
                client = self.raw()
                client.send(hello[:count])
                end(client)
                if client.sock.fileno() >= 0:
                    client.wait_for_end()
        self.assert_connections(0)
        self.assert_answers(self.gateway.client())

    def test_tls_byte_by_byte(self):
        self.start()
        for version in (V1_2, V1_3):
            client = BioClient(self.gateway.port, client_context(CA, version), piece_bytes=1)
            for _ in range(2):
                client.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n")
                self.assertIn(b"200 OK", client.read_until(b"ok"))
            client.close()

    def test_stopping_does_not_wait_for_handshakes(self):
        self.start(tls="handshake_timeout_ms = 60000")
        clients = [self.raw() for _ in range(3)]
        clients[1].send(self.hello()[:50])
        clients[2].send(self.hello())
        clients[2].sock.recv(1)
        self.assert_answers(self.gateway.client())  # Accepted after them.
        began = time.monotonic()
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(), 0)
        self.assertLess(time.monotonic() - began, 2)
        for client in clients:
            client.wait_for_end()
        self.gateway.stop()


    def test_a_handshake_may_end_while_draining(self):
        def drain():
            self.assert_answers(self.gateway.client())  # Accepted after it.
            self.gateway.signal(signal.SIGTERM)
            support.wait_until(lambda: support.is_refused(self.gateway.port), "it still listens")
        for _ in range(5):  # The client of a busy machine may be too slow for it.
            self.start()
            try:
                client = BioClient(self.gateway.port, client_context(CA), 50, after_first=drain)
                client.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n")
                answer = client.read_until(b"ok")
                client.close()
            except (ConnectionError, EOFError, ssl.SSLError):
                answer = b""
            self.assertEqual(self.gateway.wait(), 0)
            self.gateway.stop()
            if answer:
                break
        self.assertIn(b"200 OK", answer)


class ProgramsTest(TlsCase):
    """What people use to look at a server."""

    def run_program(self, *arguments, text=b""):
        done = subprocess.run(arguments, input=text, capture_output=True, timeout=30, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def curl(self, *options):
        return self.run_program("curl", "--silent", "--show-error", "--verbose", "--max-time", "20",
                                *options, f"https://gateway.example:{self.gateway.port}{CHAT}",
                                "--resolve", f"gateway.example:{self.gateway.port}:127.0.0.1",
                                "--data", '{"model":"m"}')

    def test_curl(self):
        self.start()
        for options, version in (((), "TLSv1.3"), (("--tls-max", "1.2"), "TLSv1.2"),
                                 (("--tlsv1.3", "--http1.1"), "TLSv1.3")):
            code, out, said = self.curl("--cacert", CA.file, *options)
            self.assertEqual((code, out), (0, '{"ok":true}'), said)
            self.assertIn(f"SSL connection using {version}", said)
        self.assertIn("accepted http/1.1", self.curl("--cacert", CA.file)[2])
        self.assertEqual(self.curl()[0], 60)  # Nobody knows our authority.

    def test_key_updates_of_openssl(self):
        self.start()
        address = f"127.0.0.1:{self.gateway.port}"
        get = b"GET /healthz HTTP/1.1\nHost: g\n\n"
        for command in (b"K\n", b"k\n"):  # The first asks for one of ours too.
            with self.subTest(command=command):
                shown = subprocess.Popen(
                    ["openssl", "s_client", "-connect", address, "-tls1_3", "-crlf", "-CAfile",
                     CA.file], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT)
                # A command is one only if it is all that was typed.
                for text, answer in ((get, b"200 OK"), (command, b"KEYUPDATE"), (get, b"200 OK")):
                    shown.stdin.write(text)
                    shown.stdin.flush()
                    line = b"-"
                    while line and answer not in line:
                        line = shown.stdout.readline()
                    self.assertTrue(line, f"ended before {answer}")
                shown.stdin.close()
                shown.stdout.close()
                shown.kill()
                shown.wait()


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
