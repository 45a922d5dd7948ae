"""The admin API of the real binary: who may use it, what it says, and reloads by every way."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import unittest

import gateway_support as support
from gateway_support import CHAT, Gateway, Upstream, chunk, config_for, event
from secret_watch import WatchedCase

TOKEN = "admin-token-0815"
ANSWER = (b'{"id":"1","object":"chat.completion","choices":[],"usage":{"prompt_tokens":11,'
          b'"completion_tokens":7,"total_tokens":18}}')


class UnixClient(support.Client):
    """A client of a unix socket."""

    def __init__(self, path):  # pylint: disable=super-init-not-called
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(support.PATIENCE_S)
        self.sock.connect(path)
        self.buffer = b""


def admin_config(upstream_port, admin, **parts):
    return config_for(upstream_port, more=f"\n[admin]\n{admin}\n", **parts)


class AdminCase(WatchedCase):
    def setUp(self):
        self.go = threading.Event()
        self.upstream = Upstream(self.script)
        self.gateway = None

    def tearDown(self):
        self.go.set()
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway:
            log = self.gateway.read_log()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn("assertion", log)

    def script(self, connection, request):
        if b"fail" in request.body:
            return support.json_answer(connection, b'{"error":{}}', "500 Internal Server Error")
        if b"stream" not in request.body:
            return support.json_answer(connection, ANSWER)
        return support.stream_in_two(connection, self.go)

    def start(self, admin='listen = "127.0.0.1:0"', environment=None, **parts):
        self.gateway = Gateway(admin_config(self.upstream.port, admin, **parts), environment)

    def admin_line(self):
        return self.gateway.admin_address()

    def connect(self):
        address = self.admin_line()
        if address.startswith("unix:"):
            return UnixClient(address.removeprefix("unix:"))
        return support.Client(int(address.rsplit(":", 1)[1]))

    def ask(self, method, path, fields=(), body=b"", host="127.0.0.1"):
        client = self.connect()
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{n}: {v}\r\n" for n, v in fields)
        client.send(head.encode() + b"\r\n" + body)
        response = client.read_response(to_head=method == "HEAD")
        client.close()
        return response

    def get(self, path, **more):
        response = self.ask("GET", path, **more)
        self.assertEqual(response.status, 200, response.body)
        return json.loads(response.body)

    def refusal(self, *args, **more):
        response = self.ask(*args, **more)
        return response.status, json.loads(response.body)["error"]["code"]

    def chat(self, body=b'{"model":"m","messages":[]}'):
        client = self.gateway.client()
        client.post(CHAT, body)
        response = client.read_response()
        client.close()
        return response

    def refuses_to_start(self, admin, reason):
        with support.tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.write(admin_config(self.upstream.port, admin))
            file.flush()
            ended = self.sluice("--config", file.name)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(reason, ended.stderr.decode())

    def sluice(self, *arguments, environment=None):
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        environ.update({"TEST_UPSTREAM_KEY": "k"}, **(environment or {}))
        return subprocess.run([support.SLUICE, *arguments], env=environ, capture_output=True,
                              timeout=support.PATIENCE_S + 30, check=False)


class AccessTest(AdminCase):
    def test_loopback(self):
        self.start()
        status = self.get("/v1/status")
        self.assertEqual(status["listen"], f"127.0.0.1:{self.gateway.port}")
        self.assertEqual([s["responds"] for s in status["shards"]], [True])
        self.assertEqual(self.refusal("GET", "/v1/status", host="evil.example"),
                         (403, "foreign_host"))
        self.assertEqual(self.refusal("POST", "/v1/reload", [("Origin", "http://evil.example")]),
                         (403, "foreign_origin"))
        self.assertEqual(self.refusal("GET", "/nothing"), (404, "not_found"))
        response = self.ask("PUT", "/v1/reload")
        self.assertEqual((response.status, response.field("allow")), (405, "POST"))
        self.assertEqual(self.ask("GET", "/healthz").body, b"ok\n")
        head = self.ask("HEAD", "/v1/status")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertIn("/v1/stats", self.get("/openapi.json")["paths"])

    def test_a_token(self):
        self.start('listen = "0.0.0.0:0"\ntoken_env = "ADMIN_TOKEN"', {"ADMIN_TOKEN": TOKEN})
        for fields in ([], [("Authorization", "Bearer wrong")], [("Authorization", TOKEN)]):
            self.assertEqual(self.refusal("GET", "/v1/config", fields), (401, "unauthorized"))
        shown = [("Authorization", f"Bearer {TOKEN}")]
        response = self.ask("GET", "/v1/config", shown, host="gateway.example")
        self.assertEqual(response.status, 200)
        for secret in (TOKEN, Gateway.KEY):
            self.assertNotIn(secret.encode(), response.body)
            self.assertNotIn(secret, self.gateway.read_log())
        # Whoever checks a gateway from afar may not have the token.
        self.assertEqual(self.ask("GET", "/healthz", host="gateway.example").status, 200)

    def test_a_token_file_is_read_again(self):
        self.start()
        path = os.path.join(self.gateway.folder.name, "token")
        for token in ("first", "second"):
            with open(path, "w", encoding="ascii") as file:
                file.write(token + "\n")
            self.gateway.write_config(admin_config(
                self.upstream.port, f'listen = "127.0.0.1:0"\ntoken_file = "{path}"'))
            before = self.gateway.read_log().count("loaded anew")
            self.gateway.signal(signal.SIGHUP)
            support.wait_until(lambda n=before: self.gateway.read_log().count("loaded anew") > n,
                               "no reload")
            fields = [("Authorization", f"Bearer {token}")]
            self.assertEqual(self.ask("GET", "/v1/status", fields).status, 200)
        self.assertEqual(self.refusal("GET", "/v1/status", [("Authorization", "Bearer first")]),
                         (401, "unauthorized"))

    def test_an_open_address_needs_one(self):
        self.refuses_to_start('listen = "0.0.0.0:0"', "can be reached from other machines")

    def test_limits(self):
        self.start()
        self.assertEqual(self.refusal("POST", "/v1/reload", body=b"x" * (1024 * 1024 + 1)),
                         (413, "body_too_large"))
        client = self.connect()
        client.send(b"POST /v1/reload HTTP/1.1\r\nHost: localhost\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):  # It may answer and end before all is sent.
            for _ in range(40):
                client.send(chunk(b"x" * 32768))
        self.assertEqual(client.read_response().status, 413)
        client.close()
        clients = [self.connect() for _ in range(70)]
        for waiting in clients:
            waiting.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for served in clients[:64]:
            self.assertEqual(served.read_response().status, 200)
        for served in clients[:64]:
            served.close()
        for waiting in clients[64:]:
            self.assertEqual(waiting.read_response().status, 200)
            waiting.close()


class ListenTest(AdminCase):
    def test_a_unix_socket(self):
        path = os.path.join(support.tempfile.mkdtemp(), "admin.sock")
        admin = f'listen = "unix:{path}"'
        self.start(admin)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(self.get("/v1/status", host="whatever")["draining"], False)
        table = self.sluice("stats", "--admin", f"unix:{path}")
        self.assertEqual((table.returncode, table.stderr), (0, b""))
        # A second one must not take it away from the first.
        self.refuses_to_start(admin, f"unix:{path}: Address already in use")
        self.assertEqual(self.get("/v1/status")["draining"], False)
        self.gateway.process.kill()
        self.gateway.process.wait()
        self.gateway.stop()
        self.assertTrue(os.path.exists(path), "it was left behind")
        self.start(admin)
        self.assertEqual(self.get("/v1/status")["draining"], False)
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway = None
        self.assertFalse(os.path.exists(path))
        os.rmdir(os.path.dirname(path))

    def test_the_default_address_may_be_taken(self):
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # By whatever runs on this machine: as good.
                stack.enter_context(socket.create_server(("127.0.0.1", 3001)))
            self.gateway = Gateway(config_for(self.upstream.port, more="\n[admin]\n"))
            self.assertRegex(self.admin_line(),
                             r"^off, because 127\.0\.0\.1:3001: Address already in use")
            support.wait_until(
                lambda: "its default address cannot be used" in self.gateway.read_log(), "no line")
            self.assertEqual(self.chat().status, 200)

    def test_a_chosen_address_must_be_free(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refuses_to_start(f'listen = "127.0.0.1:{port}"', "admin.listen: cannot listen on")


class DrainTest(AdminCase):
    def test_it_answers_while_the_gateway_drains(self):
        self.start()
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        client.read_head()
        self.assertEqual(client.read_event(), event(b"1"))
        kept = self.connect()  # Idle connections of the API do not hold the end up.
        self.gateway.signal(signal.SIGTERM)
        support.wait_until(lambda: self.get("/v1/status")["draining"], "not draining")
        self.assertEqual(self.get("/v1/status")["shards"][0]["exchanges"], 1)
        self.go.set()
        self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
        client.close()
        self.assertLess(kept.wait_for_end(), 5)
        self.assertEqual(self.gateway.wait(), 0)
        kept.close()


class StatsTest(AdminCase):
    def test_it_counts_what_was_sent(self):
        self.start()
        for _ in range(10):
            self.assertEqual(self.chat().status, 200)
        for _ in range(3):
            self.assertEqual(self.chat(b'{"fail":1,"messages":[]}').status, 502)
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        client.read_head()
        self.assertEqual(client.read_event(), event(b"1"))
        stats = self.get("/v1/stats")
        self.assertEqual(stats["in_flight"], 1)
        for part in (stats, stats["routes"][0], stats["upstreams"][0]):
            self.assertEqual((part["requests"], part["failures"]), (13, 3))
            self.assertAlmostEqual(part["error_rate"], 3 / 13)
            self.assertEqual(part["tokens"]["prompt"], 110)
            self.assertEqual(part["tokens"]["completion"], 70)
            self.assertGreater(part["latency_ms"]["p99"], 0)
            self.assertLessEqual(part["latency_ms"]["p50"], part["latency_ms"]["p99"])
        self.assertEqual(stats["upstreams"][0]["upstream"], "up")
        self.go.set()
        self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
        client.close()
        support.wait_until(lambda: self.get("/v1/stats")["in_flight"] == 0, "still in flight")
        self.assertEqual(self.get("/v1/stats")["requests"], 14)

    def test_the_command(self):
        self.start()
        self.chat()
        address = self.admin_line().removeprefix("http://")
        table = self.sluice("stats", "--admin", address)
        self.assertEqual((table.returncode, table.stderr), (0, b""))
        self.assertRegex(table.stdout.decode(), r"(?m)^up +1 +0 ")
        raw = self.sluice("stats", "--admin", address, "--json")
        self.assertEqual(json.loads(raw.stdout)["requests"], 1)
        # The address from the configuration, where one stands in it.
        self.gateway.write_config(admin_config(self.upstream.port, f'listen = "{address}"'))
        named = self.sluice("stats", "--config", self.gateway.config_path)
        self.assertEqual(named.returncode, 0, named.stderr)


class ReloadTest(AdminCase):
    def good(self, level="info", server=""):
        return admin_config(self.upstream.port, 'listen = "127.0.0.1:0"',
                            server=f'log_level = "{level}"\n{server}')

    def level(self):
        return self.get("/v1/config")["config"]["server"]["log_level"]

    def replace(self, config):
        """As editors do it."""
        new = self.gateway.config_path + ".new"
        with open(new, "w", encoding="utf-8") as file:
            file.write(config)
        os.replace(new, self.gateway.config_path)

    def wait_for_level(self, level):
        support.wait_until(lambda: self.level() == level, f"not {level}: {self.gateway.read_log()}")

    def test_by_the_api_under_a_live_stream(self):
        self.start()
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        client.read_head()
        self.assertEqual(client.read_event(), event(b"1"))
        self.gateway.write_config(self.good("debug"))
        response = self.ask("POST", "/v1/reload")
        self.assertEqual((response.status, json.loads(response.body)["ok"]), (200, True))
        self.assertEqual(self.level(), "debug")
        self.gateway.write_config(self.good("verbose", "prot = 1"))
        response = self.ask("POST", "/v1/reload")
        self.assertEqual(response.status, 409)
        report = json.loads(response.body)
        self.assertEqual([(e["key"], e["file"]) for e in report["errors"]],
                         [("server.log_level", self.gateway.config_path),
                          ("server.prot", self.gateway.config_path)])
        with open(self.gateway.config_path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertTrue(lines[report["errors"][1]["line"] - 1].startswith("prot"))
        self.assertIn("did you mean", report["errors"][1]["message"])
        self.assertEqual(self.level(), "debug")
        self.go.set()
        self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
        client.close()
        self.assertEqual(self.chat().status, 200)

    def test_it_says_what_needs_a_restart(self):
        self.start()
        self.gateway.write_config(self.good().replace("port = 0", "port = 1"))
        response = self.ask("POST", "/v1/reload")
        self.assertEqual(json.loads(response.body)["restart_needed"], ["server.port"])

    def test_by_the_command(self):
        self.start()
        address = self.admin_line().removeprefix("http://")
        done = self.sluice("reload", "--admin", address)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout, b"the configuration was loaded anew\n")
        self.gateway.write_config(self.good("verbose"))
        refused = self.sluice("reload", "--admin", address)
        self.assertEqual((refused.returncode, refused.stdout), (1, b""))
        self.assertRegex(refused.stderr.decode(), r"sluice\.toml:\d+:\d+: server\.log_level: ")

    def test_by_a_change_of_the_file(self):
        self.start(server="watch_config = true")
        support.wait_until(lambda: self.get("/v1/status")["config"]["watched"], "not watched")
        self.replace(self.good("debug", "watch_config = true"))
        self.wait_for_level("debug")
        self.gateway.write_config(self.good("warning", "watch_config = true"))
        self.wait_for_level("warning")
        self.replace(self.good("nonsense", "watch_config = true"))
        support.wait_until(lambda: "the old one stays" in self.gateway.read_log(), "not refused")
        self.assertEqual(self.level(), "warning")
        self.replace(self.good("info"))
        self.wait_for_level("info")
        support.wait_until(lambda: not self.get("/v1/status")["config"]["watched"], "still watched")

    def test_by_the_swap_of_a_link(self):
        """As Kubernetes mounts a ConfigMap."""
        with support.tempfile.TemporaryDirectory() as folder:
            for name, level in (("..1", "info"), ("..2", "debug")):
                os.mkdir(os.path.join(folder, name))
                target = os.path.join(folder, name, "sluice.toml")
                with open(target, "w", encoding="utf-8") as file:
                    file.write(self.good(level, "watch_config = true"))
            os.symlink("..1", os.path.join(folder, "..data"))
            path = os.path.join(folder, "sluice.toml")
            os.symlink("..data/sluice.toml", path)
            self.gateway = LinkedGateway(path)
            support.wait_until(lambda: self.get("/v1/status")["config"]["watched"], "not watched")
            os.symlink("..2", os.path.join(folder, "..data_tmp"))
            os.replace(os.path.join(folder, "..data_tmp"), os.path.join(folder, "..data"))
            self.wait_for_level("debug")
            self.assertEqual(self.gateway.stop(), 0)
            self.gateway = None


class LinkedGateway(Gateway):
    """One whose configuration lies where a link leads to."""

    def __init__(self, path):
        self.linked_path = path
        with open(path, encoding="utf-8") as file:
            super().__init__(file.read())

    def write_config(self, config):
        self.config_path = self.linked_path


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main()
