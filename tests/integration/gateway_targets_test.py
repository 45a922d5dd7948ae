#!/usr/bin/env python3
"""Targets at run time: what the admin API and the command line tell of them and change.

The real program with several shards against scripted upstreams that count what reaches them.
"""

import json
import os
import subprocess
import sys
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk
from pool_support import STREAM, PooledCase, delta, reply

class TargetsCase(PooledCase):
    SHARDS = 2
    LLM = """
[llm.{name}]
provider = "{provider}"
base_url = "http://127.0.0.1:{port}/v1"
token_env = "TEST_UPSTREAM_KEY"
max_retries = 0
timeouts = {{ first_byte_ms = 2000, connect_ms = 400 }}
"""

    def start(self, pool, names=("a", "b"), provider="openai_compatible"):
        self.go = threading.Event()
        self.broken = set()
        self.sick = set()
        self.silent = set()
        self.peers = {name: Upstream(self.script(name)) for name in names}
        text = (f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = {self.SHARDS}\n'
                '[admin]\nlisten = "127.0.0.1:0"\n')
        for name, peer in self.peers.items():
            text += self.LLM.format(name=name, port=peer.port, provider=provider)
        text += f'\n[pool.p]\n{pool}\n[[route]]\npath_prefix = "/v1"\ntarget_llm = "p"\n'
        self.gateway = Gateway(text)
        self.addCleanup(self.end)

    def script(self, name):
        def answer(connection, request):
            if request.line.startswith("GET "):
                return self.answer_check(name, connection, request)
            if name in self.broken:
                return support.json_answer(connection, b'{"error":{}}', "500 Broken")
            if b"stream" not in request.body:
                return support.json_answer(connection, reply(f"from {name}"))
            connection.send(STREAM_HEAD + chunk(delta(name)))
            self.go.wait(support.PATIENCE_S)
            connection.send(chunk(delta("end")) + chunk(DONE) + b"0\r\n\r\n")
            return True
        return answer

    def answer_check(self, name, connection, request):
        if name in self.silent:
            connection.wait_for_end()
            return False
        if name in self.sick:
            return support.json_answer(connection, b"{}", "503 Service Unavailable")
        return support.json_answer(connection, b'{"object":"list","data":[]}')

    def end(self):
        self.go.set()
        log = self.gateway.read_log()
        began = time.monotonic()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.assertLess(time.monotonic() - began, 5)  # Whatever checks are under way.
        for name, peer in self.peers.items():
            peer.close()
            self.assertEqual(peer.errors, [], name)

    def checks(self, name):
        return [r for r in self.peers[name].requests if r.line.startswith("GET ")]

    def change(self, target, **what):
        answer = self.admin("PATCH", f"/v1/targets/p/{target}", what)
        self.assertEqual(answer.status, 200, answer.body)
        changed = json.loads(answer.body)
        self.assertTrue(changed["in_force"])
        return changed["target"]



