#!/usr/bin/env python3
"""Members of pools that come and go: by the admin API, the command line, a file and DNS.

The real program on two shards against scripted upstreams that count what reaches them. What is
checked throughout: who was removed gets nothing new, what it has goes on, who stays keeps what is
known of it.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import unittest

import gateway_dns_test as dns
import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk
from pool_support import BODY, STREAM, PooledCase, delta, reply


class MembersCase(PooledCase):
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

    def start(self, pool, names=("a", "b"), more="", prefix=()):
        self.go = threading.Event()
        self.peers = self.make_peers(names)
        self.gateway = Gateway(
            f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = {self.SHARDS}\n'
            '[admin]\nlisten = "127.0.0.1:0"\n' + self.LLM.format(more=more)
            + f'\n[pool.p]\n{pool}\n[[route]]\npath_prefix = "/v1"\ntarget_llm = "p"\n',
            prefix=prefix)
        self.addCleanup(self.end)

    def make_peers(self, names):
        return {name: Upstream(self.script(name)) for name in names}

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

    def test_a_silent_one_is_found_dead_although_members_come_and_go(self):
        def is_silent(connection, request):
            connection.wait_for_end()
            return False
        self.script = lambda name: is_silent
        self.start(self.POOL + 'health = { check = "all", interval_ms = 100, timeout_ms = 600, '
                   'failures_max = 1 }\n')
        self.add("a")

        def is_dead():
            self.add("b")
            self.remove(self.member("b"))
            return not self.targets()[self.member("a")]["health"]["healthy"]
        support.wait_until(is_dead, "it is taken for healthy")

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
                      self.sluice_targets("add", "p", self.address("a"), "--weight", "3"))
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertIn("has a target of that name",
                      self.sluice_targets("add", "p", self.address("a"), code=1))
        self.assertEqual(self.sluice_targets("remove", f"p/{self.member('a')}"),
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


class ByFile(MembersCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "members.json")

    def pool(self, path=None):
        return ('strategy = "round_robin"\n'
                f'discovery = {{ type = "file", llm = "engine", file = "{path or self.path}" }}\n')

    def write(self, text, path=None):
        path = path or self.path
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))
        os.replace(path + ".new", path)

    def test_a_file_is_followed(self):
        self.start(self.pool())
        self.assertEqual(self.ask().status, 503)
        self.write([self.address("a")])
        self.wait_for_targets("a")
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.write([{"address": self.address("b"), "weight": 5, "priority": 2},
                    self.address("a")])
        self.wait_for_targets("a", "b")
        told = self.targets()
        self.assertEqual(told[self.member("b")]["weight"], 5)
        self.assertEqual(told[self.member("b")]["priority"], 2)
        self.assertEqual(told[self.member("a")]["totals"]["selected"], 1)
        self.write([])
        self.wait_for_targets()
        self.assertEqual(self.ask().status, 503)

    def test_it_is_there_with_the_first_request(self):
        self.path = self.path.removesuffix(".json") + ".toml"
        self.start(self.pool())
        self.write(f'targets = ["{self.address("a")}"]\n')
        self.wait_for_targets("a")
        again = Gateway(self.gateway_config())
        try:
            client = again.client()
            client.post(CHAT, BODY)
            self.assertEqual(self.text_of(client.read_response()), "from a")
            client.close()
        finally:
            again.stop()

    def test_a_reload_at_the_very_end_does_not_hold_it_up(self):
        self.start(self.pool())
        self.write([self.address("a")])
        self.wait_for_targets("a")
        port = self.gateway.admin_port()
        client = support.Client(port)
        self.gateway.signal(signal.SIGTERM)
        support.wait_until(lambda: support.is_refused(port), "it still listens")
        try:
            client.send(b"POST /v1/reload HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                        b"Content-Length: 0\r\n\r\n")
            client.read_response()
        except (ConnectionError, EOFError):
            pass  # A busy machine let it come too late.
        client.close()
        self.assertEqual(self.gateway.wait(), 0)

    def gateway_config(self):
        with open(self.gateway.config_path, encoding="utf-8") as file:
            return file.read()

    def test_a_bad_file_changes_nothing_and_says_where(self):
        self.start(self.pool())
        self.write([self.address("a")])
        self.wait_for_targets("a")
        self.write('[\n  "nowhere"\n]')
        support.wait_until(
            lambda: f"{self.path}:2:3: address: is" in self.gateway.read_log(), "no complaint")
        self.assertEqual(self.text_of(self.ask()), "from a")
        os.remove(self.path)
        support.wait_until(lambda: "cannot be read; those before stay" in self.gateway.read_log(),
                           "no complaint")
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.write([self.address("b")])
        self.wait_for_targets("b")

    def test_an_instance_that_is_another_begins_anew(self):
        self.start(self.pool())
        self.write([{"address": self.address("a"), "instance": "one"},
                    {"address": self.address("b"), "instance": "one"}])
        self.wait_for_targets("a", "b")
        for _ in range(4):
            self.ask()
        self.write([{"address": self.address("a"), "instance": "two"},
                    {"address": self.address("b"), "instance": "one"}])
        support.wait_until(lambda: self.targets()[self.member("a")]["totals"]["selected"] == 0,
                           "it is taken for the same")
        self.assertEqual(self.targets()[self.member("b")]["totals"]["selected"], 2)
        # Connections to the one before are not used for it.
        support.wait_until(lambda: self.peers["a"].open == 0, "connections are kept")

    def test_hands_are_above_it(self):
        self.start(self.pool(), names=("a", "b", "c"))
        self.write([self.address("a"), self.address("b")])
        self.wait_for_targets("a", "b")
        self.remove(self.member("a"))
        self.write([self.address("a"), self.address("c")])
        self.wait_for_targets("c")
        self.write([self.address("c")])
        support.wait_until(lambda: self.gateway.read_log().count("has other members") >= 3,
                           "the file is not read")
        self.write([self.address("a"), self.address("c")])  # Another one, as far as we know.
        self.wait_for_targets("a", "c")

    def test_a_reload_may_begin_and_end_it(self):
        self.start('targets = ["engine"]\n')
        self.write([self.address("a")])
        text = self.gateway_config()
        self.gateway.write_config(text.replace('targets = ["engine"]', self.pool()))
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        self.wait_for_targets("a")
        # Hands alone, which have done nothing yet.
        self.gateway.write_config(text.replace('targets = ["engine"]', ByHand.POOL))
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        self.wait_for_targets()
        self.gateway.write_config(text.replace('targets = ["engine"]', self.pool()))
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        self.wait_for_targets("a")
        self.gateway.write_config(text)
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        support.wait_until(lambda: set(self.targets()) == {"engine"}, "it is still there")

    def test_a_pool_that_comes_back_finds_out_anew(self):
        self.start(self.pool())
        self.write([self.address("a")])
        self.wait_for_targets("a")
        text = self.gateway_config()
        without = text.replace("[pool.p]", "[pool.q]").replace('target_llm = "p"',
                                                              'target_llm = "q"')
        self.gateway.write_config(without.replace(self.path, self.path + ".none"))
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        self.assertEqual(self.targets(), {})
        os.remove(self.path)
        self.gateway.write_config(text)
        self.assertEqual(self.admin("POST", "/v1/reload").status, 200)
        self.assertEqual(self.targets(), {})
        self.write([self.address("b")])
        self.wait_for_targets("b")


@unittest.skipUnless(dns.is_allowed(), "port 53 or mount namespaces are not allowed here")
class ByName(MembersCase):
    """Both upstreams listen on one port, each on an address of its own."""

    HOSTS = {"a": "127.0.0.1", "b": "127.0.0.2"}

    def make_peers(self, names):
        first = Upstream(self.script("a"), host=self.HOSTS["a"])
        return {"a": first, "b": Upstream(self.script("b"), first.port, self.HOSTS["b"])}

    def address(self, name):
        return f"{self.HOSTS[name]}:{self.peers[name].port}"

    def begin(self, name, result, **more):
        self.result = result
        support.wait_until(self.serve_names, "the address of the server before is not free")
        self.addCleanup(self.names.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "resolv.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"nameserver {dns.ADDRESS}\n")
        more = "".join(f", {key} = {value}" for key, value in more.items())
        self.start('strategy = "round_robin"\n'
                   f'discovery = {{ type = "dns", llm = "engine", name = "{name}", '
                   f'refresh_ms_min = 100, refresh_ms_max = 300{more} }}\n',
                   prefix=("unshare", "--mount", "sh", "-c",
                           f'mount --bind "{path}" /etc/resolv.conf && exec "$@"', "sh"))

    def serve_names(self):
        try:
            self.names = dns.NameServer(lambda asked: self.result)
        except OSError:
            return False
        return True

    def test_addresses_are_followed(self):
        port = self.free_port()
        self.make_peers = lambda names: {
            n: Upstream(self.script(n), port, self.HOSTS[n]) for n in names}
        self.begin("fleet.example", (0, 1, ["127.0.0.1"]), port=port)
        self.wait_for_targets("a")
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.result = (0, 1, ["127.0.0.2", "127.0.0.1"])
        self.wait_for_targets("a", "b")
        self.assertEqual({self.text_of(self.ask()) for _ in range(2)}, {"from a", "from b"})
        self.result = (0, 1, ["127.0.0.2"])
        self.wait_for_targets("b")
        asked = len(self.names.questions)
        self.result = None  # Nobody answers: who was there stays.
        support.wait_until(lambda: len(self.names.questions) > asked + 4, "it does not ask")
        self.assertEqual(self.text_of(self.ask()), "from b")
        self.result = dns.NXDOMAIN
        self.wait_for_targets()
        self.assertEqual(self.ask().status, 503)
        self.result = (0, 1, ["127.0.0.1"])
        self.wait_for_targets("a")

    def test_services_say_port_weight_and_tier(self):
        self.begin("_llm._tcp.example", (0, 1, []))
        self.HOSTS = {"a": "127-0-0-1.example", "b": "127-0-0-2.example"}
        self.assertEqual(self.ask().status, 503)
        self.result = (0, 1, [(0, 7, self.peers["a"].port, self.HOSTS["a"]),
                              (2, 0, self.peers["b"].port, self.HOSTS["b"]),
                              (0, 1, 0, self.HOSTS["a"])])  # No port.
        self.wait_for_targets("a", "b")
        told = self.targets()
        self.assertEqual(told[self.member("a")]["weight"], 7)
        self.assertEqual(told[self.member("a")]["priority"], 0)
        self.assertEqual(told[self.member("b")]["weight"], 1)
        self.assertEqual(told[self.member("b")]["priority"], 2)

    @staticmethod
    def free_port():
        probe = Upstream()
        probe.close()
        return probe.port


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
