#!/usr/bin/env python3
"""Members of pools that come and go: by the admin API and the command line.

The real program on two shards against scripted upstreams that count what reaches them. What is
checked throughout: who was removed gets nothing new, what it has goes on, who stays keeps what is
known of it.
"""

import json
import os
import subprocess
import sys
import threading
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk
from gateway_targets_test import BODY, STREAM, delta, reply
from secret_watch import WatchedCase


class MembersCase(WatchedCase):
    SHARDS = 2
    LLM = """
[llm.engine]
provider = "openai_compatible"
base_url = "http://127.0.0.1:1/v1"
token_env = "TEST_UPSTREAM_KEY"
max_retries = 0
timeouts = {{ first_byte_ms = 5000, connect_ms = 400 }}
{more}
"""

    def start(self, pool, names=("a", "b"), more=""):
        self.go = threading.Event()
        self.peers = {name: Upstream(self.script(name)) for name in names}
        self.gateway = Gateway(
            f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = {self.SHARDS}\n'
            '[admin]\nlisten = "127.0.0.1:0"\n' + self.LLM.format(more=more)
            + f'\n[pool.p]\n{pool}\n[[route]]\npath_prefix = "/v1"\ntarget_llm = "p"\n')
        self.addCleanup(self.end)
        lines = [l for l in self.gateway.read_log().splitlines() if l.startswith("admin API: ")]
        self.admin_port = int(lines[0].rsplit(":", 1)[1])

    def script(self, name):
        def answer(connection, request):
            if b"stream" not in request.body:
                return support.json_answer(connection, reply(f"from {name}"))
            connection.send(STREAM_HEAD + chunk(delta(name)))
            self.go.wait(support.PATIENCE_S)
            connection.send(chunk(delta("end")) + chunk(DONE) + b"0\r\n\r\n")
            return True
        return answer

    def end(self):
        self.go.set()
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)
        for name, peer in self.peers.items():
            peer.close()
            self.assertEqual(peer.errors, [], name)

    def address(self, name):
        return f"127.0.0.1:{self.peers[name].port}"

    def member(self, name):
        return f"engine@{self.address(name)}"

    def ask(self, body=BODY):
        client = self.gateway.client()
        client.post(CHAT, body)
        response = client.read_response()
        client.close()
        return response

    def text_of(self, response):
        self.assertEqual(response.status, 200, response.body)
        return json.loads(response.body)["choices"][0]["message"]["content"]

    def seen(self, name):
        return len([r for r in self.peers[name].requests if r.line.startswith("POST ")])

    def admin(self, method, path, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        client = support.Client(self.admin_port)
        client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                    f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        response = client.read_response()
        client.close()
        return response

    def targets(self):
        answer = self.admin("GET", "/v1/targets")
        self.assertEqual(answer.status, 200, answer.body)
        return {t["name"]: t for t in json.loads(answer.body)["pools"][0]["targets"]}

    def wait_for_targets(self, *names):
        wanted = {self.member(name) for name in names}
        support.wait_until(lambda: set(self.targets()) == wanted,
                           f"the pool does not become {sorted(names)}")

    def add(self, name, **more):
        answer = self.admin("POST", "/v1/targets/p", {"address": self.address(name), **more})
        self.assertEqual(answer.status, 201, answer.body)
        self.assertTrue(json.loads(answer.body)["in_force"])
        return json.loads(answer.body)["target"]

    def remove(self, target):
        path = target.replace("/", "%2F")
        answer = self.admin("DELETE", f"/v1/targets/p/{path}")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertTrue(json.loads(answer.body)["in_force"])
        return json.loads(answer.body)

    def sluice(self, *arguments, code=0):
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        ended = subprocess.run(
            [support.SLUICE, "targets", *arguments, "--admin", f"127.0.0.1:{self.admin_port}"],
            env=environ, capture_output=True, timeout=support.PATIENCE_S, check=False)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return (ended.stdout + ended.stderr).decode()


class ByHand(MembersCase):
    POOL = 'strategy = "round_robin"\ndiscovery = { type = "admin", llm = "engine" }\n'

    def test_an_empty_pool_turns_requests_away_until_somebody_comes(self):
        self.start(self.POOL)
        response = self.ask()
        self.assertEqual(response.status, 503, response.body)
        self.assertEqual(self.add("a")["name"], self.member("a"))
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertEqual(self.peers["a"].requests[0].field("authorization"),
                         f"Bearer {Gateway.KEY}")
        self.remove(self.member("a"))
        self.assertEqual(self.ask().status, 503)

    def test_one_that_is_removed_gets_nothing_new_and_its_stream_goes_on(self):
        self.start(self.POOL)
        self.add("a")
        client = self.gateway.client()
        client.post(CHAT, STREAM)
        support.wait_until(
            lambda: self.targets()[self.member("a")]["in_flight"]["decoding"] == 1, "no stream")
        self.add("b")
        self.assertEqual(self.remove(self.member("a"))["in_flight"], 1)
        for _ in range(20):
            self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertEqual(self.seen("a"), 1)
        self.go.set()
        response = client.read_response()
        client.close()
        self.assertTrue(response.complete)
        self.assertTrue(response.body.endswith(b"data: [DONE]\n\n"), response.body)

    def test_a_request_that_chooses_late_does_not_find_it_either(self):
        self.start(self.POOL)
        self.add("a")
        self.add("b")
        clients = [self.gateway.client() for _ in range(8)]
        for client in clients:  # Each has its snapshot with the head.
            client.send(f"POST {CHAT} HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:10])
        support.wait_until(lambda: self.gateway.metric(r"^sluice_exchanges") == 8, "no exchanges")
        self.remove(self.member("a"))
        for client in clients:
            client.send(BODY[10:])
            self.assertEqual(self.text_of(client.read_response()), "from b")
            client.close()
        self.assertEqual(self.seen("a"), 0)

    def test_who_stays_keeps_what_is_known_of_it_and_its_connections(self):
        self.start(self.POOL)
        self.add("a")
        client = self.gateway.client()  # On one shard, so that the connection is found again.
        for _ in range(3):
            client.post(CHAT, BODY)
            self.text_of(client.read_response())
        before = self.targets()[self.member("a")]
        self.add("b")
        self.remove(self.member("b"))
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        client.post(CHAT, BODY)
        self.text_of(client.read_response())
        client.close()
        after = self.targets()[self.member("a")]
        self.assertEqual(after["totals"]["selected"], before["totals"]["selected"] + 1)
        self.assertEqual(self.peers["a"].accepted, 1)
        self.remove(self.member("a"))
        self.add("a")
        self.assertEqual(self.targets()[self.member("a")]["totals"]["selected"], 0)

    def test_what_hands_did_is_above_the_file_and_outlives_reloads(self):
        self.start('targets = ["engine"]\n' + self.POOL)
        self.add("a", model="x", weight=7)
        self.assertEqual(set(self.targets()), {"engine", self.member("a") + "/x"})
        self.remove("engine")
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        told = self.targets()
        self.assertEqual(set(told), {self.member("a") + "/x"})
        self.assertEqual(told[self.member("a") + "/x"]["weight"], 7)
        answer = self.admin("POST", "/v1/targets/p", {"llm": "engine"})
        self.assertEqual(answer.status, 201, answer.body)
        self.assertIn("engine", self.targets())

    def test_series_are_those_of_the_llm(self):
        self.start(self.POOL)
        for name in ("a", "b"):
            self.add(name)
            self.assertEqual(self.text_of(self.ask()), f"from {name}")
            self.remove(self.member(name))
        support.wait_until(
            lambda: self.gateway.metric(r'^sluice_requests_total.*upstream="engine"') == 2,
            "the requests are not counted")
        self.assertNotIn('upstream="engine@', self.gateway.metrics_text())

    def test_the_command_line(self):
        self.start(self.POOL)
        self.assertIn(f"{self.member('a')}: active, weight 3",
                      self.sluice("add", "p", self.address("a"), "--weight", "3"))
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertIn("has a target of that name",
                      self.sluice("add", "p", self.address("a"), code=1))
        self.assertEqual(self.sluice("remove", f"p/{self.member('a')}"),
                         f"{self.member('a')}: removed\n")
        self.assertEqual(self.targets(), {})

    def test_membership_churns_under_load(self):
        self.start(self.POOL, names=("a", "b", "c"))
        self.add("a")
        stop = threading.Event()
        failures = []

        def load():
            while not stop.is_set():
                response = self.ask()
                if response.status != 200:
                    failures.append(response.body)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                for name in ("b", "c"):
                    self.add(name)
                for name in ("b", "c"):
                    self.remove(self.member(name))
                    count = self.seen(name)
                    answered = self.seen("a")
                    support.wait_until(lambda: self.seen("a") >= answered + 10, "no load")
                    # One that was on its way when it was removed may arrive.
                    self.assertLessEqual(self.seen(name), count + 3)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