class Changes(TargetsCase):
    def test_a_drained_target_gets_nothing_new_and_its_streams_finish(self):
        self.start('targets = ["a", "b"]\nstrategy = "priority"\n')
        client = self.gateway.client()
        client.post(CHAT, STREAM)
        support.wait_until(lambda: self.targets()["a"]["in_flight"]["decoding"] == 1, "no stream")
        self.assertEqual(self.change("a", mode="drained")["state"], "drained")
        # From here on, with requests on every shard.
        for _ in range(20):
            self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertEqual(self.seen("a"), 1)
        self.assertEqual(self.targets()["a"]["in_flight"]["requests"], 1)
        self.go.set()
        response = client.read_response()
        client.close()
        self.assertTrue(response.complete)
        self.assertTrue(response.body.endswith(b"data: [DONE]\n\n"), response.body)
        support.wait_until(lambda: self.targets()["a"]["in_flight"]["requests"] == 0, "in flight")
        self.change("a", mode="active")
        self.assertEqual(self.text_of(self.ask()), "from a")

    def test_a_forced_one_is_left_alone_and_with_all_forced_nobody_is_asked(self):
        self.start('targets = ["a", "b"]\nstrategy = "priority"\n')
        self.change("a", mode="forced_open")
        self.assertEqual(self.text_of(self.ask()), "from b")
        self.change("b", mode="forced_open")
        response = self.ask()
        self.assertEqual(response.status, 503)
        self.assertIn(b"no_target_available", response.body)
        self.change("a", mode="forced_closed")
        self.assertEqual(self.text_of(self.ask()), "from a")

    def test_a_weight_is_seen_at_once_and_outlives_a_reload(self):
        self.start('targets = ["a", "b"]\nstrategy = "round_robin"\n')
        self.assertEqual(self.change("a", weight=4)["weight"], 4)
        for _ in range(50):
            self.ask()
        self.assertEqual((self.seen("a"), self.seen("b")), (40, 10))
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        target = self.targets()["a"]
        self.assertEqual((target["weight"], target["configured_weight"]), (4, 1))
        self.assertEqual(self.change("a", weight=0)["weight"], 1)

    def test_what_is_told_adds_up(self):
        self.start('targets = ["a", "b"]\nstrategy = "round_robin"\n')
        for _ in range(10):
            self.ask()
        self.broken.add("b")
        for _ in range(4):
            self.assertEqual(self.text_of(self.ask()), "from a")
        told = self.targets()
        for target in told.values():
            totals = target["totals"]
            self.assertEqual(totals["selected"],
                             totals["successes"] + totals["faults"] + totals["pushbacks"])
            self.assertEqual(target["in_flight"]["requests"], 0)
        self.assertEqual(told["a"]["totals"]["successes"], 5 + 4)
        self.assertGreaterEqual(told["b"]["totals"]["faults"], 1)
        self.assertIsNotNone(told["b"]["last_error"])
        self.assertGreater(told["a"]["connections"]["available"], 0)
        self.assertEqual(told["a"]["connections"]["max"], 16384 * self.SHARDS)

    def test_what_makes_no_sense_is_refused(self):
        self.start('targets = ["a", "b"]\n')
        self.assertEqual(self.admin("PATCH", "/v1/targets/p/c", {"weight": 1}).status, 404)
        self.assertEqual(self.admin("PATCH", "/v1/targets/q/a", {"weight": 1}).status, 404)
        self.assertEqual(self.admin("PATCH", "/v1/targets/p/a", {"mode": "x"}).status, 400)
        self.assertEqual(self.admin("PUT", "/v1/targets/p/a", {}).status, 405)


