#!/usr/bin/env python3
"""Requests that wait for room in a pool: who is next, who has to go, and a pool without targets.

The real program on two shards. The target takes one request at a time and answers when the test
says so, so that the order in which it is asked is the order of the queue and of nothing else.
"""

import json
import os
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_keys_test import bearer, key
from gateway_support import CHAT, Gateway, Upstream
from pool_support import PooledCase, reply

ADA = "sk-ada-0123456789-0123456789"
BOB = "sk-bob-0123456789-0123456789"
EVE = "sk-eve-0123456789-0123456789"
AUTH = '[processor.auth]\ntype = "authenticate"\noptional = true\n'
ONE_AT_A_TIME = '[[pool.p.target]]\nllm = "engine"\nconcurrent_max = 1\n'


def body(name, padding=0):
    return json.dumps({"model": name, "messages": [
        {"role": "user", "content": "x" * padding}]}).encode()


def priority(name):
    return [("x-sluice-priority", name)]


class QueueCase(PooledCase):
    def start(self, queue, route="", more="", pool=ONE_AT_A_TIME):
        self.may_answer = threading.Semaphore(0)
        self.clients = {}
        self.upstream = Upstream(self.script)
        self.gateway = Gateway(f"""
[server]
host = "127.0.0.1"
port = 0
shards = 2
access_log.format = "json"
[admin]
listen = "127.0.0.1:0"
[llm.engine]
provider = "openai_compatible"
base_url = "http://127.0.0.1:{self.upstream.port}/v1"
token_env = "TEST_UPSTREAM_KEY"
max_retries = 0
[pool.p]
queue = {{ {queue} }}
{pool}
[[route]]
path_prefix = "/v1"
target_llm = "p"
{route}
{more}
""")
        self.addCleanup(self.end)

    def script(self, connection, _):
        self.may_answer.acquire(timeout=support.PATIENCE_S)
        return support.json_answer(connection, reply("here"))

    def end(self):
        for client in self.clients.values():
            client.close()
        for _ in range(200):
            self.may_answer.release()
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])

    def waiting(self):
        """How many wait now, by their class."""
        answer = self.admin("GET", "/v1/targets")
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)["pools"][0]["queue"]["waiting"]

    def exchanges(self):
        return json.loads(self.admin("GET", "/v1/exchanges").body)["exchanges"]

    def queued(self):
        return sum(self.waiting().values())

    def send(self, name, fields=(), padding=0):
        client = self.gateway.client()
        client.post(CHAT, body(name, padding), fields)
        self.clients[name] = client

    def wait_in_queue(self, name, fields=(), padding=0):
        """Sends it, and comes back when it stands in the queue."""
        before = self.queued()
        self.send(name, fields, padding)
        support.wait_until(lambda: self.queued() > before, f"{name} does not wait")

    def occupy(self):
        self.send("first")
        support.wait_until(lambda: len(self.asked()) == 1, "the first one was not asked")

    def asked(self):
        with self.upstream.lock:
            return [json.loads(r.body)["model"] for r in self.upstream.requests]

    def serve_all(self, count):
        """Answers one after the other; returns in which order they were asked."""
        for turn in range(1, count + 1):
            support.wait_until(lambda n=turn: len(self.asked()) >= n, f"{turn} were not asked")
            self.may_answer.release()
        return self.asked()

    def status(self, name):
        return self.clients[name].read_response().status

    def refused(self, reason):
        return self.gateway.metric(f'^sluice_queue_refusals_total.*reason="{reason}"')


