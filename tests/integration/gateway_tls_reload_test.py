"""Certificates are swapped under load, bad ones change nothing, and keys are seen nowhere."""

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, Gateway, STREAM_HEAD, Upstream, chunk, event
from llm_tools_test import Mock
import llm_tools_test
from tls_support import (Authority, TlsGateway, TlsUpstream, V1_2, V1_3, client_context,
                         tls_config)
from secret_watch import WatchedCase

FOLDER = tempfile.TemporaryDirectory()
CA = None
SWAPS = 12


def setUpModule():
    global CA  # pylint: disable=global-statement
    CA = Authority(FOLDER.name)


def tearDownModule():
    FOLDER.cleanup()


class ReloadCase(WatchedCase):
    def setUp(self):
        self.gateway = None
        self.first = CA.issue("first.example", "127.0.0.1")
        self.second = CA.issue("second.example", "127.0.0.1")

    def tearDown(self):
        if self.gateway is not None:
            log = self.gateway.read_log() + self.gateway.read_access()
            self.assertEqual(self.gateway.stop(), 0, log)

    def log_has(self, text, count=1):
        support.wait_until(lambda: self.gateway.read_log().count(text) >= count,
                           f"not logged {count} times: {text}: {self.gateway.read_log()}")

    def reload(self, config=None, expected="loaded anew"):
        count = self.gateway.read_log().count(expected) + 1
        if config is not None:
            self.gateway.write_config(config)
        self.gateway.signal(signal.SIGHUP)
        self.log_has(expected, count)

    def shown(self):
        client = self.gateway.client()
        name = client.tls.getpeercert()["subjectAltName"][0][1]
        client.close()
        return name