class Health(TargetsCase):
    POOL = 'targets = ["a", "b"]\nstrategy = "priority"\nslow_start_ms = 60000\n'
    FAST = 'interval_ms = 120, timeout_ms = 300'

    def wait_for_health(self, name, healthy):
        support.wait_until(lambda: self.targets()[name]["health"]["healthy"] == healthy,
                           f"{name} does not become {'well' if healthy else 'dead'}")

    def ready(self):
        client = self.gateway.client()
        client.send(b"GET /readyz HTTP/1.1\r\nHost: gateway\r\n\r\n")
        response = client.read_response()
        client.close()
        return response

    def test_a_dead_engine_is_found_out_before_a_request_fails_on_it(self):
        self.start(self.POOL + f"health = {{ {self.FAST} }}\n", provider="vllm")
        support.wait_until(lambda: self.checks("a") and self.checks("b"), "nobody is asked")
        self.assertEqual(self.text_of(self.ask()), "from a")
        before = self.targets()["a"]
        self.sick.add("a")
        self.broken.add("a")  # Requests would fail there as well.
        self.wait_for_health("a", False)
        for _ in range(10):
            self.assertEqual(self.text_of(self.ask()), "from b")
        self.assertEqual(self.seen("a"), 1)
        told = self.targets()["a"]
        self.assertEqual(told["state"], "unhealthy")
        self.assertEqual(told["health"]["error"], "status 503")
        self.assertIsNotNone(told["health"]["since"])
        # Checks are no requests.
        for key in ("totals", "in_flight", "breaker", "slowdown", "failure_average"):
            self.assertEqual(told[key], before[key], key)
        self.assertEqual(self.gateway.metric(r'^sluice_retries_total.*reason="fail_over"'), 0)
        self.sick.clear()
        self.broken.clear()
        self.wait_for_health("a", True)
        # It begins slowly: a tenth of what the others have, and b has nothing.
        told = self.targets()["a"]
        self.assertEqual(told["state"], "starting")
        self.assertLess(told["share"], 0.5)
        self.assertEqual(self.text_of(self.ask()), "from a")
        check = self.checks("a")[0]
        self.assertEqual(check.line, "GET /health HTTP/1.1")
        self.assertIsNone(check.field("authorization"))

    def test_one_that_answers_nothing_is_dead(self):
        self.start(self.POOL + f"health = {{ {self.FAST} }}\n", provider="vllm")
        self.silent.add("b")
        self.wait_for_health("b", False)
        told = self.targets()["b"]
        self.assertEqual(told["health"]["error"], "first_byte_timeout")
        self.assertEqual(told["in_flight"]["requests"], 0)

    def test_others_are_asked_for_their_models_when_that_is_wanted(self):
        self.start(self.POOL + f'health = {{ check = "all", {self.FAST} }}\n')
        support.wait_until(lambda: len(self.checks("a")) > 2, "nobody is asked")
        check = self.checks("a")[0]
        self.assertEqual(check.line, "GET /v1/models HTTP/1.1")
        self.assertEqual(check.field("authorization"), f"Bearer {Gateway.KEY}")
        self.assertIsNotNone(self.targets()["a"]["health"]["checked_at"])

    def test_others_are_left_alone_by_default(self):
        self.start(self.POOL + f"health = {{ {self.FAST} }}\n")
        time.sleep(0.5)
        self.assertEqual(self.checks("a"), [])
        self.assertIsNone(self.targets()["a"]["health"]["checked_at"])

    def test_a_path_of_ones_own_must_be_answered_well(self):
        self.start(self.POOL + f'health = {{ path = "/up?x=1", {self.FAST} }}\n')
        support.wait_until(lambda: self.checks("a"), "nobody is asked")
        self.assertEqual(self.checks("a")[0].line, "GET /up?x=1 HTTP/1.1")
        self.answer_check = lambda name, connection, request: support.json_answer(
            connection, b"{}", "404 Not Found")
        self.wait_for_health("a", False)

    def test_targets_of_one_upstream_are_asked_once(self):
        self.start('targets = ["a/x", "a/y"]\n'
                   'health = { interval_ms = 300 }\n', names=("a",), provider="vllm")
        support.wait_until(lambda: len(self.checks("a")) > 3, "nobody is asked")
        self.sick.add("a")
        self.wait_for_health("a/x", False)
        self.assertFalse(self.targets()["a/y"]["health"]["healthy"])
        self.assertEqual(self.ready().status, 503)
        self.assertIn(b"no target is in service", self.ready().body)
        self.sick.clear()
        self.wait_for_health("a/y", True)
        self.assertEqual(self.ready().status, 200)

    def test_without_checks_after_a_reload_all_count_as_well(self):
        self.start(self.POOL + f"health = {{ {self.FAST} }}\n", provider="vllm")
        self.sick.add("a")
        self.wait_for_health("a", False)
        path = self.gateway.config_path
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("health = {", 'health = { check = "none",'))
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        self.wait_for_health("a", True)
        count = len(self.checks("a"))
        time.sleep(0.4)
        self.assertLessEqual(len(self.checks("a")), count + 1)

    def test_readiness_knows_what_is_drained(self):
        self.start('targets = ["a", "b"]\n')
        self.change("a", mode="drained")
        self.assertEqual(self.ready().status, 200)
        self.change("b", mode="drained")
        self.assertEqual(self.ready().status, 503)
        self.change("a", mode="active")
        self.assertEqual(self.ready().status, 200)

    def test_the_end_comes_with_a_check_under_way(self):
        self.start(self.POOL + "health = { interval_ms = 100, timeout_ms = 60000 }\n",
                   provider="vllm")
        self.silent.update("ab")
        support.wait_until(lambda: self.checks("a") and self.checks("b"), "nobody is asked")
        self.assertEqual(self.targets()["a"]["health"]["checked_at"], None)


