"""Names: a server that never answers, says no, is slow, answers with 300 addresses, or dies.

The gateway runs with a resolv.conf of its own, in a mount namespace of its own, and the name server
listens on port 53 of a loopback address; where that is not allowed the tests are skipped.
"""

import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_support import Gateway, Upstream, config_for
from secret_watch import WatchedCase

# Of our own: another name server may listen on the usual ones.
ADDRESS = f"127.53.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
PORT = 53  # A resolv.conf cannot name another.
TYPE_A = 1
TYPE_SRV = 33
NXDOMAIN = 3
TRUNCATED = 0x0200
UDP_BYTES_MAX = 512


class NameServer:
    """Answers every question for an A or SRV record by `answer(name)`.

    That gives (seconds to wait, TTL, addresses), NXDOMAIN, or None for silence. The "address" of a
    service is (priority, weight, port, host).
    """

    def __init__(self, answer):
        self.answer = answer
        self.questions = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((ADDRESS, PORT))
        self.tcp = socket.create_server((ADDRESS, PORT))
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def _reply(self, question, bytes_max):
        """The message that answers this one, or None."""
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack_from(">H", question, at + 1)[0]
        asked = question[12:at + 5]
        self.questions.append((".".join(labels), kind))
        result = self.answer(".".join(labels))
        if result is None:
            return None
        flags, records = 0x8180, []
        if result == NXDOMAIN:
            flags |= NXDOMAIN
        else:
            wait, ttl, addresses = result
            time.sleep(wait)  # A slow server is what is tested.
            if kind == TYPE_A:
                records = [self._record(kind, ttl, socket.inet_aton(a)) for a in addresses
                           if isinstance(a, str)]
            elif kind == TYPE_SRV:
                records = [self._record(kind, ttl, self._service(*a)) for a in addresses
                           if isinstance(a, tuple)]
        if 12 + len(asked) + sum(map(len, records)) > bytes_max:
            flags, records = flags | TRUNCATED, []
        return question[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0,
                                          0) + asked + b"".join(records)

    @staticmethod
    def _record(kind, ttl, data):
        return struct.pack(">HHHIH", 0xC00C, kind, 1, ttl, len(data)) + data

    @staticmethod
    def _service(priority, weight, port, host):
        labels = b"".join(bytes([len(l)]) + l.encode() for l in host.split("."))
        return struct.pack(">HHH", priority, weight, port) + labels + b"\0"

    def _serve_udp(self):
        def one(question, source):
            if (reply := self._reply(question, UDP_BYTES_MAX)) is not None:
                self.udp.sendto(reply, source)
        while True:
            try:
                question, source = self.udp.recvfrom(4096)
            except OSError:
                return
            if not question:
                return  # Closed.
            threading.Thread(target=one, args=(question, source), daemon=True).start()

    def _serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            with connection:
                size = struct.unpack(">H", connection.recv(2, socket.MSG_WAITALL))[0]
                reply = self._reply(connection.recv(size, socket.MSG_WAITALL), 65535)
                if reply is not None:
                    connection.sendall(struct.pack(">H", len(reply)) + reply)

    def close(self):
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


def is_allowed():
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((ADDRESS, PORT))
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                              check=False).returncode == 0
    except OSError:
        return False


@unittest.skipUnless(is_allowed(), "port 53 or mount namespaces are not allowed here")
class DnsTest(WatchedCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.upstream = Upstream(lambda c, _: support.json_answer(c, b'{"ok":true}'))
        self.names = None
        self.gateway = None

    def start(self, answer):
        self.names = NameServer(answer)
        path = os.path.join(self.folder.name, "resolv.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"nameserver {ADDRESS}\n")
        config = config_for(self.upstream.port, llm="pool = { idle_connections_max = 0 }", more=f"""
[llm.literal]
base_url = "http://127.0.0.1:{self.upstream.port}/v1"
[[route]]
path_prefix = "/v1/literal"
target_llm = "literal"
""").replace("http://127.0.0.1:", "http://upstream.example:", 1)
        # The shell gives way to the gateway, so the process is the one that is signalled.
        self.gateway = Gateway(config, prefix=(
            "unshare", "--mount", "sh", "-c",
            f'mount --bind "{path}" /etc/resolv.conf && exec "$@"', "sh"))

    def tearDown(self):
        self.upstream.close()
        if self.names:
            self.names.close()
        if self.gateway:
            log = self.gateway.read_log()
            self.assertEqual(self.gateway.stop(), 0, log)
        self.folder.cleanup()

    def ask(self, path="/v1/chat/completions"):
        """(status, seconds) of a request."""
        began = time.monotonic()
        client = self.gateway.client()
        client.post(path, b"{}")
        response = client.read_response()
        client.close()
        return response.status, time.monotonic() - began

    def assert_others_go_on(self, action):
        """While `action` runs in threads, requests that need no name are as quick as ever."""
        results, took = [], []
        threads = [threading.Thread(target=lambda: results.append(action())) for _ in range(20)]
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads):
            status, seconds = self.ask("/v1/literal")
            self.assertEqual(status, 200)
            took.append(seconds)
        self.assertGreater(len(took), 20)
        self.assertLess(statistics.median(took), 0.01)
        # No turn of the loop may block; its own measure, so this process's delays do not count.
        self.assertLess(self.gateway.metric(r"^sluice_longest_turn_seconds"), 0.05)
        return results

    def test_a_server_that_never_answers(self):
        self.start(lambda name: None)
        for status, seconds in self.assert_others_go_on(self.ask):
            self.assertEqual(status, 502)
            self.assertLess(seconds, 2.2)
        self.assertGreater(len(self.names.questions), 0)
        self.assertLess(len(self.names.questions), 20)  # Shared, not one for each request.

    def test_no_such_name(self):
        self.start(lambda name: NXDOMAIN)
        status, seconds = self.ask()
        self.assertEqual(status, 502)
        self.assertLess(seconds, 1)

    def test_a_slow_server(self):
        self.start(lambda name: (0.5, 60, ["127.0.0.1"]))
        for status, seconds in self.assert_others_go_on(self.ask):
            self.assertEqual(status, 200)
            self.assertLess(seconds, 2)
        self.assertLess(self.ask()[1], 0.3)  # From the cache.

    def test_300_addresses(self):
        """Too many for UDP: by TCP, then the first that answers."""
        self.start(lambda name: (0, 60, [f"127.0.{i // 250}.{i % 250 + 1}" for i in range(300)]))
        status, seconds = self.ask()
        self.assertEqual(status, 200)
        self.assertLess(seconds, 1)

    def test_addresses_that_refuse_are_passed_over(self):
        other = "127.0.0.9"
        self.start(lambda name: (0, 60, [other, "127.0.0.1"]))
        for _ in range(5):
            self.assertEqual(self.ask()[0], 200)

    def test_old_addresses_serve_while_the_server_is_silent(self):
        alive = [True]
        self.start(lambda name: (0, 0, ["127.0.0.1"]) if alive[0] else None)
        self.assertEqual(self.ask()[0], 200)
        alive[0] = False
        asked = len(self.names.questions)
        deadline = time.monotonic() + support.PATIENCE_S
        while len(self.names.questions) == asked and time.monotonic() < deadline:
            status, seconds = self.ask()  # Until the answer with TTL 0 has become old.
            self.assertEqual(status, 200)
            self.assertLess(seconds, 1)
        self.assertGreater(len(self.names.questions), asked)
        self.assertEqual(self.ask()[0], 200)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