class SwapTest(ReloadCase):
    def test_certificates_are_swapped_under_load(self):
        """New connections with full handshakes all the while: not one may fail."""
        mock = Mock()
        configs = [tls_config(mock.port, i) for i in (self.first, self.second)]
        self.gateway = TlsGateway(configs[0], client_context(CA))
        load = subprocess.Popen(
            [os.path.join(llm_tools_test.BUILD, "llm-load"), "--quiet", "--json", "-", "-c", "8",
             "--duration", "60", "--new-connections", "--full-handshakes", "--ca", CA.file,
             f"https://127.0.0.1:{self.gateway.port}{CHAT}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        seen = set()
        for i in range(SWAPS):
            self.reload(configs[(i + 1) % 2])
            # The shards take it up in their next turn.
            wanted = ("second.example", "first.example")[i % 2]
            support.wait_until(lambda wanted=wanted: self.shown() == wanted, "no swap")
            seen.add(wanted)
        load.send_signal(signal.SIGINT)
        figures = json.loads(load.communicate(timeout=60)[0])
        self.assertEqual(figures["errors"], {})
        self.assertGreater(figures["completed"], 20 * SWAPS)
        self.assertEqual(len(seen), 2)
        self.assertEqual(mock.stop(), (0, ""))

    def test_files_that_changed_are_read_again(self):
        """As certificate robots do it: the same names, new contents."""
        upstream = Upstream(lambda c, _: support.json_answer(c, b"{}"))
        self.gateway = TlsGateway(tls_config(upstream.port, self.first), client_context(CA))
        self.assertEqual(self.shown(), "first.example")
        for old, new in ((self.first.certificate, self.second.certificate),
                         (self.first.key, self.second.key)):
            os.replace(new, old)
        self.reload()
        support.wait_until(lambda: self.shown() == "second.example", "the old one stays")
        upstream.close()

    def test_streams_outlive_a_swap(self):
        go = threading.Event()

        def script(connection, _):
            connection.send(STREAM_HEAD + chunk(event(b"1")))
            go.wait(support.PATIENCE_S)
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        upstream = TlsUpstream(self.first, script)
        towards = {"scheme": "https", "llm": f'tls = {{ ca_file = "{CA.file}" }}'}
        self.gateway = TlsGateway(tls_config(upstream.port, self.first, **towards),
                                  client_context(CA))
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        client.read_until(b"1\n\n")
        self.reload(tls_config(upstream.port, self.second, **towards))
        self.assertEqual(self.shown(), "second.example")
        go.set()
        self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
        upstream.close()

    def test_sessions_are_not_resumed_under_a_new_certificate(self):
        upstream = Upstream(lambda c, _: support.json_answer(c, b"{}"))
        self.gateway = TlsGateway(tls_config(upstream.port, self.first), client_context(CA))
        for version in (V1_2, V1_3):
            self.reload(tls_config(upstream.port, self.first))
            context = client_context(CA, version)
            client = self.gateway.client(context)
            client.post(CHAT, b"{}")
            client.read_response()
            self.reload()  # The same one: tickets stay good.
            self.assertTrue(self.gateway.client(
                context, session=client.tls.session).tls.session_reused)
            self.reload(tls_config(upstream.port, self.second))
            self.assertFalse(self.gateway.client(
                context, session=client.tls.session).tls.session_reused)
        upstream.close()


class BadCertificateTest(ReloadCase):
    def file(self, name, content):
        path = os.path.join(FOLDER.name, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def broken(self):
        """(certificate, key, what the log must say), none of which can be served."""
        garbage = self.file("garbage.pem", b"not a certificate\n")
        cut = self.file("cut.pem", open(self.second.certificate, "rb").read()[:200])
        middle = open(self.second.certificate, "rb").read()
        middle = self.file("middle.pem", middle[:100] + b"AAAA" + middle[104:])
        locked = os.path.join(FOLDER.name, "locked.key")
        subprocess.run(["openssl", "pkey", "-in", self.second.key, "-aes128", "-passout",
                        "pass:secret", "-out", locked], check=True, capture_output=True)
        return ((garbage, self.second.key, "garbage.pem: holds no certificate in PEM form"),
                (cut, self.second.key, "cut.pem: "),
                (middle, self.second.key, "middle.pem: "),
                (self.second.certificate, self.first.key, "does not belong to the certificate"),
                (self.second.certificate, garbage, "garbage.pem: holds no private key"),
                (self.second.certificate, locked, "the private key is encrypted"),
                (os.path.join(FOLDER.name, "absent.pem"), self.second.key,
                 'absent.pem" cannot be read'))

    def config(self, port, certificate, key):
        return tls_config(port, self.first).replace(
            self.first.certificate, certificate).replace(self.first.key, key)

    def test_a_bad_certificate_changes_nothing_and_the_log_says_why(self):
        upstream = Upstream(lambda c, _: support.json_answer(c, b"{}"))
        self.gateway = TlsGateway(tls_config(upstream.port, self.first), client_context(CA))
        for certificate, key, reason in self.broken():
            with self.subTest(reason=reason):
                self.reload(self.config(upstream.port, certificate, key), "the old one stays")
                self.log_has(reason)
                self.assertEqual(self.shown(), "first.example")
        self.reload(tls_config(upstream.port, self.second))
        support.wait_until(lambda: self.shown() == "second.example", "it is stuck")
        upstream.close()

    def test_check_and_start_refuse_a_bad_certificate_and_say_why(self):
        for certificate, key, reason in self.broken():
            with self.subTest(reason=reason):
                path = self.file("start.toml", self.config(9, certificate, key).encode())
                done = subprocess.run([support.SLUICE, "--config", path], capture_output=True,
                                      timeout=10, check=False, text=True)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(reason, done.stderr)
                done = subprocess.run([support.SLUICE, "check", path], capture_output=True,
                                      timeout=10, check=False, text=True)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(reason, done.stderr)

    def test_an_expired_certificate_is_served_with_a_warning(self):
        """It is the operator's to judge; a gateway that does not start helps nobody."""
        expired = CA.issue("127.0.0.1", days=-1)
        upstream = Upstream(lambda c, _: support.json_answer(c, b"{}"))
        self.gateway = TlsGateway(tls_config(upstream.port, expired), client_context())
        self.assertIn("expired on", self.gateway.read_log())
        with self.assertRaisesRegex(ssl.SSLError, "expired"):
            self.gateway.client(client_context(CA))
        self.reload(tls_config(upstream.port, self.first))
        self.reload(tls_config(upstream.port, expired))
        support.wait_until(lambda: self.gateway.read_log().count("expired on") == 2, "no warning")
        upstream.close()


class SecretsTest(ReloadCase):
    def test_keys_are_seen_nowhere(self):
        """Provider keys, client keys and private keys, over everything that the gateway says."""
        upstream = TlsUpstream(self.first, lambda c, _: support.json_answer(
            c, b'{"error":1}', status="401 Unauthorized"))
        config = tls_config(upstream.port, self.first, scheme="https",
                            llm=f'tls = {{ ca_file = "{CA.file}" }}',
                            server='log_level = "debug"')
        self.gateway = TlsGateway(config, client_context(CA))
        said = b""
        client_key = "sk-client-secret-0815"
        for body in (b'{"model":"m"}', b"{", b'{"model":"m","stream":true}'):
            client = self.gateway.client()
            client.post(CHAT, body, [("Authorization", f"Bearer {client_key}"),
                                     ("X-Api-Key", client_key), ("Cookie", f"k={client_key}")])
            status, fields = client.read_head()
            said += repr((status, fields)).encode() + client.buffer
            client.close()
        client = self.gateway.client()
        client.send(f"GET /v1/models HTTP/1.1\r\nBad Name: {client_key}\r\n\r\n".encode())
        said += client.read_to_end()[0]
        upstream.close()
        client = self.gateway.client()  # Refused from now on.
        client.post(CHAT, b"{}", [("Authorization", f"Bearer {client_key}")])
        said += client.read_response().body
        metrics = self.gateway.metrics_text().encode()
        self.assertIn(b"sluice_requests_total", metrics)
        self.reload()
        self.gateway.write_config(config + "nonsense = 1\n")
        self.gateway.signal(signal.SIGHUP)
        self.log_has("the old one stays")
        self.gateway.write_config(config)
        environment = {**os.environ, "TEST_UPSTREAM_KEY": Gateway.KEY}
        for command in (["print-config", "--config"], ["check"]):
            done = subprocess.run([support.SLUICE, *command, self.gateway.config_path],
                                  capture_output=True, timeout=10, check=False, env=environment)
            self.assertEqual(done.returncode, 0, done.stderr)
            said += done.stdout + done.stderr
        self.assertIn(b"env:TEST_UPSTREAM_KEY (set)", said)
        log = self.gateway.read_log() + self.gateway.read_access()
        said += metrics + log.encode()
        for secret in (Gateway.KEY, client_key, *self.first.key_lines()):
            self.assertNotIn(secret.encode(), said)
        self.assertGreaterEqual(self.gateway.read_access().count(CHAT), 3)


if __name__ == "__main__":
    llm_tools_test.BUILD = sys.argv.pop(1)
    support.SLUICE = os.path.join(llm_tools_test.BUILD, "sluice")
    unittest.main(warnings="ignore")
