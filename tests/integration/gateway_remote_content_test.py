"""Images that a request names by URL, for a provider that wants their bytes.

The hosts are on loopback, so what succeeds does so with allow_private_addresses; what the default
refuses is never even connected to. Redirects between public and private addresses need more than
one machine: tests/unit/pipeline/fetch_remote_test.cc.
"""

import base64
import json
import os
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
import tls_support
import vector_server
from secret_watch import WatchedCase

CHAT = "/v1/chat/completions"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5
PNG_BASE64 = base64.b64encode(PNG).decode()
LIMIT = 16 * 1024
OPEN = "allow_http = true\nallow_private_addresses = true\n"
REDIRECTS_MAX = 3
FILES_MAX = 16


def answer(connection, body, content_type="image/png", status="200 OK", fields=""):
    head = f"HTTP/1.1 {status}\r\n{fields}" + (
        f"Content-Type: {content_type}\r\n" if content_type else "")
    connection.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return True


def serve_file(connection, request):
    """A host of files, for Upstream: the path says how it behaves."""
    path = request.line.split(" ")[1].split("?")[0]
    if path.startswith("/redirect/"):
        left = int(path.rsplit("/", 1)[1])
        where = f"/redirect/{left - 1}" if left > 1 else "../image.png?from=redirect"
        return answer(connection, b"elsewhere", "text/plain", "302 Found", f"Location: {where}\r\n")
    if path == "/to-file":
        return answer(connection, b"", "", "302 Found", "Location: file:///etc/passwd\r\n")
    if path == "/to-http":
        return answer(connection, b"", "", "302 Found", "Location: http://127.0.0.1:9/x\r\n")
    if path == "/slow":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
                        b"Content-Length: 9999\r\n\r\n")
        connection.wait_for_end()
        return False
    if path == "/silent":
        connection.wait_for_end()
        return False
    if path == "/chunked":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: IMAGE/JPG; q=1\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(PNG), 100):
            connection.send(support.chunk(PNG[at:at + 100]))
        connection.send(b"0\r\n\r\n")
        return True
    answers = {
        "/image.png": (PNG,),
        "/page": (b"<html>", "text/html; charset=utf-8"),
        "/untyped": (PNG, ""),
        "/odd-type": (PNG, 'image/p"ng'),
        "/empty": (b"",),
        "/large": (b"x" * (LIMIT + 1),),
        "/missing": (b"gone", "image/png", "404 Not Found"),
        "/compressed": (PNG, "image/png", "200 OK", "Content-Encoding: gzip\r\n"),
    }
    return answer(connection, *answers[path])


def config_for(port, settings):
    return (f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
            f'[server.remote_content]\n{settings}\n'
            f'[llm.ollama]\nprovider = "ollama"\ntype = "chat"\n'
            f'base_url = "http://127.0.0.1:{port}"\n{support.ONE_ATTEMPT}'
            '[[route]]\npath_prefix = "/v1"\ntarget_llm = "ollama"\n')


