"""Sockets that were passed to the gateway, as systemd does it: every shard accepts from them, they
outlive it, the next run answers what waits in their queue, and what fits nothing is named."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, Gateway, Upstream, config_for, event
from secret_watch import WatchedCase
from tls_support import Authority, client_context, tls_config

# Puts descriptors at 3 and up, names its own process as theirs, and becomes the program.
PASS = """
import fcntl, os, signal, sys
numbers = [int(n) for n in sys.argv[1].split(",")]
copies = [fcntl.fcntl(n, fcntl.F_DUPFD, 100) for n in numbers]
for number in numbers:
    os.close(number)
for i, copy in enumerate(copies):
    os.dup2(copy, 3 + i)
    os.close(copy)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.environ.setdefault("LISTEN_FDS", str(len(numbers)))
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv(sys.argv[2], sys.argv[2:])
"""
# Half of what a gateway that drains gives a new connection for its request.
EXCUSE_S = 0.1
ANSWER = b'{"ok":true}'
GET = b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n"


def start_with(sockets, config, environment=None):
    """A gateway that gets these sockets from whoever starts it."""
    numbers = [s.fileno() for s in sockets]
    prefix = (sys.executable, "-c", PASS, ",".join(map(str, numbers)))
    return Gateway(config, environment, prefix, numbers)


def listener(port=0, reuse_port=False):
    return socket.create_server(("127.0.0.1", port), backlog=128, reuse_port=reuse_port)


def port_of(sock):
    return sock.getsockname()[1]


class PassedCase(WatchedCase):
    def setUp(self):
        self.go = threading.Event()
        self.upstream = Upstream(self.script)
        self.gateway = None
        self.sockets = contextlib.ExitStack()

    def tearDown(self):
        self.go.set()
        self.stop()
        self.sockets.close()
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])

    def script(self, connection, request):
        if b"stream" not in request.body:
            return support.json_answer(connection, ANSWER)
        return support.stream_in_two(connection, self.go)

    def socket(self, *args, **more):
        return self.sockets.enter_context(listener(*args, **more))

    def config(self, port, shards=1, server="", admin="off"):
        text = config_for(self.upstream.port, server=server,
                          more=f'\n[admin]\nlisten = "{admin}"\n')
        return text.replace("port = 0", f"port = {port}").replace("shards = 1",
                                                                  f"shards = {shards}")

    def start(self, sockets, *args, environment=None, **more):
        self.gateway = start_with(sockets, self.config(*args, **more), environment)

    def stop(self):
        if self.gateway:
            log = self.gateway.read_log()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn("assertion", log)
            self.gateway = None

    def post(self, port):
        with contextlib.closing(support.Client(port)) as client:
            client.post(CHAT, b"{}")
            return client.read_response().body

    def refused(self, sockets, config, environment=None):
        """Why it does not start."""
        with self.assertRaises(RuntimeError) as caught:
            start_with(sockets, config, environment)
        return str(caught.exception)


class TrafficTest(PassedCase):
    def test_all_shards_accept_from_one_socket(self):
        passed = self.socket()
        self.start([passed], port_of(passed), shards=2, server="rebalance_connections_min = 1")
        self.assertEqual(self.gateway.port, port_of(passed))
        clients = [self.gateway.client() for _ in range(40)]
        for client in clients:
            client.post(CHAT, b"{}")
        for client in clients:
            self.assertEqual(client.read_response().body, ANSWER)
        for client in clients:
            client.close()

    def test_sockets_of_one_address_are_shared_out(self):
        """Each shard has its own, and each queue is one that somebody accepts from."""
        first = self.socket(reuse_port=True)
        second = self.socket(port_of(first), reuse_port=True)
        self.start([first, second], port_of(first), shards=2)
        for _ in range(40):
            self.assertEqual(self.post(port_of(first)), ANSWER)

    def test_a_socket_that_does_not_block_is_served(self):
        passed = self.socket()
        passed.setblocking(False)
        self.start([passed], port_of(passed), shards=2)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: self.post(port_of(passed)), range(40)))
        self.assertEqual(answers, [ANSWER] * 40)

    def test_tls_is_spoken_on_it_and_waits_in_the_queue_as_well(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(folder)
            passed = self.socket()
            config = tls_config(self.upstream.port, authority.issue("127.0.0.1"))
            waiting = socket.create_connection(passed.getsockname(), support.PATIENCE_S)
            self.gateway = start_with(
                [passed], config.replace("port = 0", f"port = {port_of(passed)}"))
            context = client_context(authority)
            client = support.Connection(
                context.wrap_socket(waiting, server_hostname="127.0.0.1"))
            client.send(GET)
            self.assertIn(b"200 OK", client.read_until(b"ok\n"))
            client.close()
            self.stop()

    def test_the_variables_of_another_process_mean_nothing(self):
        passed = self.socket()
        self.start([passed], 0, environment={"LISTEN_PID": "1"})
        self.assertNotEqual(self.gateway.port, port_of(passed))
        self.assertEqual(self.post(self.gateway.port), ANSWER)

    def test_each_shard_has_one_descriptor_that_no_child_inherits(self):
        passed = self.socket()
        self.start([passed], port_of(passed), shards=2)
        folder = pathlib.Path("/proc", str(self.gateway.process.pid))
        inode = os.fstat(passed.fileno()).st_ino
        held = [d for d in folder.glob("fd/*") if os.readlink(d) == f"socket:[{inode}]"]
        self.assertEqual(len(held), 2)  # One for each shard.
        for descriptor in held:
            flags = (folder / "fdinfo" / descriptor.name).read_text()
            flags = int(re.search(r"flags:\s+(\d+)", flags).group(1), 8)
            self.assertTrue(flags & os.O_CLOEXEC, descriptor.name)

    def test_reloads_keep_it(self):
        passed = self.socket()
        self.start([passed], port_of(passed), shards=2)
        for done in range(1, 4):
            self.gateway.signal(signal.SIGHUP)
            support.wait_until(lambda n=done: self.gateway.read_log().count("loaded anew") == n,
                               "no reload")
            self.assertEqual(self.post(port_of(passed)), ANSWER)


class RestartTest(PassedCase):
    def test_what_waits_in_the_queue_is_answered_by_the_next_run(self):
        passed = self.socket()
        self.start([passed], port_of(passed), shards=2)
        self.assertEqual(self.post(port_of(passed)), ANSWER)
        self.stop()
        waiting = [support.Client(port_of(passed)) for _ in range(20)]
        for client in waiting:
            client.post(CHAT, b"{}")
        self.start([passed], port_of(passed), shards=2)
        for client in waiting:
            self.assertEqual(client.read_response().body, ANSWER)
            client.close()

    def test_restarts_under_load_answer_everybody(self):
        """12 clients with a new connection for each request, over 6 restarts. Excused is only who
        was not able to send for so long that a drain may have given it up."""
        passed, answered, failed, over = self.socket(), [], [], threading.Event()

        def ask():
            while not over.is_set():
                began, took = time.monotonic(), 0
                try:
                    with contextlib.closing(support.Client(port_of(passed))) as client:
                        client.post(CHAT, b"{}")
                        took = time.monotonic() - began
                        answered.append(client.read_response().body)
                except (EOFError, OSError) as error:
                    if took < EXCUSE_S:
                        failed.append(repr(error))

        def serve_for(count):
            wanted = len(answered) + count
            support.wait_until(lambda: len(answered) >= wanted, "no answers")

        def start():
            self.start([passed], port_of(passed), shards=2, server="rebalance_connections_min = 1")
        start()
        clients = [threading.Thread(target=ask) for _ in range(12)]
        for client in clients:
            client.start()
        try:
            for _ in range(6):
                serve_for(200)
                self.stop()
                start()
            serve_for(200)
        finally:
            over.set()
            for client in clients:
                client.join()
        self.assertEqual(failed, [])
        self.assertEqual(set(answered), {ANSWER})

    def test_what_comes_while_it_drains_waits_for_the_next_run(self):
        passed = self.socket()
        self.start([passed], port_of(passed), shards=2)
        stream = self.gateway.client()
        stream.post(CHAT, b'{"stream":true}')
        stream.read_head()
        stream.read_event()
        idle = self.gateway.client()
        idle.send(GET)
        idle.read_until(b"ok\n")
        self.gateway.signal(signal.SIGTERM)
        idle.wait_for_end()
        support.wait_until(lambda: self.holders(passed) == 0, "it goes on listening")
        waiting = support.Client(port_of(passed))
        waiting.post(CHAT, b"{}")
        self.go.set()
        rest, cut = stream.read_to_end()
        self.assertIn(b"[DONE]", rest)
        self.assertFalse(cut)
        self.stop()
        self.start([passed], port_of(passed), shards=2)
        self.assertEqual(waiting.read_response().body, ANSWER)
        waiting.close()
        idle.close()
        stream.close()

    def holders(self, passed):
        """How many descriptors of the gateway lead to the socket."""
        inode, count = os.fstat(passed.fileno()).st_ino, 0
        for descriptor in pathlib.Path(f"/proc/{self.gateway.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(descriptor) == f"socket:[{inode}]"
        return count


class AdminTest(PassedCase):
    def test_both_listeners_are_known_by_their_address(self):
        traffic, admin = self.socket(), self.socket()
        self.start([admin, traffic], port_of(traffic), admin=f"127.0.0.1:{port_of(admin)}",
                   environment={"LISTEN_FDNAMES": "one:other"})
        self.assertEqual(self.gateway.port, port_of(traffic))
        self.assertEqual(self.gateway.admin_port(), port_of(admin))
        self.assertEqual(self.gateway.admin("GET", "/v1/status").status, 200)
        self.assertEqual(self.post(port_of(traffic)), ANSWER)

    def test_what_was_not_passed_is_opened(self):
        admin = self.socket()
        self.start([admin], 0, admin=f"127.0.0.1:{port_of(admin)}")
        self.assertEqual(self.gateway.admin("GET", "/v1/status").status, 200)
        self.assertEqual(self.post(self.gateway.port), ANSWER)

    def test_a_unix_socket_and_its_file_outlive_the_gateway(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "admin.sock")
            passed = self.sockets.enter_context(socket.socket(socket.AF_UNIX))
            passed.bind(path)
            passed.listen(8)
            for _ in range(2):
                self.start([passed], 0, admin=f"unix:{path}")
                self.assertEqual(self.gateway.admin_address(), f"unix:{path}")
                self.assertIn(b"200 OK", self.status(path))
                self.stop()
                self.assertTrue(os.path.exists(path))

    def status(self, path):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(support.PATIENCE_S)
            client.connect(path)
            client.sendall(b"GET /v1/status HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
            return client.recv(4096)


class RefusalTest(PassedCase):
    def test_a_socket_that_fits_no_listener(self):
        passed, other = self.socket(), self.socket()
        reason = self.refused([passed, other], self.config(port_of(passed)),
                              {"LISTEN_FDNAMES": "web:more"})
        self.assertIn(f"passed descriptor 4 (more) listens on 127.0.0.1:{port_of(other)}, and no "
                      f"listener does: configured are 127.0.0.1:{port_of(passed)}", reason)

    def test_one_of_an_api_that_is_off(self):
        passed, admin = self.socket(), self.socket()
        reason = self.refused([passed, admin], self.config(port_of(passed)))
        self.assertIn("passed descriptor 4 (unknown)", reason)

    def test_more_than_there_are_shards(self):
        first = self.socket(reuse_port=True)
        second = self.socket(port_of(first), reuse_port=True)
        reason = self.refused([first, second], self.config(port_of(first)))
        self.assertIn("2 sockets were passed for", reason)

    def test_what_does_not_listen(self):
        with socket.socket() as plain:
            plain.bind(("127.0.0.1", 0))
            reason = self.refused([plain], self.config(port_of(plain)))
        self.assertIn("passed descriptor 3 (unknown) is no listening stream socket", reason)

    def test_wrong_variables(self):
        passed = self.socket()
        for name, value in (("LISTEN_FDS", "many"), ("LISTEN_FDS", "5000"),
                            ("LISTEN_FDNAMES", "a:b")):
            reason = self.refused([passed], self.config(port_of(passed)), {name: value})
            self.assertIn(f'{name}: "{value}"', reason)

    def test_the_exit_code_is_that_of_other_mistakes(self):
        passed = self.socket()
        with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.write(self.config(port_of(passed) ^ 1))
            file.flush()
            ended = subprocess.run(
                [sys.executable, "-c", PASS, str(passed.fileno()), support.SLUICE, "--config",
                 file.name], pass_fds=[passed.fileno()], capture_output=True, check=False,
                env={**os.environ, "TEST_UPSTREAM_KEY": "k"}, timeout=support.PATIENCE_S + 30)
        self.assertEqual(ended.returncode, 1, ended.stderr)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
