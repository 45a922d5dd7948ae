"""`sluice top`: one frame for whoever reads it later, and a live picture on a terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, Gateway, STREAM_HEAD, Upstream, chunk, config_for, event
from secret_watch import WatchedCase

POOL = """
[[pool.chat.target]]
llm = "up"
[[route]]
path_prefix = "/pool"
target_llm = "chat"
[admin]
listen = "127.0.0.1:0"
"""


def answer(connection, request):
    if b"stream" in request.body:
        connection.send(STREAM_HEAD + chunk(event(b"1")) + chunk(DONE) + b"0\r\n\r\n")
        return True
    return support.json_answer(connection, b'{"usage":{"prompt_tokens":3,"completion_tokens":5}}')


class Screen:
    """A command on a terminal of its own. What it drew last is known by its frames."""

    CLEARED = re.compile(rb"\x1b\[H(?:\x1b\[J)?")

    def __init__(self, arguments, lines=24, columns=100, environment=None):
        self.master, self.slave = pty.openpty()
        self.resize(lines, columns)
        self.modes = termios.tcgetattr(self.slave)
        environ = {k: v for k, v in os.environ.items()
                   if not k.startswith("SLUICE_") and k != "NO_COLOR"}
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            arguments, stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env=environ | (environment or {}), start_new_session=True)
        self.output = b""

    def resize(self, lines, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, time_s=0.05):
        if select.select([self.master], [], [], time_s)[0]:
            self.output += os.read(self.master, 65536)

    def frame(self):
        """The last one that is whole."""
        whole = [f for f in self.CLEARED.split(self.output)[1:] if f.endswith(b"\x1b[J")]
        return whole[-1].decode().replace("\x1b[K", "").replace("\x1b[J", "") if whole else ""

    def wait_for(self, is_there, what):
        until = time.monotonic() + support.PATIENCE_S
        while not is_there(self.frame()):
            if time.monotonic() > until:
                raise AssertionError(f"{what}: {self.output[-3000:]}")
            self.read()

    def press(self, key):
        os.write(self.master, key)

    def wait(self):
        """Its exit code; what it writes meanwhile is taken, or it would stand still."""
        until = time.monotonic() + support.PATIENCE_S
        while self.process.poll() is None and time.monotonic() < until:
            self.read()
        return self.process.wait(0.1)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class TopTest(WatchedCase):
    def setUp(self):
        self.upstream = Upstream(answer)
        self.gateway = Gateway(config_for(self.upstream.port, more=POOL))
        address = self.gateway.admin_address().rsplit("/", 1)[1]
        self.command = [support.SLUICE, "top", "--admin", address]
        self.screen = None

    def tearDown(self):
        if self.screen:
            self.screen.close()
        self.upstream.close()
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)

    def chat(self, path=CHAT, body=b'{"model":"m","messages":[]}', count=1):
        for _ in range(count):
            client = self.gateway.client()
            client.post(path, body)
            self.assertEqual(client.read_response().status, 200)
            client.close()

    def top(self, *arguments):
        return subprocess.run([*self.command, *arguments], check=False, capture_output=True,
                              timeout=20, text=True, stdin=subprocess.DEVNULL)

    def wait_for_requests(self, count):
        support.wait_until(lambda: self.gateway.metric(r"^sluice_requests_total\{") >= count,
                           "not counted")

    def test_one_frame(self):
        self.chat(count=3)
        self.chat("/pool/v1/chat/completions", b'{"model":"m","stream":true,"messages":[]}')
        self.wait_for_requests(4)
        for arguments in (["--once"], []):  # No terminal is like --once.
            done = self.top(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertNotIn("\x1b", done.stdout)
            self.assertRegex(done.stdout, r"(?m)^sluice \S+  up 00:\d\d:\d\d  since the start$")
            self.assertRegex(done.stdout, r"(?m)^shard 0: \d+/\d+  \(exch")
            self.assertRegex(done.stdout, r"(?m)^/v1 +[0-9.]+ +[0-9.]+ +0\.0$")
            self.assertRegex(done.stdout, r"(?m)^m +[0-9.]+ +[0-9.]+$")
            self.assertRegex(done.stdout, r"(?m)^chat/up +ok +closed +0 +[0-9.]+ +0\.0 ")
        figures = json.loads(self.top("--once", "--json").stdout)
        self.assertEqual([r["route"] for r in figures["routes"]], ["/pool", "/v1"])
        self.assertEqual(figures["error_rate"], 0)
        requests = figures["requests_per_second"] * figures["period_seconds"]
        self.assertAlmostEqual(requests, 4, places=6)
        self.assertGreater(figures["time_to_first_token_p50_ms"], 0)
        self.assertEqual((figures["targets"][0]["pool"], figures["targets"][0]["target"]),
                         ("chat", "up"))

    def test_nobody_answers(self):
        command = [*self.command[:-1], "127.0.0.1:1"]
        done = subprocess.run(command, check=False, capture_output=True, timeout=20, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("127.0.0.1:1", done.stderr)
        self.assertEqual(self.top("--sort", "speed").returncode, 2)

    def test_keys(self):
        self.screen = Screen([*self.command, "--interval", "3600"])
        self.screen.wait_for(lambda f: "sorted by name" in f, "no frame")
        self.assertIn("\x1b[1msluice ", self.screen.frame())
        self.assertNotEqual(termios.tcgetattr(self.screen.slave), self.screen.modes)
        for key, shown in ((b"s", "sorted by requests"), (b"s", "sorted by errors"),
                           (b"t", "sorted by ttft"), (b"h", "the tables again"),
                           (b"n", "sorted by name")):
            self.screen.press(key)
            self.screen.wait_for(lambda f, s=shown: s in f, shown)
        self.screen.resize(10, 40)
        os.kill(self.screen.process.pid, signal.SIGWINCH)
        self.screen.wait_for(lambda f: 0 < len(f.splitlines()) < 10, "it does not fit")
        self.screen.press(b"q")
        self.assertEqual(self.screen.wait(), 0)
        self.assertEqual(termios.tcgetattr(self.screen.slave), self.screen.modes)

    def test_it_is_drawn_again_and_survives_the_gateway(self):
        self.screen = Screen([*self.command, "--interval", "0.1"], environment={"NO_COLOR": "1"})
        self.screen.wait_for(lambda f: "since the start" in f, "no frame")
        self.screen.wait_for(lambda f: "  last 0." in f, "no second frame")
        self.assertEqual(re.sub(r"\x1b\[[HJK]", "", self.screen.output.decode()).count("\x1b"), 0)
        self.chat()
        self.screen.wait_for(lambda f: re.search(r"(?m)^/v1 ", f), "no route")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(), 0)
        self.screen.wait_for(lambda f: "no answer: " in f, "it does not say so")
        self.assertRegex(self.screen.frame(), r"(?m)^/v1 ")  # What was known stays.

    def test_signals_put_the_modes_back(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.screen = Screen(self.command)
            self.screen.wait_for(lambda f: "sorted by name" in f, "no frame")
            self.screen.process.send_signal(number)
            self.assertEqual(self.screen.wait(), -number)
            self.assertEqual(termios.tcgetattr(self.screen.slave), self.screen.modes)
            self.screen.close()
            self.screen = None


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
