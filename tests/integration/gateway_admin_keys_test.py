"""Keys, limits, the cache and usage by the admin API and by its commands, over the real binary with
two shards: what an answer says holds at once, and outlives a restart."""

import hashlib
import json
import os
import sys
import unittest

import gateway_support as support
from gateway_admin_test import AdminCase, admin_config
from gateway_support import CHAT, Gateway
from secret_watch import WATCH, SecretWatch

ADA = "sk-ada-0123456789-0123456789"
MORE = f"""
[keys]
file = "{{folder}}/keys.json"

[key.ada]
sha256 = "{hashlib.sha256(ADA.encode()).hexdigest()}"
limits = {{{{ requests_per_day = 100 }}}}

[processor.auth]
type = "authenticate"
[processor.limits]
type = "rate_limit"
requests_per_hour = 1000
per = "model"
[processor.cache]
type = "cache"

[cache]
enabled = true

[ledger]
path = "{{folder}}/usage.db"
batch_interval_ms = 10
"""


class ManageCase(AdminCase):
    def setUp(self):
        super().setUp()
        self.folder = support.tempfile.TemporaryDirectory()

    def tearDown(self):
        super().tearDown()
        self.folder.cleanup()

    def begin(self, more=MORE):
        text = admin_config(self.upstream.port, 'listen = "127.0.0.1:0"',
                            route='processors = ["auth", "limits", "cache"]',
                            server='access_log.format = "json"')
        self.gateway = Gateway(text.replace("shards = 1", "shards = 2") +
                               more.format(folder=self.folder.name))

    def restart(self):
        self.assertEqual(self.gateway.stop(), 0)
        self.begin()

    def call(self, method, path, body=None):
        response = self.ask(method, path, body=b"" if body is None else json.dumps(body).encode())
        return response.status, json.loads(response.body)

    def done(self, method, path, body=None, status=200):
        got, answer = self.call(method, path, body)
        self.assertEqual(got, status, answer)
        return answer

    def chat_as(self, secret, content="Hi", model="m"):
        client = self.gateway.client()
        client.post(CHAT, json.dumps({"model": model, "messages": [
            {"role": "user", "content": content}]}).encode(),
                    [("Authorization", f"Bearer {secret}")])
        response = client.read_response()
        client.close()
        return response

    def statuses(self, secret, count=8, **more):
        """Connections of their own, so that both shards are asked."""
        return {self.chat_as(secret, **more).status for _ in range(count)}


