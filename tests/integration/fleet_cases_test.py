#!/usr/bin/env python3
"""What a gateway before a fleet is known to get wrong, on real sockets.

The real program before `llm-fleet serve`, whose workers count for themselves what reaches them.
What both count must agree at every moment at which nothing is on its way.
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import sys
import threading
import unittest

import fleet_support
import gateway_support as support
from fleet_support import LONG, Fleet, question
from gateway_support import CHAT, Gateway
from secret_watch import WatchedCase

STREAMS_MAX = 10_000
STREAMS_MIN = 200
DESCRIPTORS_BESIDES = 256


class FleetCase(WatchedCase):
    def start(self, *options, workers=3, speed=100, pool="", members=False, server=""):
        self.fleet = Fleet(*options, workers=workers, speed=speed)
        self.addCleanup(lambda: self.fleet.stop_well(self))
        text = (f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = 2\n{server}\n'
                '[admin]\nlisten = "127.0.0.1:0"\n')
        names = ["engine"] if members else [f"w{i}" for i in range(workers)]
        for name, port in zip(names, self.fleet.ports):
            text += (f'[llm.{name}]\nprovider = "vllm"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
                     "max_retries = 0\n")
        targets = ('discovery = { type = "admin", llm = "engine" }' if members else
                   f"targets = {json.dumps(names)}")
        text += f'[pool.p]\n{targets}\n{pool}\n[[route]]\npath_prefix = "/v1"\ntarget_llm = "p"\n'
        self.gateway = Gateway(text)
        self.addCleanup(lambda: self.assertEqual(self.gateway.stop(), 0))

    def targets(self):
        return json.loads(self.gateway.admin("GET", "/v1/targets").body)["pools"][0]["targets"]

    def in_flight(self):
        """Of each target, as the gateway counts."""
        return [t["in_flight"]["requests"] for t in self.targets()]

    def open_at(self, worker):
        return self.fleet.stats(worker)["in_flight"]

    def post(self, body):
        client = self.gateway.client()
        client.post(CHAT, json.dumps(body).encode())
        return client


class Ledger(FleetCase):
    def test_health_checks_and_questions_for_load_are_no_load(self):
        self.start(pool='strategy = "least_connections"\n'
                        "health = { interval_ms = 100 }\n"
                        "engine_metrics = { enabled = true, interval_ms = 100 }\n")
        workers = range(3)
        for worker in workers:
            self.fleet.set_fault(worker, "kind=hang")
        clients = []
        for count in (3, 7, 12):
            while len(clients) < count:
                clients.append(self.post(question(f"{len(clients)}" + LONG)))
            support.wait_until(lambda: sum(self.open_at(w) for w in workers) == len(clients),
                               "they do not arrive")
            for _ in range(15):  # Over many checks: nothing is on its way.
                self.assertEqual(self.in_flight(), [self.open_at(w) for w in workers])
        for client in clients[::2]:
            client.close()
        support.wait_until(lambda: sum(self.in_flight()) == 6, "those who left still count")
        support.wait_until(lambda: self.in_flight() == [self.open_at(w) for w in workers],
                           "both count otherwise")
        for worker in workers:
            self.fleet.set_fault(worker, "")
        for client in clients[1::2]:
            self.assertEqual(client.read_response().status, 200)
            client.close()
        support.wait_until(lambda: self.in_flight() == [0, 0, 0], "something is left")


class Churn(FleetCase):
    def pass_turns(self, answers, count):
        before = list(answers)
        support.wait_until(lambda: min(a - b for a, b in zip(answers, before)) >= count, "no load")

    def add(self, worker):
        address = f"127.0.0.1:{self.fleet.ports[worker]}"
        answer = self.gateway.admin("POST", "/v1/targets/p", {"address": address})
        self.assertEqual(answer.status, 201, answer.body)

    def remove(self, worker):
        answer = self.gateway.admin("DELETE",
                            f"/v1/targets/p/engine@127.0.0.1:{self.fleet.ports[worker]}")
        self.assertEqual(answer.status, 200, answer.body)

    def test_others_are_not_asked_how_they_are_because_of_it(self):
        self.start(workers=2, members=True, pool="health = { interval_ms = 86400000 }\n")
        self.add(0)
        support.wait_until(lambda: self.targets()[0]["health"]["checked_at"], "it is not asked")
        for _ in range(20):
            self.add(1)
            self.remove(1)
        self.add(1)
        self.fleet.wait_for(1, lambda s: s["questions"] > 0, "it is not asked")
        self.assertEqual(self.fleet.stats(0)["questions"], 1)

    def test_members_come_and_go_and_come_back_with_empty_caches(self):
        """One after the other is taken out under load, restarted, and added again by the same
        address: streams finish, and who is out gets nothing."""
        self.start("--tokens", "6", workers=4, members=True, pool='strategy = "prefix_affinity"\n')
        for worker in range(4):
            self.add(worker)
        stop, failures, answers = threading.Event(), [], [0] * 4

        def converse(session):
            turn = 0
            while not stop.is_set():
                turn += 1
                # Every third one begins something new, which goes where there is room.
                about = f"{session} {turn} " if turn % 3 == 0 else f"{session} "
                text = about + LONG + "and so on " * 10 * (turn % 8)
                with contextlib.closing(self.post(question(text, stream=True))) as client:
                    response = client.read_response()
                if response.status != 200 or not response.body.endswith(b"data: [DONE]\n\n"):
                    failures.append((response.status, response.body[-300:]))
                answers[session] += 1
        threads = [threading.Thread(target=converse, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        try:
            for worker in (0, 1, 2, 3, 0, 1):
                self.remove(worker)
                # What is on its way goes on; when everybody has had another answer, that is over.
                self.pass_turns(answers, 2)
                told = self.fleet.stats(worker)
                self.assertEqual(told["in_flight"], 0)
                asked = told["requests"]
                self.pass_turns(answers, 5)
                self.assertEqual(self.fleet.stats(worker)["requests"], asked)
                self.fleet.set_fault(worker, "kind=restart")
                self.fleet.wait_for_restart(worker)
                self.add(worker)
                support.wait_until(lambda: self.fleet.stats(worker)["requests"] > asked,
                                   "it is not used again")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        support.wait_until(lambda: self.in_flight() == [0] * 4, "something is left")


class LongPrompts(FleetCase):
    def test_a_prompt_of_100_000_tokens_is_not_copied(self):
        self.start("--tokens", "2", workers=2, pool='strategy = "prefix_affinity"\n')
        asks, prompt = 8, "a word " * 57_143  # 400 KB
        copied = self.gateway.metric("^sluice_copied_bytes_total")
        cached = 0
        for i in range(asks):
            with contextlib.closing(self.post(question(prompt + str(i % 2)))) as client:
                response = client.read_response()
            self.assertEqual(response.status, 200, response.body[-300:])
            cached += fleet_support.cached_of(response)
        # All but the first was found: 1,562 blocks of 64 tokens.
        self.assertEqual(cached, (asks - 1) * 1562 * 64)
        self.assertLess(self.gateway.metric("^sluice_copied_bytes_total") - copied,
                        asks * len(prompt) / 20)


class Streams(FleetCase):
    def open_all(self, count):
        body = json.dumps(question("hi", stream=True, max_tokens=32)).encode()
        clients = []
        for _ in range(count):
            clients.append(self.gateway.client())
            clients[-1].post(CHAT, body)
        return clients

    def test_ten_thousand_streams_are_drained_in_order(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        # The gateway needs two descriptors for each.
        count = min(STREAMS_MAX, (hard - DESCRIPTORS_BESIDES) // 2)
        print(f"{count} streams")
        if count < STREAMS_MIN:
            self.skipTest(f"at most {hard} descriptors")
        # All prompts are read in one step, and a step with all takes 0.7 s, so that they can be
        # stopped inside.
        self.start("--running-max", str(count), "--chunk-tokens", "1000000", workers=1,
                   speed=count / 2000,
                   server="drain_timeout_ms = 120000")
        self.fleet.set_fault(0, "kind=hang")
        clients = self.open_all(count)
        self.fleet.wait_for(0, lambda s: s["in_flight"] == count, "they do not arrive")
        self.fleet.set_fault(0, "")
        for client in clients:
            self.assertEqual(client.read_head()[0], 200)
        self.fleet.set_fault(0, "kind=hang")
        self.assertEqual(self.in_flight(), [count])
        self.gateway.signal(signal.SIGTERM)
        support.wait_until(lambda: support.is_refused(self.gateway.port), "it still listens")
        self.assertEqual(self.open_at(0), count)
        self.assertIsNone(self.gateway.process.poll())
        self.fleet.set_fault(0, "kind=slow,factor=0.001")
        with selectors.DefaultSelector() as selector:
            for client in clients:
                selector.register(client.sock, selectors.EVENT_READ, client)
            while selector.get_map():
                ready = selector.select(support.PATIENCE_S)
                self.assertTrue(ready, "they do not end")
                for key, _ in ready:
                    data = key.fileobj.recv(65536)
                    key.data.buffer += data
                    if not data:
                        selector.unregister(key.fileobj)
        for client in clients:
            self.assertTrue(client.buffer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"))
            client.close()
        self.assertEqual(self.gateway.wait(), 0)
        self.assertEqual(self.fleet.stats(0)["aborted"], 0)


if __name__ == "__main__":
    fleet_support.BUILD = sys.argv.pop(1)
    support.SLUICE = os.path.join(fleet_support.BUILD, "sluice")
    unittest.main(warnings="ignore")
