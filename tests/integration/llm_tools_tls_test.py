"""llm-load against llm-mock over TLS: verified answers, resumption, trust, and faults."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from gateway_support import CHAT
import llm_tools_test
from llm_tools_test import EVENTS, STREAM, WHOLE, Mock
from tls_support import Authority, TlsClient, V1_2, V1_3, client_context

FOLDER = tempfile.TemporaryDirectory()
CA = None
SERVER = None


def setUpModule():
    global CA, SERVER  # pylint: disable=global-statement
    CA = Authority(FOLDER.name)
    SERVER = CA.issue("127.0.0.1")


def tearDownModule():
    FOLDER.cleanup()


class TlsMock(Mock):
    """llm-mock with a certificate."""

    def client(self):
        return TlsClient(self.port, client_context(CA))


class ToolsTlsTest(unittest.TestCase):
    def setUp(self):
        self.mock = TlsMock("--certificate", SERVER.certificate, "--private-key", SERVER.key)

    def tearDown(self):
        self.assertEqual(self.mock.stop(), (0, ""))

    def load(self, *options, path=CHAT, code=0, trust=None):
        """Runs llm-load; returns its figures."""
        done = subprocess.run(
            [os.path.join(llm_tools_test.BUILD, "llm-load"), "--quiet", "--json", "-", *options,
             *(trust if trust is not None else ("--ca", CA.file)),
             f"https://127.0.0.1:{self.mock.port}{path}"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.stderr, b"")
        self.assertEqual(done.returncode, code, done.stdout)
        return json.loads(done.stdout)

    def test_every_endpoint_is_verified_streamed_and_whole(self):
        for path in (CHAT, "/v1/completions", "/v1/responses", "/v1/embeddings"):
            for options in ((), ("--stream",)):
                with self.subTest(path=path, options=options):
                    figures = self.load("-c", "4", "--requests", "40", *options, path=path)
                    self.assertEqual((figures["completed"], figures["errors"]), (40, {}))

    def test_large_prompts_many_events_and_several_shards(self):
        figures = self.load("-c", "6", "--requests", "12", "--stream", "--prompt-bytes", "3MiB",
                            "--prompts", "2", "--tokens", "300", "--event-bytes", "600",
                            "--shards", "2")
        self.assertEqual((figures["completed"], figures["events"]), (12, 12 * 303))

    def test_new_connections_with_and_without_resumption(self):
        for options in ((), ("--full-handshakes",)):
            figures = self.load("-c", "6", "--requests", "120", "--new-connections", *options)
            self.assertEqual((figures["completed"], figures["connections_opened"]), (120, 120))

    def test_who_is_trusted(self):
        self.assertEqual(self.load("--requests", "1", trust=("--insecure",))["completed"], 1)
        os.makedirs(folder := os.path.join(FOLDER.name, "other"), exist_ok=True)
        other = Authority(folder, "Other Authority")
        for trust in ((), ("--ca", other.file)):
            figures = self.load("--requests", "2", trust=trust, code=1)
            self.assertEqual(figures["completed"], 0)
            self.assertEqual(sum(figures["errors"].values()), 2)
            self.assertRegex(next(iter(figures["errors"])), "tls")
        self.assertEqual(self.mock.stats()["requests"], 1)

    def test_faults(self):
        for fault, kind in (("no-done", "answer_too_short"), ("no-terminator", "closed_early"),
                            ("close-after-events=1", "closed_early"),
                            ("reset-after-events=1", "reset"), ("reset", "reset"),
                            ("close", "closed_early"), ("garbage", "malformed"),
                            ("status=503", "status_503")):
            with self.subTest(fault=fault):
                figures = self.load("-c", "2", "--requests", "6", "--stream", "-H",
                                    f"x-mock-fault: {fault}", code=1)
                self.assertEqual(figures["errors"], {kind: 6})

    def test_framings(self):
        for body in (WHOLE, STREAM):
            usual = self.mock.answer(body)
            for framing in ("length", "chunked", "close"):
                with self.subTest(framing=framing):
                    response = self.mock.answer(body, ("x-mock-fault", f"framing={framing}"))
                    self.assertEqual((response.complete, response.body), (True, usual.body))

    def test_versions_and_leaving(self):
        for version in (V1_2, V1_3):
            client = TlsClient(self.mock.port, client_context(CA, version))
            client.post(CHAT, json.dumps(STREAM).encode())
            self.assertEqual(client.read_response().body.count(b"data: "), EVENTS)
            client.close()
            before = self.mock.stats()["aborted"]
            client = TlsClient(self.mock.port, client_context(CA, version))
            client.post(CHAT, json.dumps(STREAM).encode(), (("x-mock-itl-ms", "60000"),))
            self.mock.wait_for(lambda s: s["in_flight"] == 1, "the request did not arrive")
            client.close()
            self.mock.wait_for(lambda s, before=before: s["aborted"] == before + 1, "not noticed")

    def test_a_bad_certificate_is_told(self):
        done = subprocess.run(
            [os.path.join(llm_tools_test.BUILD, "llm-mock"), "--port", "0", "--certificate",
             SERVER.certificate, "--private-key", CA.key], capture_output=True, timeout=30,
            check=False, text=True)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("does not belong", done.stderr)


if __name__ == "__main__":
    llm_tools_test.BUILD = sys.argv.pop(1)
    unittest.main(warnings="ignore")