class Order(QueueCase):
    def test_classes_of_the_route_and_of_requests(self):
        self.start("waiting_max = 20", 'priority_header = "any"')
        self.occupy()
        for name in ("low-1", "normal-1", "high-1", "low-2", "high-2"):
            self.wait_in_queue(name, priority(name.split("-")[0]))
        self.assertEqual(self.waiting(), {"high": 2, "normal": 1, "low": 2})
        self.assertEqual(self.serve_all(6),
                         ["first", "high-1", "high-2", "normal-1", "low-1", "low-2"])
        self.assertEqual([self.status(name) for name in self.clients], [200] * 6)
        self.assertEqual(self.gateway.metric("^sluice_queue_wait_seconds_count"), 5)
        support.wait_until(lambda: self.gateway.read_access().count('"queue_us":') == 5,
                           "lines are missing")
        self.assertEqual(self.gateway.read_access().count('"priority":"high","queue_us":'), 2)
        self.assertEqual(self.queued(), 0)
        # The levels on /metrics are half a second old.
        support.wait_until(lambda: self.gateway.metric("^sluice_queue_waiting") == 0,
                           "somebody still waits")

    def test_a_header_that_the_route_does_not_let_in(self):
        self.start("waiting_max = 20")
        self.occupy()
        self.wait_in_queue("a")
        self.wait_in_queue("b", priority("high"))
        self.wait_in_queue("c", priority("no such"))
        self.assertEqual(self.waiting()["normal"], 3)
        self.assertEqual(self.serve_all(4), ["first", "a", "b", "c"])

    def test_a_header_that_may_lower_only(self):
        self.start("waiting_max = 20", 'priority_header = "lower"')
        self.occupy()
        self.wait_in_queue("low", priority("low"))
        self.wait_in_queue("normal")
        self.wait_in_queue("high", priority("high"))
        self.assertEqual(self.serve_all(4), ["first", "normal", "high", "low"])
        self.send("wrong", priority("urgent"))
        self.assertEqual(self.status("wrong"), 400)

    def test_keys_have_a_class_and_tenants_take_turns(self):
        keys = (key("ada", ADA, 'tenant = "t"') + key("bob", BOB)
                + key("eve", EVE, 'priority = "high"') + "[tenant.t]\n" + AUTH)
        self.start("waiting_max = 100", 'processors = ["auth"]', keys)
        self.occupy()
        for i in range(20):
            self.wait_in_queue(f"ada-{i}", bearer(ADA))
        self.wait_in_queue("bob", bearer(BOB))
        self.wait_in_queue("nobody")
        self.wait_in_queue("eve", bearer(EVE))
        order = self.serve_all(24)
        self.assertEqual(order[:2], ["first", "eve"])
        # Behind one of ada's, not behind twenty.
        self.assertLessEqual(order.index("bob"), 4)
        self.assertLessEqual(order.index("nobody"), 4)
        self.assertEqual([n for n in order if n.startswith("ada")],
                         [f"ada-{i}" for i in range(20)])

    def test_turns_go_by_tokens(self):
        keys = key("ada", ADA) + key("bob", BOB) + AUTH
        self.start("waiting_max = 100", 'processors = ["auth"]', keys)
        self.occupy()
        for i in range(4):  # About ten times as long.
            self.wait_in_queue(f"ada-{i}", bearer(ADA), 12_000)
        for i in range(12):
            self.wait_in_queue(f"bob-{i}", bearer(BOB), 1_200)
        order = self.serve_all(17)
        between = order.index("ada-1") - order.index("ada-0")
        self.assertGreaterEqual(between, 8, order)

    def test_a_key_gets_its_class_by_the_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "keys.json")
            self.start("waiting_max = 20", 'processors = ["auth"]',
                       f'[keys]\nfile = "{path}"\n' + AUTH)
            made = json.loads(self.sluice("keys", "create", "vip", "--priority", "high", "--json"))
            self.assertEqual(made["key"]["priority"], "high")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(json.load(file)["keys"][0]["priority"], "high")
            self.occupy()
            self.wait_in_queue("a")
            self.wait_in_queue("vip", bearer(made["secret"]))
            self.assertIn("waiting 1 high, 1 normal", self.sluice("targets"))
            self.assertEqual(self.serve_all(3), ["first", "vip", "a"])
            self.assertEqual(self.admin("PATCH", f"/v1/keys/{made['key']['id']}",
                                        {"priority": "urgent"}).status, 400)


    def test_one_for_the_only_long_target_does_not_hold_up_the_short_ones(self):
        self.start("waiting_max = 5", pool=ONE_AT_A_TIME +
                   '[[pool.p.target]]\nllm = "engine"\nmodel = "short"\n'
                   'context_tokens_max = 1000\nconcurrent_max = 8\n')
        long = 8_000  # Bytes: about two thousand tokens.
        self.send("first", padding=long)
        support.wait_until(lambda: len(self.asked()) == 1, "the first one was not asked")
        self.wait_in_queue("second", padding=long)
        self.send("quick")
        support.wait_until(lambda: len(self.asked()) == 2, "the short one waits for the long ones")
        self.assertEqual(self.queued(), 1)
        self.serve_all(3)

    def test_a_wait_is_not_the_gateways_own_work(self):
        self.start("waiting_max = 5")
        self.occupy()
        self.wait_in_queue("a")
        time.sleep(0.5)  # What is measured is a wait of known length.
        self.serve_all(2)
        self.assertEqual((self.status("first"), self.status("a")), (200, 200))
        told = "^sluice_overhead_seconds_count"
        support.wait_until(lambda: self.gateway.metric(told) == 2, "the exchanges are not told")
        waited = self.gateway.metric("^sluice_queue_wait_seconds_sum")
        self.assertGreaterEqual(waited, 0.5)
        self.assertLess(self.gateway.metric("^sluice_overhead_seconds_sum"), waited)


