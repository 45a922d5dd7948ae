"""Pace and bodies: events leave at once, long streams live, large requests flow, memory returns."""

import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import unittest

import gateway_support as support
from gateway_support import (CHAT, DONE, Gateway, STREAM_HEAD, Upstream, chunk, config_for, event)
from secret_watch import WatchedCase
from llm_tools_test import Mock
import llm_tools_test

KIB = 1024
MIB = 1024 * 1024


class PaceCase(WatchedCase):
    def setUp(self):
        self.upstream = Upstream()
        self.gateway = None

    def start(self, **settings):
        self.gateway = Gateway(config_for(self.upstream.port, **settings))
        return self.gateway.client()

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway:
            log = self.gateway.read_log()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn("assertion", log)


class EventTest(PaceCase):
    def test_paced_events_leave_one_by_one(self):
        """One event each 20 ms: each must come alone, and as soon as it was sent."""
        sent = []

        def script(connection, _):
            connection.send(STREAM_HEAD)
            for i in range(50):
                sent.append(time.monotonic())
                connection.send(chunk(event(b'{"i":%d}' % i)))
                time.sleep(0.02)  # The pace is what is tested.
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start()
        client.post(CHAT, b'{"stream":true}')
        client.read_until(b"\r\n\r\n")
        seen, together, late = client.buffer.count(b"data: "), 0, []
        while seen < 50:
            data = client.sock.recv(65536)
            now, count = time.monotonic(), data.count(b"data: ")
            together += max(count - 1, 0)
            late += [now - at for at in sent[seen:seen + count]]
            seen += count
        print(f"a paced event arrives after {statistics.median(late) * 1e3:.2f} ms (median), "
              f"{max(late) * 1e3:.2f} ms (maximum)")
        # On a busy machine two may meet in the kernel; half a pace is far from any buffering.
        self.assertLessEqual(together, 5)
        self.assertLess(statistics.median(late), 0.01)

    def test_many_paced_streams(self):
        """200 streams of an event each 20 ms: what the gateway adds to the way of each event."""
        mock = Mock()
        self.gateway = Gateway(config_for(mock.port))
        figures = {}
        for name, port in (("direct", mock.port), ("gateway", self.gateway.port)):
            done = subprocess.run(
                [os.path.join(llm_tools_test.BUILD, "llm-load"), "--quiet", "--json", "-", "-c",
                 "200", "--requests", "200", "--stream", "--ramp", "0.2", "--tokens", "50",
                 "--stamps", "-H", "x-mock-itl-ms: 20", f"http://127.0.0.1:{port}{CHAT}"],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
            figures[name] = json.loads(done.stdout)
            self.assertEqual(figures[name]["errors"], {}, done.stderr)
        added = [(figures["gateway"]["transit"][p] - figures["direct"]["transit"][p]) / 1e6
                 for p in ("p50_ns", "p99_ns")]
        print(f"added to the way of an event: {added[0]:.2f} ms (p50), {added[1]:.2f} ms (p99)")
        # Promised are 0.3 and 2 ms; a machine that tests run on is busy.
        self.assertLess(added[0], 5)
        self.assertLess(added[1], 50)
        mock.stop()

    def test_a_stream_lives_as_long_as_it_is_not_silent(self):
        """A long stream of comments between rare events; every other time limit is far shorter."""
        comments = 60

        def script(connection, _):
            connection.send(STREAM_HEAD + chunk(event(b"1")))
            for _ in range(comments):
                time.sleep(0.05)  # The pace is what is tested.
                connection.send(chunk(b": keepalive\n\n"))
            connection.send(chunk(event(b"2")) + chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start(
            server="http = { head_timeout_ms = 300, keep_alive_timeout_ms = 300, "
                   "body_timeout_ms = 300, send_timeout_ms = 300 }",
            llm="timeouts = { connect_ms = 300, first_byte_ms = 300, silence_ms = 400 }\n"
                "pool = { idle_timeout_ms = 300, wait_timeout_ms = 300 }")
        began = time.monotonic()
        client.post(CHAT, b'{"stream":true}')
        response = client.read_response()
        self.assertGreater(time.monotonic() - began, 2.9)
        self.assertTrue(response.complete)
        self.assertEqual(response.body, event(b"1") + b": keepalive\n\n" * comments +
                         event(b"2") + DONE)


class BodyTest(PaceCase):
    def watch_memory(self, action):
        """The most that the gateway's memory grew during the action, in bytes."""
        before, most, done = self.gateway.rss_kib(), [0], threading.Event()

        def look():
            while not done.wait(0.002):
                most[0] = max(most[0], self.gateway.rss_kib())
        thread = threading.Thread(target=look)
        thread.start()
        try:
            action()
        finally:
            done.set()
            thread.join()
        return (most[0] - before) * KIB

    def test_50_mb_flow_through(self):
        """Below the limit there is no 413, and memory is a matter of windows, not of the body."""
        self.upstream.script = lambda c, r: support.json_answer(c, b"%d" % len(r.body))
        client = self.start()
        small = b'{"messages":"' + b"x" * (3 * MIB) + b'"}'
        large = b'{"messages":"' + b"x" * 50_000_000 + b'"}'
        for body in (small, small):
            client.post(CHAT, body)
            client.read_response()

        def post():
            client.post(CHAT, large)
            response = client.read_response()
            self.assertEqual((response.status, int(response.body)), (200, len(large)))
        growth = self.watch_memory(post)
        print(f"a body of 50 MB: {growth / MIB:.2f} MiB")
        self.assertLess(growth, 4 * MIB)

    def test_a_slow_upstream_holds_a_large_body_back(self):
        go = threading.Event()
        self.upstream.script = lambda c, r: support.json_answer(c, b"%d" % len(r.body))
        self.start()

        def wrap(sock):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            go.wait(support.PATIENCE_S)  # Reads nothing until then.
            return sock
        self.upstream.wrap = wrap
        client = self.gateway.client()
        client.sock.settimeout(1)
        body = b'{"messages":"' + b"x" * 50_000_000 + b'"}'
        head = f"POST {CHAT} HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        sent = [0]

        def push():
            data = head + body
            with contextlib.suppress(TimeoutError):
                while sent[0] < len(data):
                    sent[0] += client.sock.send(data[sent[0]:sent[0] + 65536])
        growth = self.watch_memory(push)
        print(f"an upstream that reads nothing: {growth / MIB:.2f} MiB kept of 50 MB, "
              f"{sent[0] / MIB:.1f} MiB taken from the client")
        self.assertLess(growth, 4 * MIB)
        self.assertLess(sent[0], 32 * MIB)
        go.set()
        client.sock.settimeout(support.PATIENCE_S)
        client.send((head + body)[sent[0]:])
        self.assertEqual(int(client.read_response().body), len(body))

    def test_long_and_deep_json(self):
        self.upstream.script = lambda c, r: support.json_answer(c, b"%d" % len(r.body))
        client = self.start()
        message = b'{"role":"user","content":"hello"}'
        long = b'{"model":"m","messages":[' + b",".join([message] * 500_000) + b"]}"
        began = time.monotonic()
        client.post(CHAT, long)
        self.assertEqual(int(client.read_response().body), len(long))
        print(f"500,000 messages ({len(long) / MIB:.0f} MiB): "
              f"{(time.monotonic() - began) * 1e3:.0f} ms")
        for depth in (2_000, 1_000_000):
            for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
                deep = b'{"a":' + opening * depth + b"1" + closing * depth + b"}"
                client = self.gateway.client()
                with contextlib.suppress(ConnectionError):
                    client.post(CHAT, deep)
                self.assertEqual(client.read_response().status, 400, (depth, opening))
        self.assertEqual(len(self.upstream.requests), 1)


class ReturnTest(PaceCase):
    def test_memory_returns_after_bursts(self):
        """64 bodies of 120 KiB at once and 1,000 streams: soon afterwards it is as before.

        Although probes go on, and the upstream would keep its connections for ever.
        """
        def script(connection, request):
            if b'"stream":true' not in request.body:
                return support.json_answer(connection, b'{"ok":true}')
            connection.send(STREAM_HEAD + chunk(event(b"x" * 2000)))
            go.wait(support.PATIENCE_S)
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        go = threading.Event()
        self.upstream.script = script
        self.start(llm="pool = { surplus_period_ms = 500 }").close()

        def idle_connections():
            return self.gateway.metric(r'^sluice_upstream_connections.*"idle"')

        def resident_kib():
            with open(f"/proc/{self.gateway.process.pid}/status", encoding="ascii") as file:
                return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
        idle, peak = None, 0
        for _ in range(2):  # The first burst touches code and tables that stay.
            clients = [self.gateway.client() for _ in range(64)]
            body = b'{"messages":"' + b"x" * (120 * KIB) + b'"}'
            for client in clients:
                client.post(CHAT, body)
            for client in clients:
                client.read_response()
            streams = [self.gateway.client() for _ in range(500)]
            for client in streams:
                client.post(CHAT, b'{"stream":true}')
            for client in streams:
                client.read_head()
                client.read_event()
            peak = max(peak, resident_kib())
            go.set()
            for client in streams:
                self.assertIn(b"[DONE]", client.read_until(b"0\r\n\r\n"))
            for client in streams + clients:
                client.close()
            go.clear()
            if idle is None:
                idle = self.settle(resident_kib, lambda kib: False)
        began, most_idle = time.monotonic(), idle_connections()
        connections = self.settle(idle_connections, lambda count: count == 1)
        end = self.settle(resident_kib, lambda kib: kib <= idle * 1.2, wait_s=30)
        print(f"resident: {idle} KiB idle, {peak} KiB at most, {end} KiB "
              f"{time.monotonic() - began:.1f} s after the burst; {most_idle:.0f} connections to "
              f"the upstream were idle at first")
        self.assertLessEqual(end, idle * 1.2)
        self.assertGreater(most_idle, 100)
        self.assertEqual(connections, 1)

    @staticmethod
    def settle(read, is_enough, wait_s=7):
        """Waits until memory is enough or the time is over: spare memory goes after 5 quiet
        seconds."""
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline and not is_enough(read()):
            time.sleep(0.25)  # Memory goes back when it is quiet; nothing tells when.
        return read()


if __name__ == "__main__":
    llm_tools_test.BUILD = sys.argv.pop(1)
    support.SLUICE = os.path.join(llm_tools_test.BUILD, "sluice")
    unittest.main(warnings="ignore")
