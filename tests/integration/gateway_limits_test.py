"""Bounds: memory of idle connections and of slow readers, stuck clients, want of descriptors."""

import contextlib
import itertools
import os
import resource
import select
import socket
import statistics
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_support import (CHAT, DONE, Client, Gateway, STREAM_HEAD, Upstream, chunk,
                             config_for, event)
from tls_support import Authority, TlsGateway, client_context, tls_config
from secret_watch import WatchedCase

MIB = 1024 * 1024
GET = b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n"
# The promise is for 100,000 connections; each costs this process a descriptor, and limits of 20,000
# are usual. What one costs does not depend on how many there are.
IDLE_WANTED = 15_000
IDLE_MIN = 5_000
IDLE_TLS = 1_000


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class LimitsCase(WatchedCase):
    def setUp(self):
        self.upstream = Upstream(lambda c, _: support.json_answer(c, b'{"ok":true}'))
        self.gateway = None

    def start(self, **settings):
        self.gateway = Gateway(config_for(self.upstream.port, **settings))
        return self.gateway

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway:
            log = self.gateway.read_log()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn("assertion", log)

    def answer_s(self):
        """Seconds that one small request takes on a connection of its own."""
        began = time.monotonic()
        client = self.gateway.client()
        client.post(CHAT, b'{"model":"m"}')
        response = client.read_response()
        client.close()
        self.assertEqual(response.body, b'{"ok":true}')
        return time.monotonic() - began

    def cpu_share(self, seconds):
        """Share of one core that the gateway uses while nothing is asked of it."""
        def ticks():
            with open(f"/proc/{self.gateway.process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])
        before, began = ticks(), time.monotonic()
        select.select([], [], [], seconds)  # What is measured is that nothing happens.
        return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)


class MemoryTest(LimitsCase):
    def hold(self, count):
        """Opens connections, each of which has made one request."""
        clients = []
        for begin in range(0, count, 500):
            batch = [self.gateway.client() for _ in range(min(500, count - begin))]
            for client in batch:
                client.send(GET)
            for client in batch:
                client.read_until(b"ok\n")
                client.buffer = b""
            clients += batch
        return clients

    def per_connection(self, count):
        warm = self.hold(500)  # Tables and pools grow in steps; those steps count for nobody.
        for client in warm:
            client.close()
        support.wait_until(lambda: self.gateway.metric(r"^sluice_client_connections\{") == 1, "")
        before = self.gateway.rss_kib()
        clients = self.hold(count)
        self.assertEqual(self.gateway.metric(r"^sluice_client_connections\{"), count + 1)
        cost = (self.gateway.rss_kib() - before) * 1024 / count
        for client in clients:
            client.close()
        support.wait_until(lambda: self.gateway.metric(r"^sluice_client_connections\{") == 1,
                           "connections stayed open")
        return cost

    def test_idle_connections(self):
        count = min(IDLE_WANTED, raise_descriptor_limit() - 1000)
        if count < IDLE_MIN:
            self.skipTest(f"the limit of descriptors allows {count} connections only")
        self.start()
        cost = self.per_connection(count)
        print(f"{count} idle connections: {cost:.0f} bytes each")
        self.assertLess(cost, 1536)

    def test_idle_connections_with_tls(self):
        raise_descriptor_limit()
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(folder)
            self.gateway = TlsGateway(
                tls_config(self.upstream.port, authority.issue("127.0.0.1")),
                client_context(authority))
            cost = self.per_connection(IDLE_TLS)
            print(f"{IDLE_TLS} idle TLS connections: {cost:.0f} bytes each")
            self.assertLess(cost, 24 * 1024)

    def test_a_client_that_reads_nothing(self):
        """96 MiB are pushed to it: it costs at most 1 MiB, and the upstream is held back."""
        sent = [0]
        piece = chunk(event(b"x" * 16000))

        def script(connection, request):
            connection.send(STREAM_HEAD)
            connection.sock.settimeout(1)
            with contextlib.suppress(OSError):
                for _ in range(96 * MIB // len(piece) if b"all" in request.body else 100):
                    connection.send(piece)
                    sent[0] += len(piece)
            with contextlib.suppress(OSError):
                connection.send(chunk(DONE) + b"0\r\n\r\n")
        self.upstream.script = script
        self.start()
        for _ in range(3):  # What is touched for the first time counts for nobody.
            client = self.gateway.client()
            client.post(CHAT, b'{"stream":true}')
            client.read_response()
        before, sent[0] = self.gateway.rss_kib(), 0
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true,"all":1}')
        client.read_until(b"\r\n\r\n")
        support.wait_until(lambda: self.upstream.open == 0, "the upstream was never stopped")
        growth = self.gateway.rss_kib() - before
        print(f"a client that reads nothing: {growth} KiB, {sent[0] / MIB:.1f} MiB taken")
        self.assertLess(sent[0], 16 * MIB)
        self.assertLess(growth, 1024)


