"""Beginning and ending: nonsense is refused, stopping drains, killing mends itself, reloads lose
nothing, an upstream may die and come back."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, Gateway, STREAM_HEAD, Upstream, chunk, config_for, event
from secret_watch import WatchedCase
from llm_tools_test import Mock
import llm_tools_test

GET = b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n"
RELOADS = 20
START_S = 1.0


class LifeCase(WatchedCase):
    def setUp(self):
        self.go = threading.Event()
        self.upstream = Upstream(self.script)
        self.gateway = None

    def tearDown(self):
        self.go.set()
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway:
            log = self.gateway.read_log()
            self.assertIn(self.gateway.stop(), (0, -signal.SIGKILL), log)
            self.assertNotIn("assertion", log)

    def script(self, connection, request):
        """Answers; a stream has one event, and a second one when it is told to go on."""
        if b"stream" not in request.body:
            return support.json_answer(connection, b'{"ok":true}')
        return support.stream_in_two(connection, self.go)

    def stream(self):
        """A client in the middle of a stream."""
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        client.read_head()
        self.assertEqual(client.read_event(), event(b"1"))
        return client

    def assert_answers(self, path=CHAT):
        client = self.gateway.client()
        client.post(path, b"{}")
        self.assertEqual(client.read_response().body, b'{"ok":true}')
        client.close()


class StopTest(LifeCase):
    def test_draining(self):
        """Idle connections end within a second, streams get their time, then the exit code is 0."""
        self.gateway = Gateway(config_for(self.upstream.port))
        idle = [self.gateway.client() for _ in range(50)]
        used = [self.gateway.client() for _ in range(50)]
        for client in used:
            client.send(GET)
            client.read_until(b"ok\n")
        streams = [self.stream() for _ in range(20)]
        began = time.monotonic()
        self.gateway.signal(signal.SIGTERM)
        for client in idle + used:
            client.wait_for_end()
        self.assertLess(time.monotonic() - began, 1)
        self.assertIsNone(self.gateway.process.poll())
        self.go.set()
        for client in streams:
            rest, cut = client.read_to_end()
            self.assertIn(b"2\n\n", rest)
            self.assertTrue(rest.endswith(b"0\r\n\r\n") and not cut)
        self.assertEqual(self.gateway.wait(), 0)

    def test_the_grace_has_an_end(self):
        self.gateway = Gateway(config_for(self.upstream.port, server="drain_timeout_ms = 500"))
        streams = [self.stream() for _ in range(20)]
        began = time.monotonic()
        self.gateway.signal(signal.SIGTERM)
        for client in streams:
            rest, _ = client.read_to_end()
            self.assertNotIn(b"[DONE]", rest)
            self.assertFalse(rest.endswith(b"0\r\n\r\n"), "a stream that was cut looks whole")
        self.assertEqual(self.gateway.wait(), 0)
        self.assertGreater(time.monotonic() - began, 0.4)
        self.assertLess(time.monotonic() - began, 1.5)

    def test_a_second_signal_stops_at_once(self):
        self.gateway = Gateway(config_for(self.upstream.port))
        client = self.stream()
        self.gateway.signal(signal.SIGTERM)
        support.wait_until(lambda: "stopping" in self.gateway.read_log(), "the first was not seen")
        began = time.monotonic()
        self.gateway.signal(signal.SIGINT)
        client.wait_for_end()
        self.assertEqual(self.gateway.wait(), 0)
        self.assertLess(time.monotonic() - began, 1.5)

    def test_it_listens_again_soon_after_a_kill(self):
        self.gateway = Gateway(config_for(self.upstream.port))
        port = self.gateway.port
        streams = [self.stream() for _ in range(20)]
        self.gateway.process.kill()
        self.gateway.process.wait()
        for client in streams:
            client.wait_for_end()
        self.gateway.stop()
        began = time.monotonic()
        self.gateway = Gateway(config_for(self.upstream.port).replace("port = 0", f"port = {port}"))
        self.assert_answers()
        took = time.monotonic() - began
        print(f"serving {took * 1e3:.0f} ms after it was started again")
        self.assertLess(took, START_S)
        self.assertEqual(self.gateway.port, port)


class UpstreamDeathTest(LifeCase):
    def test_an_upstream_dies_and_returns(self):
        other = Upstream(self.script)
        more = f"""