class KeysTest(ManageCase):
    def test_a_key_lives_as_the_api_says(self):
        self.begin()
        made = self.done("POST", "/v1/keys", {"name": "ci", "metadata": {"owner": "Ada"}}, 201)
        secret, key = made["secret"], made["key"]
        self.assertTrue(made["in_force"])
        # The answer came when every shard knew the key.
        self.assertEqual(self.statuses(secret), {200})
        path = "/v1/keys/" + key["id"]
        self.assertEqual(self.done("GET", path)["metadata"], {"owner": "Ada"})
        self.done("PATCH", path, {"models": ["gpt-*"]})
        self.assertEqual(self.statuses(secret), {403})
        self.done("PATCH", path, {"models": [], "limits": {"requests_per_day": 3}})
        allowed = [self.chat_as(secret).status for _ in range(5)]
        self.assertEqual(sorted(allowed), [200, 200, 200, 429, 429])
        self.done("PATCH", path, {"limits": {"requests_per_day": 0}})
        self.assertEqual(self.statuses(secret), {200})
        self.restart()
        self.assertEqual(self.statuses(secret), {200})
        self.done("DELETE", path)
        self.assertEqual(self.statuses(secret), {401})
        self.restart()
        self.assertEqual(self.statuses(secret), {401})
        keys = self.done("GET", "/v1/keys")
        self.assertEqual([k["name"] for k in keys["keys"]], ["ada", "ci"])
        self.assertIsNotNone(keys["keys"][1]["revoked_at"])
        self.assertNotIn(secret, json.dumps(keys) + self.gateway.read_log())

    def test_what_is_refused(self):
        self.begin()
        for method, path, body, expected in (
                ("POST", "/v1/keys", {}, (400, "invalid_key")),
                ("POST", "/v1/keys", {"name": "a", "nmae": 1}, (400, "invalid_key")),
                ("GET", "/v1/keys/none", None, (404, "no_such_key")),
                ("PATCH", "/v1/keys/ada", {"disabled": True}, (409, "configured_key")),
                ("DELETE", "/v1/keys/ada", None, (409, "configured_key"))):
            status, answer = self.call(method, path, body)
            self.assertEqual((status, answer["error"]["code"]), expected)
        with open(self.gateway.config_path, encoding="utf-8") as file:
            config = file.read()
        self.gateway.write_config(config.replace("\n[keys]\nfile", "\n#"))
        self.done("POST", "/v1/reload")
        status, answer = self.call("POST", "/v1/keys", {"name": "a"})
        self.assertEqual((status, answer["error"]["code"]), (409, "no_key_file"))
        self.assertIn("keys.file", answer["error"]["message"])

    def test_changes_under_load_lose_no_request(self):
        self.begin()
        secret = self.done("POST", "/v1/keys", {"name": "busy"}, 201)["secret"]
        for number in range(20):
            self.done("POST", "/v1/keys", {"name": f"other-{number}"}, 201)
            self.assertEqual(self.chat_as(secret).status, 200)
        self.assertEqual(self.done("GET", "/v1/keys?limit=5&offset=19")["total"], 22)
        self.assertEqual(len(self.done("GET", "/v1/keys?limit=5&offset=19")["keys"]), 3)

    def test_the_commands(self):
        self.begin()
        admin = ["--admin", self.admin_line().removeprefix("http://")]
        made = self.sluice("keys", "create", "ci", "--limit", "requests_per_day=9", "--budget",
                           "2.50", "--period", "day", "--expires", "2099-01-01", *admin)
        self.assertEqual((made.returncode, made.stderr), (0, b""))
        secret = made.stdout.decode().split()[1]
        self.assertEqual(self.statuses(secret, 1), {200})
        raw = json.loads(self.sluice("keys", "list", "--json", *admin).stdout)
        key = raw["keys"][1]
        self.assertEqual((key["name"], key["expires_at"]), ("ci", "2099-01-01T00:00:00Z"))
        self.assertEqual(key["budget"], {"usd": 2.5, "period": "day"})
        self.assertEqual(self.sluice("keys", "update", key["id"], "--models", "x,y", *admin)
                         .returncode, 0)
        self.assertEqual(self.statuses(secret, 2), {403})
        table = self.sluice("limits", "--name", key["id"], *admin).stdout.decode()
        self.assertRegex(table, r"key +" + key["id"] + r" +- +requests_per_day +9 +8 ")
        self.assertEqual(self.sluice("keys", "revoke", key["id"], *admin).returncode, 0)
        self.assertRegex(self.sluice("keys", "list", *admin).stdout.decode(),
                         key["id"] + r" +ci +- +sk-sluice-\w{4} +revoked")
        refused = self.sluice("keys", "revoke", "ada", *admin)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"409: [key.ada] is part of the configuration", refused.stderr)


class LimitsTest(ManageCase):
    def test_they_tell_what_is_left(self):
        self.begin()
        self.assertEqual(self.statuses(ADA, 3), {200})
        scope = self.done("GET", "/v1/limits?scope=key&name=ada")["scopes"][0]
        self.assertEqual(scope["rates"][0]["name"], "requests_per_day")
        self.assertEqual((scope["rates"][0]["limit"], scope["rates"][0]["remaining"]), (100, 97))
        models = self.done("GET", "/v1/limits?scope=model&name=m")
        self.assertEqual(models["total"], 1)
        self.assertEqual(models["scopes"][0]["processor"], "limits")
        self.assertEqual(models["scopes"][0]["rates"][0]["remaining"], 997)