class StuckTest(LimitsCase):
    LIMITS = ("http = { keep_alive_timeout_ms = 1500, head_timeout_ms = 1000, "
              "body_timeout_ms = 1000, send_timeout_ms = 1000 }\n"
              "sockets = { send_buffer_bytes = 16384 }")
    DEADLINES_S = {"silent": 1.5, "head": 1.0, "body": 1.0, "reader": 1.0}

    def stuck(self, kind):
        """A client that goes no further."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", self.gateway.port))
        client = Connected(sock)
        head = f"POST {CHAT} HTTP/1.1\r\nHost: g\r\n".encode()
        client.send({"silent": b"", "head": head, "body": head + b"Content-Length: 99\r\n\r\n{",
                     "reader": head + b"Content-Length: 15\r\n\r\n" + b'{"stream":true}'}[kind])
        return client

    def test_a_thousand_stuck_clients_starve_nobody_and_are_cut(self):
        raise_descriptor_limit()

        def script(connection, request):
            if b"stream" not in request.body:
                return support.json_answer(connection, b'{"ok":true}')
            connection.sock.settimeout(5)
            connection.send(STREAM_HEAD)
            for _ in range(40):
                connection.send(chunk(event(b"x" * 16000)))
            connection.wait_for_end()
            return False
        self.upstream.script = script
        self.start(server=self.LIMITS)
        kinds = {"silent": 300, "head": 300, "body": 300, "reader": 100}
        poll, began, open_now = select.poll(), {}, {}
        for kind, count in kinds.items():
            for _ in range(count):
                client = self.stuck(kind)
                began[client.sock.fileno()] = (kind, time.monotonic())
                open_now[client.sock.fileno()] = client
                # A client that reads nothing sees the end without reading.
                poll.register(client.sock.fileno(), select.POLLRDHUP)
        took, ends = [], {kind: [] for kind in kinds}
        deadline = time.monotonic() + support.PATIENCE_S
        while open_now and time.monotonic() < deadline:
            if len(took) < 200:
                took.append(self.answer_s())
            for fd, _ in poll.poll(0 if len(took) < 200 else 100):
                kind, since = began[fd]
                ends[kind].append(time.monotonic() - since)
                poll.unregister(fd)
                open_now.pop(fd).sock.close()
        self.assertEqual(len(open_now), 0, "some were never cut")
        print(f"others, while 1,000 are stuck: median {statistics.median(took) * 1e3:.1f} ms, "
              f"p95 {percentile(took, 0.95) * 1e3:.1f} ms")
        self.assertGreaterEqual(len(took), 50)
        self.assertLess(percentile(took, 0.9), 0.05)
        for kind, ended in ends.items():
            limit = self.DEADLINES_S[kind]
            print(f"{kind}: cut after {min(ended):.2f} to {max(ended):.2f} s")
            self.assertEqual(len(ended), kinds[kind])
            self.assertGreater(min(ended), limit * 0.9 if kind != "reader" else 0)
            # "reader" begins to be stuck only when all buffers on its way are full.
            self.assertLess(max(ended), limit + 1 + (0.5 if kind == "reader" else 0))
        self.assertEqual(self.gateway.metric(r"^sluice_exchanges\{"), 0)

    def test_one_hot_connection_leaves_time_for_others(self):
        self.start()
        stop = threading.Event()
        body = b'{"messages":[' + b'"ab\\n",' * MIB + b'0]}'
        sent = [0]

        def hot():
            client = self.gateway.client()
            while not stop.is_set():
                client.post(CHAT, body)
                client.read_response()
                sent[0] += 1
            client.close()
        thread = threading.Thread(target=hot)
        thread.start()
        clients = [self.gateway.client() for _ in range(99)]
        took = []
        turns = itertools.cycle(clients)
        deadline = time.monotonic() + support.PATIENCE_S
        while (sent[0] < 10 or len(took) < 500) and time.monotonic() < deadline:
            client = next(turns)
            began = time.monotonic()
            client.send(GET)
            client.read_until(b"ok\n")
            took.append(time.monotonic() - began)
        stop.set()
        thread.join()
        longest = self.gateway.metric(r"^sluice_longest_turn_seconds")
        print(f"beside a hot connection ({sent[0]} bodies of {len(body) / MIB:.0f} MiB): median "
              f"{statistics.median(took) * 1e3:.2f} ms, p90 {percentile(took, 0.9) * 1e3:.2f} ms; "
              f"longest turn {longest * 1e3:.1f} ms")
        self.assertGreaterEqual(sent[0], 10)
        self.assertLess(percentile(took, 0.9), 0.03)


class Connected(Client):
    """A client around a socket that is connected already."""

    def __init__(self, sock):  # pylint: disable=super-init-not-called
        support.Connection.__init__(self, sock)


class DescriptorsTest(LimitsCase):
    def test_full_table_of_clients(self):
        """As many clients as are allowed, and more that wait: no spin, and room is used at once."""
        self.start(server="http = { connections_max = 64 }")
        clients = []
        for _ in range(200):
            client = self.gateway.client()
            client.send(GET)
            clients.append(client)
        for client in clients[:50]:
            client.read_until(b"ok\n")
        share = self.cpu_share(1.0)
        print(f"full: {share:.1%} of a core")
        self.assertLess(share, 0.05)
        self.assertIsNone(self.gateway.process.poll())
        for client in clients:
            client.close()
        began = time.monotonic()
        self.answer_s()
        self.assertLess(time.monotonic() - began, 1)

    def test_no_descriptors_for_upstream_connections(self):
        def script(connection, request):
            if b"wait" in request.body:
                connection.wait_for_end()
                return False
            return support.json_answer(connection, b'{"ok":true}')
        self.upstream.script = script
        self.start()
        used = len(os.listdir(f"/proc/{self.gateway.process.pid}/fd"))
        old = resource.prlimit(self.gateway.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.gateway.process.pid, resource.RLIMIT_NOFILE, (used + 8, old[1]))
        waiting = []
        for _ in range(40):
            client = self.gateway.client()
            client.post(CHAT, b'{"model":"m","wait":1}')
            waiting.append(client)
        support.wait_until(lambda: self.gateway.metric(r"^sluice_requests_total") >= 20,
                           "nobody was refused")
        refused = [c for c in waiting if select.select([c.sock], [], [], 0)[0]]
        for client in refused:
            self.assertIn(client.read_head()[0], (502, 503))
        share = self.cpu_share(1.0)
        print(f"out of descriptors: {share:.1%} of a core, {len(refused)} of 40 refused")
        self.assertLess(share, 0.05)
        for client in waiting:
            client.close()
        support.wait_until(lambda: self.upstream.open == 0, "the upstream was not told")
        began = time.monotonic()
        self.answer_s()
        self.assertLess(time.monotonic() - began, 1)
        resource.prlimit(self.gateway.process.pid, resource.RLIMIT_NOFILE, old)
        self.answer_s()


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