class Metrics(TargetsCase):
    def value(self, name, target):
        return self.gateway.metric(rf'^sluice_target_{name}{{pool="p",target="{target}"}}')

    def test_they_tell_what_pools_know(self):
        self.start('targets = ["a/gpt-x", "b"]\nstrategy = "priority"\n'
                   'breaker = { failures_max = 3 }\n')
        self.broken.add("a")
        client = self.gateway.client()
        client.post(CHAT, STREAM)
        support.wait_until(lambda: self.value("in_flight", "b") == 1, "nothing in flight")
        for _ in range(4):
            self.ask()
        support.wait_until(lambda: self.value("breaker_state", "a/gpt-x") == 2, "no open breaker")
        support.wait_until(lambda: self.value("selected_total", "b") == 5, "not selected")
        self.assertEqual(self.value("selected_total", "a/gpt-x"), 3)
        self.assertEqual(self.value("faults_total", "a/gpt-x"), 3)
        self.assertEqual(self.value("pushbacks_total", "a/gpt-x"), 0)
        self.assertEqual(self.value("ejections_total", "b"), 0)
        self.assertEqual(self.value("healthy", "b"), 1)
        self.assertEqual(self.value("prefill_tokens", "b"), 0)
        self.assertEqual(self.value("breaker_state", "b"), 0)
        self.assertGreater(self.value("slowdown", "a/gpt-x"), 1.5)
        self.go.set()
        client.read_response()
        client.close()
        support.wait_until(lambda: self.value("in_flight", "b") == 0, "still in flight")


class Command(TargetsCase):
    def test_the_table_and_the_verbs(self):
        self.start('targets = ["a/gpt-x", "b"]\nstrategy = "priority"\n')
        self.assertEqual(self.sluice_targets("p/a/gpt-x", "drain"), "a/gpt-x: drained, weight 1\n")
        self.assertEqual(self.text_of(self.ask()), "from b")
        table = self.sluice_targets()
        self.assertIn("pool p, priority, 1 of 2 in service\n", table)
        self.assertIn("a/gpt-x                        drained ", table)
        self.assertEqual(json.loads(self.sluice_targets("--json"))["pools"][0]["name"], "p")
        self.assertEqual(self.sluice_targets("p/b", "weight", "7"), "b: active, weight 7\n")
        self.assertEqual(self.sluice_targets("p/a/gpt-x", "activate"),
                         "a/gpt-x: active, weight 1\n")
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertIn("there is no such target", self.sluice_targets("p/x", "drain", code=1))
        self.assertIn("expected POOL/TARGET", self.sluice_targets("p", "drain", code=2))

    def test_watching(self):
        self.start('targets = ["a", "b"]\n')
        address = f"127.0.0.1:{self.gateway.admin_port()}"
        watching = subprocess.Popen([support.SLUICE, "targets", "--watch", "--admin", address],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        heads = 0
        while heads < 3 and time.monotonic() < began + support.PATIENCE_S:
            heads += watching.stdout.readline().startswith(b"pool p, latency_weighted, 2 of 2")
        watching.kill()
        watching.wait()
        watching.stdout.close()
        self.assertEqual(heads, 3)
        self.assertGreater(time.monotonic() - began, 1.9)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