class CacheTest(ManageCase):
    def outcome(self, **more):
        return self.chat_as(ADA, **more).field("x-cache")

    def test_a_purge_is_done_when_it_is_answered(self):
        self.begin()
        for model in ("m1", "m2"):
            for content in "abcd":
                self.assertEqual(self.outcome(model=model, content=content), "MISS")
        self.assertEqual(self.outcome(model="m1", content="a"), "HIT")
        stats = self.done("GET", "/v1/cache")
        self.assertEqual((stats["entries"], stats["hits"]), (8, 1))
        self.assertEqual(sum(s["entries"] for s in stats["shards"]), 8)
        support.wait_until(lambda: '"hit"' in self.gateway.read_access(), "no line")
        lines = [l for l in self.gateway.read_access().splitlines() if '"cache":"hit"' in l]
        digest = json.loads(lines[0])["cache_key"]
        purged = self.done("POST", "/v1/cache/purge", {"digest": digest})
        self.assertEqual(purged, {"removed": 1, "complete": True})
        self.assertEqual(self.outcome(model="m1", content="a"), "MISS")
        self.assertEqual(self.outcome(model="m1", content="b"), "HIT")
        self.assertEqual(self.done("POST", "/v1/cache/purge", {"model": "m2"})["removed"], 4)
        self.assertEqual(self.outcome(model="m2", content="a"), "MISS")
        admin = ["--admin", self.admin_line().removeprefix("http://")]
        self.assertEqual(self.sluice("cache", "purge", "--all", *admin).stdout, b"5 removed\n")
        self.assertEqual(self.outcome(model="m1", content="b"), "MISS")
        self.assertRegex(self.sluice("cache", "stats", *admin).stdout.decode(), r"\nall +1 ")
        self.assertEqual(self.call("POST", "/v1/cache/purge", {})[0], 400)


class WatchTest(ManageCase):
    def test_a_secret_that_is_printed_is_found(self):
        """A key in a path is in the access log, and the watch of this test, not of all, sees it."""
        watch = SecretWatch()
        watch.learn_from_wire(f"GET / HTTP/1.1\r\nauthorization: Bearer {ADA}\r\nA: b".encode())
        self.begin()
        client = self.gateway.client()
        client.send(f"GET /{ADA} HTTP/1.1\r\nHost: g\r\n\r\n".encode())
        self.assertEqual(client.read_response().status, 404)
        client.close()
        support.wait_until(lambda: ADA in self.gateway.read_access(), "no line")
        watch.capture_file("stdout", self.gateway.access.name)
        with self.assertRaisesRegex(AssertionError, r"stdout \(.*\): a secret that begins with "
                                    r"'sk-ada' at byte \d+") as caught:
            watch.check()
        self.assertNotIn(ADA, str(caught.exception))
        WATCH.secrets.discard(ADA.encode())


class UsageTest(ManageCase):
    def test_the_figures_are_those_of_the_command(self):
        self.begin()
        for content in ("a", "b", "a"):
            self.assertEqual(self.chat_as(ADA, content=content).status, 200)

        def report(query=""):
            return self.done("GET", "/v1/usage" + query)["report"]

        support.wait_until(lambda: report()["total"]["requests"] == 3, "not in the ledger")
        by_key = report("?by=key,model")
        self.assertEqual([(r["key"], r["model"], r["requests"]) for r in by_key["rows"]],
                         [("ada", "m", 3)])
        command = self.sluice("usage", "--ledger", os.path.join(self.folder.name, "usage.db"),
                              "--by", "key,model", "--format", "json")
        self.assertEqual(json.loads(command.stdout), by_key)
        self.assertEqual(report("?until=2020-01-01")["total"]["requests"], 0)
        self.assertEqual(self.call("GET", "/v1/usage?by=nothing")[0], 400)

    def test_there_may_be_no_ledger(self):
        self.begin(MORE.replace('path = "{folder}/usage.db"', ""))
        status, answer = self.call("GET", "/v1/usage")
        self.assertEqual((status, answer["error"]["code"]), (503, "no_ledger"))


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main()