[llm.other]
base_url = "http://127.0.0.1:{other.port}/v1"
[[route]]
path_prefix = "/v1/completions"
target_llm = "other"
"""
        death = threading.Event()

        def dying(connection, request):
            if b"stream" in request.body:
                connection.send(STREAM_HEAD + chunk(event(b"1")))
            death.wait(support.PATIENCE_S)
            connection.reset()
        self.upstream.script = dying
        self.gateway = Gateway(config_for(self.upstream.port, more=more))
        streams = [self.stream() for _ in range(10)]
        waiting = [self.gateway.client() for _ in range(10)]
        for client in waiting:
            client.post(CHAT, b"{}")
        untouched = self.gateway.client()
        untouched.post("/v1/completions", b'{"stream":true}')
        untouched.read_until(b"1\n\n")
        support.wait_until(lambda: len(self.upstream.requests) == 20, "not all have arrived")
        port = self.upstream.port
        self.upstream.close()
        began = time.monotonic()
        death.set()
        for client in streams:
            self.assertIn(b"stream_truncated", client.read_to_end()[0])
        for client in waiting:
            self.assertEqual(client.read_response().status, 502)
        self.assertLess(time.monotonic() - began, 1)
        for _ in range(5):  # While it is away: an answer at once, for others as usual.
            client = self.gateway.client()
            client.post(CHAT, b"{}")
            self.assertEqual(client.read_response().status, 502)
            client.post("/v1/completions", b"{}")
            self.assertEqual(client.read_response().body, b'{"ok":true}')
        self.assertEqual(self.upstream.errors, [])
        self.upstream = Upstream(self.script, port)
        began = time.monotonic()
        self.assert_answers()
        self.assertLess(time.monotonic() - began, 1)
        self.go.set()
        self.assertIn(b"[DONE]", untouched.read_until(b"0\r\n\r\n"))
        other.close()


class ReloadTest(LifeCase):
    def test_reloads_under_load_lose_nothing(self):
        """20 good and 5 bad configurations while 10,000 requests pass, a third of them streams."""
        mocks = [Mock(), Mock()]
        configs = [config_for(m.port, server=s, llm="pool = { idle_connections_max = 8 }")
                   for m in mocks for s in ("", "http = { head_timeout_ms = 9000 }")]
        self.gateway = Gateway(configs[0])
        url = f"http://127.0.0.1:{self.gateway.port}{CHAT}"
        loads = [subprocess.Popen(
            [os.path.join(llm_tools_test.BUILD, "llm-load"), "--quiet", "--json", "-", *options,
             url], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            for options in (("-c", "8", "--requests", "6700", "-H", "x-mock-ttft-ms: 3"),
                            ("-c", "8", "--requests", "3300", "--stream", "--tokens", "8", "-H",
                             "x-mock-itl-ms: 0.5"))]
        during = 0
        for i in range(1, RELOADS + 1):
            self.reload(configs[i % len(configs)], "loaded anew")
            during = i if any(load.poll() is None for load in loads) else during
            if i % 4 == 0:
                self.reload("[server]\nport = -1\n", "the old one stays")
        reloads = 0
        while any(load.poll() is None for load in loads) and reloads < 500:
            reloads += 1  # Until the last request.
            self.reload(configs[reloads % len(configs)], "loaded anew")
        for load, count in zip(loads, (6700, 3300)):
            figures = json.loads(load.communicate(timeout=60)[0])
            self.assertEqual((figures["completed"], figures["errors"]), (count, {}))
        print(f"{during + reloads} reloads during 10,000 requests")
        self.assertGreaterEqual(during, RELOADS // 2)
        for mock in mocks:
            self.assertEqual(mock.stop(), (0, ""))

    def reload(self, config, expected):
        count = self.gateway.read_log().count(expected)
        self.gateway.write_config(config)
        self.gateway.signal(signal.SIGHUP)
        support.wait_until(lambda: self.gateway.read_log().count(expected) > count, expected)


class NonsenseTest(WatchedCase):
    """Every field of the reference page, one value out of its range at a time."""

    BASE = {"server": "", "llm.up": 'provider = "simulated"\n',
            "route": '[[route]]\npath_prefix = "/v1"\ntarget_llm = "up"\n'}

    def fields(self):
        """(section, key, description of its values) of all tables of the reference page. The
        section of a processor's type is followed by a blank and the type."""
        shown = subprocess.run([support.SLUICE, "config-reference"], capture_output=True, text=True,
                               timeout=10, check=True).stdout
        section = None
        for line in shown.splitlines():
            if match := re.fullmatch(r'`\[+([a-zA-Z._]+)\]+(?: of type "(\w+)")?`', line):
                section = match.group(1).replace("NAME", "up")
                section += f" {match.group(2)}" if match.group(2) else ""
            elif match := re.fullmatch(r"\| `(\w+)` \| ([^|]+) \| [^|]* \| .* \|", line):
                yield section, match.group(1), match.group(2)

    @staticmethod
    def bad_values(values):
        if match := re.match(r"an integer from (\d+) to (\d+)", values):
            low, high = int(match.group(1)), int(match.group(2))
            return [str(low - 1), str(high + 1), '"x"', "1.5", "true"]
        if match := re.match(r"a number from (-?\d+) to (\d+)", values):
            low, high = int(match.group(1)), int(match.group(2))
            return [str(low - 0.1), f"{high}.1", str(high + 1), '"x"', "true", "nan"]
        if match := re.match(r"a power of two from (\d+) to (\d+)", values):
            low, high = int(match.group(1)), int(match.group(2))
            return [str(low // 2), str(high * 2), str(low + 1), '"x"']
        if values.startswith("true or false"):
            return ["1", '"yes"']
        if values.startswith(("one of", '"chat"')):
            return ['"nonsense"', "1"]
        if values.startswith("a list"):
            return ['"x"', "[1]"]
        if values.startswith("a table"):
            return ['"x"', "{ a = 1 }"]
        assert values.startswith("a string"), values
        return ["1", "[]"]

    def config(self, section, key, value):
        """A file that is good but for this; and the line where it stands."""
        parts = {name: text for name, text in self.BASE.items()}
        line = f"{key} = {value}\n"
        if section in ("server.tls.certificate", "pool.up.target"):
            text = f"[[{section}]]\n{line}"
        elif section == "route":
            text = re.sub(rf"(?m)^{key} = .*\n", "", parts.pop("route"))
            text = text.replace("[[route]]\n", f"[[route]]\n{line}", 1)
        elif section in ("server", "llm.up"):
            text = f"[{section}]\n{line}" + re.sub(rf"(?m)^{key} = .*\n", "", parts.pop(section))
        elif " " in section:
            table, kind = section.split(" ")
            text = f'[{table}]\n{line}type = "{kind}"\n'
        else:
            text = f"[{section}]\n{line}"
        rest = "".join(f"[{n}]\n{t}" if n != "route" else t for n, t in parts.items())
        return text + rest, text.split("\n").index(line.rstrip("\n")) + 1

    def test_every_field_out_of_range(self):
        count, slowest = 0, 0
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "sluice.toml")
            for section, key, values in self.fields():
                for value in self.bad_values(values):
                    text, line = self.config(section, key, value)
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
                    began = time.monotonic()
                    done = subprocess.run(
                        [support.SLUICE, "--config", path], capture_output=True, text=True,
                        timeout=10, check=False, env={"TEST_UPSTREAM_KEY": Gateway.KEY})
                    slowest = max(slowest, time.monotonic() - began)
                    count += 1
                    with self.subTest(section=section, key=key, value=value):
                        self.assertEqual(done.returncode, 1, done.stderr)
                        self.assertRegex(done.stderr, rf"(?m)^{re.escape(path)}:{line}:\d+: .*"
                                                      rf"\b{key}\b")
                        self.assertNotIn(Gateway.KEY, done.stderr)
        print(f"{count} values out of range, the slowest refusal took {slowest * 1e3:.0f} ms")
        self.assertGreater(count, 200)
        self.assertLess(slowest, START_S)


if __name__ == "__main__":
    llm_tools_test.BUILD = sys.argv.pop(1)
    support.SLUICE = os.path.join(llm_tools_test.BUILD, "sluice")
    unittest.main(warnings="ignore")
