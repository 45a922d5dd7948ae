"""llm-load against llm-mock: every byte is verified, and every fault does what it says."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, PATIENCE_S, Client

BUILD = ""
STREAM = {"model": "m", "stream": True, "max_tokens": 4,
          "messages": [{"role": "user", "content": "hello"}]}
WHOLE = {"model": "m", "max_tokens": 4, "messages": [{"role": "user", "content": "hello"}]}
EVENTS = 7  # Role, four tokens, the reason of the end, [DONE].
DONE = b"data: [DONE]\n\n"


class Mock:
    """A running llm-mock."""

    def __init__(self, *options):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "llm-mock"), "--port", "0", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        line = self.process.stdout.readline().decode()
        if "listens on" not in line:
            raise RuntimeError("llm-mock did not start")
        self.port = int(line.rsplit(":", 1)[1])

    def client(self):
        return Client(self.port)

    def post(self, body, *fields, path=CHAT):
        client = self.client()
        client.post(path, json.dumps(body).encode(), fields)
        return client

    def answer(self, body, *fields, path=CHAT):
        client = self.post(body, *fields, path=path)
        response = client.read_response()
        client.close()
        return response

    def get(self, path, method="GET", body=b""):
        client = self.client()
        client.send(f"{method} {path} HTTP/1.1\r\nHost: m\r\nContent-Length: {len(body)}\r\n\r\n"
                    .encode() + body)
        response = client.read_response()
        client.close()
        return response

    def stats(self):
        return json.loads(self.get("/mock/stats").body)

    def wait_for(self, condition, what):
        support.wait_until(lambda: condition(self.stats()), what)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.errors.seek(0)
        said = self.errors.read().decode()
        self.errors.close()
        return code, said


class Case(unittest.TestCase):
    options = ()

    def setUp(self):
        self.mock = Mock(*self.options)

    def tearDown(self):
        code, said = self.mock.stop()
        self.assertEqual((code, said), (0, ""))

    def load(self, *options, path=CHAT, code=0):
        """Runs llm-load; returns its figures."""
        done = subprocess.run(
            [os.path.join(BUILD, "llm-load"), "--quiet", "--json", "-", *options,
             f"http://127.0.0.1:{self.mock.port}{path}"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.stderr, b"")
        self.assertEqual(done.returncode, code, done.stdout)
        return json.loads(done.stdout)


class AnswersTest(Case):
    def test_every_endpoint_is_verified_streamed_and_whole(self):
        for path in (CHAT, "/v1/completions", "/v1/responses", "/v1/embeddings"):
            for options in ((), ("--stream",)):
                with self.subTest(path=path, options=options):
                    figures = self.load("-c", "4", "--requests", "40", *options, path=path)
                    self.assertEqual(figures["completed"], 40)
                    self.assertEqual(figures["errors"], {})
                    self.assertEqual(figures["total"]["count"], 40)

    def test_events_are_counted_and_stamped(self):
        figures = self.load("-c", "3", "--requests", "30", "--stream", "--stamps", "--tokens", "10",
                            "--event-bytes", "600", "--include-usage")
        events = 30 * (10 + 4)  # Role, tokens, the reason of the end, usage, [DONE].
        self.assertEqual(figures["events"], events)
        self.assertEqual(figures["transit"]["count"], events)
        self.assertEqual(figures["gap"]["count"], events - 30)
        self.assertEqual(figures["body_bytes"], events * 600)
        self.assertEqual(self.mock.stats()["events"], events)

    def test_prompts_of_any_size(self):
        for size in ("1", "65000", "70000", "3MiB"):
            with self.subTest(size=size):
                figures = self.load("-c", "2", "--requests", "6", "--stream",
                                    "--prompt-bytes", size,
                                    "--prompts", "2")
                self.assertEqual(figures["completed"], 6)

    def test_new_connections_and_several_shards(self):
        figures = self.load("-c", "6", "--requests", "60", "--new-connections", "--shards", "2")
        self.assertEqual((figures["completed"], figures["connections_opened"]), (60, 60))

    def test_open_loop_sends_what_is_due_and_counts_from_then(self):
        for arrivals in ("constant", "poisson"):
            figures = self.load("-c", "50", "--rate", "500", "--arrivals", arrivals, "--requests",
                                "100", "-H", "x-mock-ttft-ms: 20")
            self.assertEqual((figures["started"], figures["completed"]), (100, 100))
            self.assertGreaterEqual(figures["total"]["min_ns"], 20e6)

    def test_one_connection_at_a_rate_above_its_own_queues(self):
        # Ten requests due within 10 ms, each of 20 ms: the last one waits for the nine before it.
        figures = self.load("-c", "1", "--rate", "1000", "--arrivals", "constant", "--requests",
                            "10", "-H", "x-mock-ttft-ms: 20")
        self.assertEqual(figures["connections_opened"], 1)
        self.assertGreaterEqual(figures["total"]["max_ns"], 180e6)
        self.assertGreaterEqual(figures["send_lag"]["max_ns"], 160e6)

    def test_sources_are_used(self):
        self.assertEqual(self.load("-c", "4", "--requests", "4", "--source",
                                   "127.0.0.2,127.0.0.3")["completed"], 4)

    def test_pace(self):
        began = time.monotonic()
        response = self.mock.answer(STREAM, ("x-mock-ttft-ms", "60"), ("x-mock-itl-ms", "20"))
        self.assertGreaterEqual(time.monotonic() - began, 0.12)
        self.assertEqual(response.body.count(b"data: "), EVENTS)
        began = time.monotonic()
        self.mock.answer(WHOLE, ("x-mock-ttft-ms", "60"), ("x-mock-itl-ms", "20"))
        self.assertGreaterEqual(time.monotonic() - began, 0.12)

    def test_models_health_and_errors(self):
        models = json.loads(self.mock.get("/v1/models").body)
        self.assertEqual(models["data"][0]["id"], "sluice-simulated")
        self.assertEqual(self.mock.get("/v1/models/sluice-simulated").status, 200)
        self.assertEqual(self.mock.get("/v1/models/other").status, 404)
        self.assertEqual(self.mock.get("/healthz").body, b"ok\n")
        self.assertEqual(self.mock.get(CHAT).status, 405)
        self.assertEqual(self.mock.get("/nothing").status, 404)
        self.assertEqual(self.mock.get(CHAT, "POST", b"{}").status, 400)
        self.assertEqual(self.mock.answer(WHOLE, ("x-mock-itl-ms", "soon")).status, 400)
        self.assertEqual(self.mock.answer(WHOLE, ("x-mock-fault", "catch-fire")).status, 400)
        self.assertEqual(self.mock.get("/mock/bytes/5000").body, b"x" * 5000)

    def test_echo(self):
        body = b'{"a":\xff\x00}'
        client = self.mock.client()
        client.post("/v1/any?x=1", body, (("X-Mock-Echo", "1"), ("Authorization", "Bearer k")))
        seen = json.loads(client.read_response().body)
        client.close()
        self.assertEqual((seen["method"], seen["target"]), ("POST", "/v1/any?x=1"))
        self.assertIn(("authorization", "Bearer k"),
                      [(name.lower(), value) for name, value in seen["headers"]])
        self.assertEqual(base64.b64decode(seen["body_base64"]), body)

    def test_hold_keeps_connections_open(self):
        load = subprocess.Popen(
            [os.path.join(BUILD, "llm-load"), "--quiet", "-c", "20", "--hold", "60",
             f"http://127.0.0.1:{self.mock.port}{CHAT}"], stderr=subprocess.PIPE)
        self.assertEqual(load.stderr.readline(), b"holding 20 connections\n")
        self.mock.wait_for(lambda s: s["open_connections"] == 21, "20 connections and this one")
        load.send_signal(signal.SIGINT)
        self.assertEqual(load.wait(PATIENCE_S), 0)
        load.stderr.close()


class LeavingTest(Case):
    def aborts(self):
        return self.mock.stats()["aborts"]

    def test_a_client_that_leaves_is_noticed_in_every_phase(self):
        for fields in ((("x-mock-ttft-ms", "60000"),), (("x-mock-fault", "silent"),),
                       (("x-mock-fault", "stall-after-events=2"),), (("x-mock-itl-ms", "60000"),)):
            with self.subTest(fields=fields):
                self.mock.get("/mock/reset", "POST")
                client = self.mock.post(STREAM, *fields)
                self.mock.wait_for(lambda s: s["in_flight"] == 1, "the request did not arrive")
                left_at = time.monotonic_ns()
                client.close()
                self.mock.wait_for(lambda s: s["aborted"] == 1, "the end was not noticed")
                noticed_ns = self.aborts()[0]["at_monotonic_ns"] - left_at
                self.assertGreaterEqual(noticed_ns, 0)
                self.assertLess(noticed_ns, 1e9)

    def test_llm_load_leaves_when_told(self):
        figures = self.load("-c", "4", "--requests", "20", "--stream", "--abort-after-events", "2",
                            "-H", "x-mock-itl-ms: 5")
        self.assertEqual((figures["aborted"], figures["completed"]), (20, 0))
        self.mock.wait_for(lambda s: s["aborted"] == 20, "20 aborted answers")
        self.assertTrue(all(a["head_sent"] for a in self.aborts()))
        figures = self.load("-c", "4", "--requests", "20", "--abort-after-ms", "5", "-H",
                            "x-mock-ttft-ms: 60000")
        self.assertEqual(figures["aborted"], 20)
        self.mock.wait_for(lambda s: s["aborted"] == 40, "40 aborted answers")

    def test_a_share_leaves_at_once(self):
        figures = self.load("-c", "4", "--requests", "200", "--stream", "--abort-after-events", "0",
                            "--abort-fraction", "0.5", "-H", "x-mock-ttft-ms: 2")
        self.assertEqual(figures["aborted"] + figures["completed"], 200)
        self.assertGreater(figures["aborted"], 50)
        self.assertGreater(figures["completed"], 50)


class FaultTest(Case):
    def broken(self, fault, body=STREAM):
        """The answer with this fault, and whether the connection was reset."""
        client = self.mock.post(body, ("x-mock-fault", fault))
        raw, was_reset = client.read_to_end()
        client.close()
        return raw, was_reset

    def test_statuses(self):
        response = self.mock.answer(WHOLE, ("x-mock-fault", "status=429,retry-after=2"))
        self.assertEqual((response.status, response.field("retry-after")), (429, "2"))
        self.assertEqual(json.loads(response.body)["error"]["code"], "rate_limit_exceeded")
        for status in (200, 400, 500, 503, 599):
            self.assertEqual(self.mock.answer(WHOLE, ("x-mock-fault", f"status={status}")).status,
                             status)

    def test_delay(self):
        began = time.monotonic()
        self.assertEqual(self.mock.answer(WHOLE, ("x-mock-fault", "delay-ms=80")).status, 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.08)

    def test_nothing_instead_of_a_head(self):
        self.assertEqual(self.broken("reset"), (b"", True))
        self.assertEqual(self.broken("close"), (b"", False))
        raw, was_reset = self.broken("garbage")
        self.assertFalse(raw.startswith(b"HTTP/") or was_reset)
        self.assertGreater(len(raw), 10)

    def test_silence(self):
        client = self.mock.post(STREAM, ("x-mock-fault", "silent"))
        self.mock.wait_for(lambda s: s["in_flight"] == 1, "the request did not arrive")
        client.sock.settimeout(0.1)
        with self.assertRaises(socket.timeout):
            client.sock.recv(1)
        client.close()

    def test_interim_responses_and_a_big_head(self):
        client = self.mock.post(WHOLE, ("x-mock-fault", "interim=3,big-head=20000"))
        for _ in range(3):
            self.assertEqual(client.read_head()[0], 103)
        status, fields = client.read_head()
        self.assertEqual(status, 200)
        self.assertEqual(sum(len(v) for n, v in fields if n == "x-fill"), 20000)
        client.close()

    def test_split_and_slow_heads_carry_the_usual_bytes(self):
        for body in (WHOLE, STREAM):
            usual = self.mock.answer(body)
            for fault in ("split", "slow-head-ms=0.1", "split,slow-head-ms=0.1"):
                with self.subTest(fault=fault):
                    response = self.mock.answer(body, ("x-mock-fault", fault))
                    self.assertEqual((response.status, response.complete, response.body),
                                     (200, True, usual.body))

    def test_framings(self):
        for body in (WHOLE, STREAM):
            usual = self.mock.answer(body)
            for framing, field in (("length", "content-length"), ("chunked", "transfer-encoding"),
                                   ("close", "connection")):
                with self.subTest(framing=framing):
                    response = self.mock.answer(body, ("x-mock-fault", f"framing={framing}"))
                    self.assertIsNotNone(response.field(field))
                    self.assertEqual((response.complete, response.body), (True, usual.body))

    def test_wrong_lengths(self):
        usual = self.mock.answer(WHOLE)
        length = int(usual.field("content-length"))
        short = self.mock.answer(WHOLE, ("x-mock-fault", "length-off=-5"))
        self.assertEqual(int(short.field("content-length")), length - 5)
        client = self.mock.post(WHOLE, ("x-mock-fault", "length-off=+5,silent-close"))
        response = client.read_response()
        self.assertEqual(int(response.field("content-length")), length + 5)
        self.assertFalse(response.complete)
        client.close()

    def test_cuts_after_events(self):
        for kind, ends_by_reset in (("close", False), ("reset", True)):
            for count in (0, 1, 3, EVENTS):
                with self.subTest(kind=kind, count=count):
                    raw, was_reset = self.broken(f"{kind}-after-events={count}")
                    self.assertEqual(raw.count(b"data: "), count)
                    self.assertEqual(was_reset, ends_by_reset)
                    self.assertFalse(raw.endswith(b"0\r\n\r\n"))

    def test_cuts_after_bytes(self):
        usual = self.mock.answer(STREAM)
        for count in (0, 1, 100, 500, len(usual.body) - 1):
            with self.subTest(count=count):
                client = self.mock.post(STREAM, ("x-mock-fault", f"close-after-bytes={count}"))
                response = client.read_response()
                client.close()
                self.assertFalse(response.complete)
        whole = self.mock.answer(WHOLE, ("x-mock-fault", "reset-after-bytes=10"))
        self.assertFalse(whole.complete)

    def test_cuts_of_bodies_by_length_and_close(self):
        raw, was_reset = self.broken("framing=close,close-after-events=2")
        self.assertEqual((raw.count(b"data: "), was_reset), (2, False))
        raw, was_reset = self.broken("framing=length,reset-after-events=2")
        self.assertEqual((raw.count(b"data: "), was_reset), (2, True))

    def test_a_stall(self):
        client = self.mock.post(STREAM, ("x-mock-fault", "stall-after-events=2"))
        client.read_until(b"\r\n\r\n")
        seen = client.buffer
        while seen.count(b"\n\n") < 2:
            seen += client.sock.recv(65536)
        client.sock.settimeout(0.1)
        with self.assertRaises(socket.timeout):
            client.sock.recv(1)
        self.assertEqual(seen.count(b"data: "), 2)
        client.close()

    def test_bad_bytes_inside(self):
        raw, _ = self.broken("bad-chunk-after-events=2")
        self.assertTrue(raw.endswith(b"zz;\r\n"))
        response = self.mock.answer(STREAM, ("x-mock-fault", "bad-json-after-events=2"))
        self.assertTrue(response.complete)
        self.assertEqual(response.body.count(b"data: "), EVENTS + 1)
        broken = response.body.split(b"\n\n")[2].removeprefix(b"data: ")
        self.assertRaises(ValueError, json.loads, broken)
        raw, _ = self.broken("error-after-events=2")
        self.assertIn(b'data: {"error":', raw)
        self.assertFalse(raw.endswith(b"0\r\n\r\n"))

    def test_missing_ends(self):
        raw, was_reset = self.broken("no-terminator")
        self.assertIn(DONE, raw)
        self.assertFalse(raw.endswith(b"0\r\n\r\n") or was_reset)
        response = self.mock.answer(STREAM, ("x-mock-fault", "no-done"))
        self.assertTrue(response.complete)
        self.assertNotIn(b"[DONE]", response.body)

    def test_a_silent_close(self):
        client = self.mock.post(WHOLE, ("x-mock-fault", "silent-close"))
        response = client.read_response()
        self.assertTrue(response.complete)
        self.assertIsNone(response.field("connection"))
        self.assertEqual(client.read_to_end(), (b"", False))
        client.close()

    def test_llm_load_sees_each_fault(self):
        for fault, kind in (("no-done", "answer_too_short"), ("no-terminator", "closed_early"),
                            ("bad-json-after-events=1", "answer_differs"),
                            ("close-after-events=1", "closed_early"),
                            ("reset-after-events=1", "reset"), ("reset", "reset"),
                            ("close", "closed_early"), ("garbage", "malformed"),
                            ("bad-chunk-after-events=1", "malformed"),
                            ("status=503", "status_503")):
            with self.subTest(fault=fault):
                figures = self.load("-c", "2", "--requests", "6", "--stream", "-H",
                                    f"x-mock-fault: {fault}", code=1)
                self.assertEqual(figures["errors"], {kind: 6})
        figures = self.load("-c", "2", "--requests", "6", "--stream", "--allow-errors", "-H",
                            "x-mock-fault: no-done")
        self.assertEqual(figures["error_count"], 6)
        figures = self.load("--requests", "1", "--timeout", "0.1", "-H", "x-mock-fault: silent",
                            code=1)
        self.assertEqual(figures["errors"], {"timeout": 1})

    def test_a_script_goes_on_request_by_request(self):
        fields = (("x-mock-key", "k"), ("x-mock-fault", "status=500|status=503|ok"))
        statuses = [self.mock.answer(WHOLE, *fields).status for _ in range(4)]
        self.assertEqual(statuses, [500, 503, 200, 200])
        other = (("x-mock-key", "other"), fields[1])
        self.assertEqual(self.mock.answer(WHOLE, *other).status, 500)

    def test_a_fault_for_everybody(self):
        self.assertEqual(self.mock.get("/mock/fault", "POST", b"status=500").status, 200)
        self.assertEqual(self.mock.answer(WHOLE).status, 500)
        self.assertEqual(self.mock.answer(WHOLE, ("x-mock-fault", "ok")).status, 200)
        self.assertEqual(self.mock.get("/mock/fault", "POST", b"").status, 200)
        self.assertEqual(self.mock.answer(WHOLE).status, 200)
        self.assertEqual(self.mock.get("/mock/fault", "POST", b"nonsense").status, 400)


class RecordTest(Case):
    options = ("--record", "2", "--requests-per-connection", "2", "--idle-timeout", "0.1",
               "--fault", "status=500", "--fault-fraction", "0")

    def test_requests_are_recorded(self):
        for path in ("/v1/a", "/v1/b", "/v1/c"):
            self.mock.answer({"n": 1}, path=path)
        seen = json.loads(self.mock.get("/mock/requests").body)
        self.assertEqual([r["target"] for r in seen], ["/v1/b", "/v1/c"])
        self.assertEqual(seen[0]["body"], '{"n": 1}')
        self.assertLessEqual(seen[0]["began_monotonic_ns"], seen[0]["ended_monotonic_ns"])

    def test_connections_end(self):
        client = self.mock.post(WHOLE)
        self.assertIsNone(client.read_response().field("connection"))
        client.post(CHAT, json.dumps(WHOLE).encode())
        self.assertEqual(client.read_response().field("connection"), "close")
        self.assertEqual(client.read_to_end(), (b"", False))
        client.close()
        client = self.mock.post(WHOLE)
        client.read_response()
        self.assertEqual(client.read_to_end(), (b"", False))  # By --idle-timeout.
        client.close()


class CommandLineTest(unittest.TestCase):
    def run_tool(self, tool, *options):
        return subprocess.run([os.path.join(BUILD, tool), *options], capture_output=True,
                              timeout=30, check=False, text=True)

    def test_help_and_mistakes(self):
        for tool in ("llm-mock", "llm-load"):
            shown = self.run_tool(tool, "--help")
            self.assertEqual((shown.returncode, shown.stderr), (0, ""))
            self.assertIn("SYNOPSIS", shown.stdout)
            self.assertTrue(all(len(line) <= 100 for line in shown.stdout.splitlines()))
            wrong = self.run_tool(tool, "--no-such-option")
            self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
            self.assertIn("--no-such-option", wrong.stderr)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        shown = self.run_tool("llm-load", "--json", "-", "--quiet", "--requests", "2",
                              f"http://127.0.0.1:{port}{CHAT}")
        self.assertEqual(shown.returncode, 1)
        self.assertEqual(json.loads(shown.stdout)["errors"], {"connect_refused": 2})


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main(warnings="ignore")