class Refusals(QueueCase):
    def test_a_full_queue_and_who_is_pushed_out(self):
        self.start("waiting_max = 2", 'priority_header = "any"')
        self.occupy()
        self.wait_in_queue("a", priority("low"))
        self.wait_in_queue("b", priority("low"))
        self.send("c", priority("low"))
        response = self.clients["c"].read_response()
        self.assertEqual(response.status, 429)
        self.assertIn(b"queue_full", response.body)
        self.assertGreaterEqual(int(response.field("retry-after")), 1)
        self.send("d", priority("high"))
        response = self.clients["b"].read_response()
        self.assertEqual(response.status, 429)
        self.assertIn(b"queue_pushed_out", response.body)
        self.assertGreaterEqual(int(response.field("retry-after")), 1)
        self.assertEqual(self.serve_all(3), ["first", "d", "a"])
        self.assertEqual((self.refused("full"), self.refused("pushed_out")), (1, 1))

    def test_the_time_is_over(self):
        self.start("waiting_max = 5, wait_ms_max = 300")
        self.occupy()
        began = time.monotonic()
        self.send("late")
        response = self.clients["late"].read_response()
        self.assertGreaterEqual(time.monotonic() - began, 0.25)
        self.assertEqual(response.status, 503)
        self.assertIn(b"queue_timeout", response.body)
        self.assertIsNotNone(response.field("retry-after"))
        self.assertEqual(self.refused("timeout"), 1)
        self.serve_all(1)
        self.assertEqual(self.status("first"), 200)
        support.wait_until(lambda: len(self.exchanges()) == 2, "they are not told")
        first, late = sorted(self.exchanges(), key=lambda e: e["status"])
        self.assertEqual((first["queued_ms"], first["queue_refusal"]), (0, None))
        self.assertGreaterEqual(late["queued_ms"], 250)
        self.assertEqual(late["queue_refusal"], "timeout")
        self.assertLessEqual(late["queued_ms"], late["offsets_ms"]["responded"])

    def test_who_leaves_makes_place(self):
        self.start("waiting_max = 1")
        self.occupy()
        self.wait_in_queue("gone")
        self.clients["gone"].close()
        support.wait_until(lambda: self.queued() == 0, "it still waits")
        self.wait_in_queue("next")
        self.assertEqual(self.serve_all(2), ["first", "next"])


class FromZero(QueueCase):
    def test_requests_are_held_until_there_is_a_target(self):
        self.start("waiting_max = 4, wait_ms_max = 60000", pool=(
            'discovery = { type = "admin", llm = "engine", concurrent_max = 1 }\n'))
        client = self.gateway.client()
        client.send(b"GET /readyz HTTP/1.1\r\nHost: gateway\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        client.close()
        for i in range(4):
            self.wait_in_queue(str(i))
        self.send("excess")
        response = self.clients["excess"].read_response()
        self.assertEqual(response.status, 429)
        self.assertEqual(self.upstream.accepted, 0)
        answer = self.admin("POST", "/v1/targets/p",
                            {"address": f"127.0.0.1:{self.upstream.port}"})
        self.assertEqual(answer.status, 201, answer.body)
        self.assertEqual(self.serve_all(4), ["0", "1", "2", "3"])
        self.assertEqual([self.status(str(i)) for i in range(4)], [200] * 4)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