class RemoteContent(WatchedCase):
    def setUp(self):
        self.files = support.Upstream(serve_file)
        self.upstream = vector_server.VectorServer()
        self.upstream.set_reply(vector_server.reply_of(vector_server.load("ollama/simple")))
        self.gateway = None

    def tearDown(self):
        log = self.gateway.read_log()
        code = self.gateway.stop()
        self.files.close()
        self.upstream.close()
        self.assertEqual(code, 0, log)
        self.assertEqual(self.upstream.errors + self.files.errors, [])

    def start(self, settings="", environment=None):
        self.gateway = support.Gateway(config_for(self.upstream.port, settings), environment)

    def url(self, path, host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.files.port}{path}"

    def ask(self, *urls):
        parts = [{"type": "text", "text": "What is it?"}]
        parts += [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        body = {"model": "llava", "messages": [{"role": "system", "content": "Hi"},
                                               {"role": "user", "content": parts}]}
        client = self.gateway.client()
        client.post(CHAT, json.dumps(body).encode())
        response = client.read_response()
        client.close()
        return response

    def sent_images(self):
        message = json.loads(self.upstream.requests[-1].body)["messages"][1]
        return message["images"]

    def assert_refused(self, response, words, part=1):
        self.assertEqual(response.status, 400, response.body)
        error = json.loads(response.body)["error"]
        self.assertEqual(error["code"], "invalid_image_url")
        self.assertEqual(error["type"], "invalid_request_error")
        self.assertEqual(error["param"], f"messages[1].content[{part}]")
        self.assertIn(words, error["message"])
        self.assertEqual(self.upstream.requests, [], "the provider must not be asked")

    # --- What is fetched.

    def test_the_provider_gets_the_bytes(self):
        self.start(OPEN)
        response = self.ask(self.url("/image.png?size=1#top"))
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(self.sent_images(), [PNG_BASE64])
        request = self.files.requests[0]
        self.assertEqual(request.line, "GET /image.png?size=1 HTTP/1.1")
        self.assertEqual(request.field("host"), f"127.0.0.1:{self.files.port}")
        self.assertEqual(request.field("accept"), "image/*")
        self.assertIsNone(request.field("authorization"))
        self.assertLess(float(response.field("server-timing").split("=")[1].split(",")[0]), 1000)

    def test_several_of_them_and_one_of_them_twice(self):
        self.start(OPEN)
        image, other = self.url("/image.png"), self.url("/chunked", "localhost")
        self.assertEqual(self.ask(image, other, image).status, 200)
        self.assertEqual(self.sent_images(), [PNG_BASE64] * 3)
        self.assertEqual(len(self.files.requests), 2)

    def test_redirects_are_followed(self):
        self.start(OPEN)
        response = self.ask(self.url(f"/redirect/{REDIRECTS_MAX}"))
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(self.sent_images(), [PNG_BASE64])
        self.assertEqual(self.files.requests[-1].line, "GET /image.png?from=redirect HTTP/1.1")

    def test_nothing_of_it_stays_open(self):
        self.start(OPEN)
        self.assertEqual(self.ask(self.url("/image.png")).status, 200)
        support.wait_until(lambda: self.files.open == 0, "the connection to the host stays open")

    # --- What is refused.

    def test_by_default_only_public_addresses_by_https(self):
        self.start()
        self.assert_refused(self.ask(self.url("/image.png")), "only https URLs")
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",
                     "169.254.169.254", "10.0.0.1", "[fd00::1]", "[64:ff9b::7f00:1]"):
            with self.subTest(host):
                response = self.ask(self.url("/image.png", host, "https"))
                self.assert_refused(response, "no public address")
        self.assertEqual(self.files.accepted, 0)

    def test_http_alone_opens_no_private_address(self):
        self.start("allow_http = true")
        for host in ("127.0.0.1", "localhost"):
            self.assert_refused(self.ask(self.url("/image.png", host)), "no public address")
        self.assertEqual(self.files.accepted, 0)

    def test_what_is_found_there_must_be_an_image(self):
        self.start(OPEN)
        for path, words in (("/page", "content type"), ("/untyped", "content type"),
                            ("/odd-type", "content type"), ("/empty", "empty"),
                            ("/missing", "status 404"), ("/compressed", "compressed"),
                            ("/to-file", "not valid")):
            with self.subTest(path):
                self.assert_refused(self.ask(self.url(path)), words)

    def test_too_large(self):
        self.start(OPEN + f"bytes_max = {LIMIT}")
        self.assert_refused(self.ask(self.url("/image.png"), self.url("/large")), "too large", 2)

    def test_too_slow(self):
        self.start(OPEN + "timeout_ms = 300")
        for path in ("/slow", "/silent"):
            began = time.monotonic()
            self.assert_refused(self.ask(self.url(path)), "too long")
            self.assertLess(time.monotonic() - began, support.PATIENCE_S / 3)

    def test_too_many_redirects(self):
        self.start(OPEN)
        response = self.ask(self.url(f"/redirect/{REDIRECTS_MAX + 1}"))
        self.assert_refused(response, "redirected too often")
        self.assertEqual(len(self.files.requests), REDIRECTS_MAX + 1)

    def test_too_many_files(self):
        self.start(OPEN)
        urls = [self.url(f"/image.png?{i}") for i in range(FILES_MAX + 1)]
        self.assert_refused(self.ask(*urls), "too many files")
        self.assertEqual(self.files.accepted, 0)

    def test_a_host_that_is_not_there(self):
        self.start(OPEN)
        free = support.Upstream()
        free.close()
        response = self.ask(f"http://127.0.0.1:{free.port}/x?secret")
        self.assert_refused(response, "could not be reached")

    def test_switched_off(self):
        self.start(OPEN + "enabled = false")
        response = self.ask(self.url("/image.png"))
        self.assertEqual(response.status, 400, response.body)
        self.assertEqual(self.files.accepted, 0)

    def test_a_client_that_leaves_ends_it(self):
        self.start(OPEN)
        began = threading.Event()
        self.files.script = lambda c, r: began.set() or serve_file(c, r)
        client = self.gateway.client()
        body = {"model": "llava", "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": self.url("/silent")}}]}]}
        client.post(CHAT, json.dumps(body).encode())
        self.assertTrue(began.wait(support.PATIENCE_S))
        client.reset()
        support.wait_until(lambda: self.files.open == 0, "the host is still being asked")

    # --- By https.

    def test_certificates_are_verified(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = tls_support.Authority(folder)
            other = tls_support.Authority(folder, "Other Authority")
            self.start("allow_private_addresses = true", {"SSL_CERT_FILE": authority.file})
            for issuer, trusted in ((authority, True), (other, False)):
                host = tls_support.TlsUpstream(issuer.issue("127.0.0.1"), serve_file)
                self.upstream.requests.clear()
                response = self.ask(f"https://127.0.0.1:{host.port}/image.png")
                if trusted:
                    self.assertEqual(response.status, 200, response.body)
                    self.assertEqual(self.sent_images(), [PNG_BASE64])
                    self.upstream.requests.clear()
                    redirected = self.ask(f"https://127.0.0.1:{host.port}/to-http")
                    self.assert_refused(redirected, "only https URLs")
                else:
                    self.assert_refused(response, "could not be verified")
                host.close()

    def test_without_authorities_everything_else_is_served(self):
        self.start("", {"SSL_CERT_FILE": "/nonexistent"})
        self.assert_refused(self.ask("https://127.0.0.1/x"), "could not be verified")
        self.assertIn("server.remote_content", self.gateway.read_log())
        self.assertEqual(self.ask().status, 200)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
