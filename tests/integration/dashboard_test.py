"""The dashboard at /ui/ of the admin API's listener: what a browser may do with its files, what
/v1/exchanges tells it, and the page itself in a real browser where there is one."""

import json
import os
import pathlib
import shutil
import sys
import unittest

import gateway_support as support
import npm_support
from gateway_admin_test import AdminCase, TOKEN
from gateway_support import CHAT
from secret_watch import WATCH

CLIENT_KEY = "sk-dashboard-0123456789-0123456789"
QUERY_KEY = "sk-in-the-query-0123456789-0123456789"
BUILD = ""
TESTS = pathlib.Path(__file__).resolve().parent
CONTENT = "sesame-content-4711"
POOL = """
[llm.two]
provider = "openai_compatible"
type = "chat"
base_url = "http://127.0.0.1:{port}/v1"
token_env = "TEST_UPSTREAM_KEY"

[pool.chat]
targets = ["up", "two"]

[processor.auth]
type = "authenticate"

[[route]]
path_prefix = "/pool"
target_llm = "chat"
processors = ["auth"]

[keys]
file = "{folder}/keys.json"

[ledger]
path = "{folder}/usage.db"
batch_interval_ms = 10

[cache]
enabled = true

[server.content_capture]
inspector = true

[key.browser]
secret_env = "TEST_CLIENT_KEY"
"""


class FilesTest(AdminCase):
    def setUp(self):
        super().setUp()
        self.start('listen = "127.0.0.1:0"\ntoken_env = "ADMIN_TOKEN"', {"ADMIN_TOKEN": TOKEN})

    def test_need_no_token_and_allow_nothing_from_elsewhere(self):
        page = self.ask("GET", "/ui/")
        self.assertEqual((page.status, page.field("content-type")),
                         (200, "text/html; charset=utf-8"))
        names = [part.split('"')[0] for attribute in ('src="', 'href="')
                 for part in page.body.decode().split(attribute)[1:]]
        names = [name for name in names if not name.startswith("#")]
        self.assertIn("main.js", names)
        types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
                 "svg": "image/svg+xml"}
        for name in names:
            answer = self.ask("GET", "/ui/" + name)
            self.assertEqual((answer.status, answer.field("content-type")),
                             (200, types[name.rsplit(".", 1)[1]]), name)
            self.expect_strict(answer)
        self.expect_strict(page)

    def expect_strict(self, answer):
        policy = dict(part.strip().split(" ", 1)
                      for part in answer.field("content-security-policy").split(";"))
        for directive in ("default-src", "base-uri", "form-action", "frame-ancestors",
                          "trusted-types"):
            self.assertEqual(policy[directive], "'none'")
        self.assertEqual(policy["require-trusted-types-for"], "'script'")
        for directive in ("script-src", "style-src", "connect-src", "img-src"):
            self.assertEqual(policy[directive], "'self'")
        self.assertEqual(answer.field("x-content-type-options"), "nosniff")
        self.assertEqual(answer.field("referrer-policy"), "no-referrer")

    def test_are_asked_for_again_and_known_by_their_tag(self):
        first = self.ask("GET", "/ui/main.js")
        self.assertEqual(first.field("cache-control"), "no-cache")
        again = self.ask("GET", "/ui/main.js", [("If-None-Match", first.field("etag"))])
        self.assertEqual((again.status, again.body), (304, b""))
        other = self.ask("GET", "/ui/main.js", [("If-None-Match", '"another"')])
        self.assertEqual((other.status, other.body), (200, first.body))
        head = self.ask("HEAD", "/ui/main.js")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_what_there_is_not(self):
        for path in ("/ui/nothing.js", "/ui//", "/ui/../v1/status", "/ui/main.js/", "/ui/ui/"):
            self.assertIn(self.ask("GET", path).status, (400, 404), path)
        self.assertEqual(self.ask("GET", "/uiuiui", [("Authorization", f"Bearer {TOKEN}")]).status,
                         404)
        refused = self.ask("POST", "/ui/", body=b"x")
        self.assertEqual((refused.status, refused.field("allow")), (405, "GET, HEAD"))
        moved = self.ask("GET", "/ui")
        self.assertEqual((moved.status, moved.field("location")), (308, "ui/"))

    def test_say_whether_a_token_is_needed(self):
        self.assertEqual(self.get("/ui/access.json"), {"needs_token": True})
        self.gateway.stop()
        self.start()
        self.assertEqual(self.get("/ui/access.json"), {"needs_token": False})


class ExchangesTest(AdminCase):
    def ids(self, query=""):
        return [e["request_id"] for e in self.get("/v1/exchanges" + query)["exchanges"]]

    def chat_as(self, request_id, path=CHAT):
        client = self.gateway.client()
        client.post(path, json.dumps({"model": "m", "messages": [
            {"role": "user", "content": CONTENT}]}).encode(),
                    [("X-Request-Id", request_id), ("Authorization", f"Bearer {CLIENT_KEY}")])
        self.assertEqual(client.read_response().status, 200)
        client.close()

    def test_are_the_newest_and_not_more_than_there_is_room_for(self):
        self.start('listen = "127.0.0.1:0"\nrecent_exchanges_max = 3')
        self.assertEqual(self.ids(), [])
        for name in ("one", "two", "three", "four", "five"):
            self.chat_as(name)
            support.wait_until(lambda n=name: self.ids("?limit=1") == [n], "it is not told")
        self.assertEqual(self.ids(), ["five", "four", "three"])
        self.assertEqual(self.ids("?limit=2"), ["five", "four"])
        self.assertEqual(self.refusal("GET", "/v1/exchanges?limit=1001"),
                         (400, "invalid_parameter"))

    def test_are_the_newest_of_all_shards(self):
        config = support.config_for(self.upstream.port, more='[admin]\nlisten = "127.0.0.1:0"\n')
        self.gateway = support.Gateway(config.replace("shards = 1", "shards = 2"))
        names = []
        shards = set()
        # The kernel gives each new connection to one of them.
        while len(names) < 6 or len(shards) < 2:
            self.assertLess(len(names), 64, "one shard has had every connection")
            names.append(f"request-{len(names)}")
            self.chat_as(names[-1])
            support.wait_until(lambda: self.ids("?limit=1") == names[-1:], "it is not told")
            shards = {e["shard"] for e in self.get("/v1/exchanges")["exchanges"]}
        answer = self.get("/v1/exchanges")
        self.assertEqual(answer["complete"], True)
        self.assertEqual([e["request_id"] for e in answer["exchanges"]], names[::-1])
        self.assertEqual(self.ids("?limit=3"), names[:-4:-1])

    def test_have_a_number_where_clients_choose_one_id_again(self):
        self.start()
        for _ in range(4):
            self.chat_as("mine")
        support.wait_until(lambda: self.ids() == ["mine"] * 4, "they are not told")
        exchanges = self.get("/v1/exchanges")["exchanges"]
        self.assertEqual([(e["shard"], e["number"]) for e in exchanges],
                         [(0, number) for number in (4, 3, 2, 1)])

    def test_have_their_phases_and_nothing_that_is_secret(self):
        self.start()
        WATCH.register(QUERY_KEY)
        self.chat_as("one", f"{CHAT}?key={QUERY_KEY}")
        support.wait_until(lambda: self.ids() == ["one"], "it is not told")
        body = self.ask("GET", "/v1/exchanges").body.decode()
        for secret in (CONTENT, CLIENT_KEY, QUERY_KEY, support.Gateway.KEY):
            self.assertNotIn(secret, body)
        exchange = json.loads(body)["exchanges"][0]
        self.assertEqual((exchange["path"], exchange["model"], exchange["upstream"],
                          exchange["provider"], exchange["status"]),
                         (CHAT, "m", "up", "openai_compatible", 200))
        self.assertEqual(exchange["tokens"]["prompt"], 11)
        offsets = exchange["offsets_ms"]
        order = ["received", "lease_begun", "leased", "sent", "first_byte", "responded", "ended"]
        times = [offsets[name] for name in order]
        self.assertEqual(times, sorted(times))

    def test_are_off_with_none(self):
        self.start('listen = "127.0.0.1:0"\nrecent_exchanges_max = 0')
        self.chat_as("one")
        support.wait_until(lambda: self.get("/v1/stats")["requests"] == 1, "it has not ended")
        self.assertEqual(self.ids(), [])

    def test_need_the_token(self):
        self.start('listen = "127.0.0.1:0"\ntoken_env = "ADMIN_TOKEN"', {"ADMIN_TOKEN": TOKEN})
        for path in ("/v1/exchanges", "/v1/histograms"):
            self.assertEqual(self.refusal("GET", path), (401, "unauthorized"))
            answer = self.ask("GET", path, [("Authorization", f"Bearer {TOKEN}")])
            self.assertEqual(answer.status, 200)


class ModulesTest(unittest.TestCase):
    def test_what_they_compute(self):
        if shutil.which("node") is None:
            self.skipTest("there is no node")
        with support.tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "ui"))
            for file in (TESTS.parents[1] / "ui").glob("*.js"):
                shutil.copy(file, os.path.join(folder, "ui"))
            script = "dashboard_units_test.mjs"
            for name in (script, "package.json"):
                shutil.copy(TESTS / "npm" / name, folder)
            self.assertEqual(npm_support.node(folder, script, {}), 0)


class BrowserTest(AdminCase):
    def test_page(self):
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        if not chromium:
            self.skipTest("there is no chromium; tools/setup --tests installs it")
        folder = support.tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)  # After the gateway has ended.
        secrets = {"TEST_ADMIN_TOKEN": TOKEN, "TEST_CLIENT_KEY": CLIENT_KEY}
        more = POOL.format(port=self.upstream.port, folder=folder.name)
        self.gateway = support.Gateway(
            support.config_for(self.upstream.port, more='[admin]\nlisten = "127.0.0.1:0"\n'
                               f'token_env = "TEST_ADMIN_TOKEN"\n{more}'), secrets)
        # Another one, whose API asks for no token.
        with_token, address = self.gateway, self.admin_line()
        self.start()
        self.addCleanup(self.gateway.stop)
        open_address, self.gateway = self.admin_line(), with_token
        environment = {**secrets, "CHROMIUM": chromium, "ADMIN_URL": address,
                       "OPEN_ADMIN_URL": open_address,
                       "GATEWAY_URL": f"http://127.0.0.1:{self.gateway.port}",
                       "ARTEFACTS": os.path.join(BUILD, "meson-logs")}
        script = "dashboard_test.mjs"
        code = npm_support.with_packages(
            (script,), lambda where: npm_support.node(where, script, environment))
        if code == npm_support.SKIPPED:
            self.skipTest("node or its packages are missing")
        self.assertEqual(code, 0)


if __name__ == "__main__":
    BUILD = os.path.abspath(sys.argv.pop(1))
    support.SLUICE = os.path.join(BUILD, "sluice")
    unittest.main(verbosity=2)
