"""llm-fleet as a program: what it prints, what it writes, what it refuses and in which words; and
the fleet that it serves, alone and behind the gateway."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import fleet_support
import gateway_support as support
from fleet_support import LONG, Fleet, cached_of, question
from gateway_support import CHAT, Client, Gateway
from secret_watch import WatchedCase

BUILD = ""
MADE = "made:sessions,requests=400,rate=8,sessions=40,input=512"


def run_fleet(*options):
    return subprocess.run(
        [os.path.join(BUILD, "llm-fleet"), *options], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False)


class ReplayTest(unittest.TestCase):
    def replay(self, *options):
        done = run_fleet("replay", "--trace", MADE, "--quiet", "--json", *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        figures = json.loads(done.stdout)
        for run in figures["runs"]:
            self.assertGreater(run.pop("wall_s"), 0)
        return figures

    def test_the_same_command_gives_the_same_figures(self):
        options = ("--strategy", "prefix_affinity,random", "--shards", "4", "--seed", "7",
                   "--fault", "worker=1,kind=fail,from=10s,until=20s")
        first = self.replay(*options)
        self.assertEqual(first, self.replay(*options))
        self.assertEqual([run["strategy"] for run in first["runs"]], ["prefix_affinity", "random"])
        self.assertNotEqual(first["runs"][1], self.replay(*options, "--seed", "8")["runs"][1])

    def test_every_strategy_answers_everything(self):
        for engine in ("simple", "batching"):
            figures = self.replay("--strategy", "all", "--engine", engine)
            self.assertEqual(len(figures["runs"]), 11)
            for run in figures["runs"]:
                with self.subTest(engine=engine, strategy=run["strategy"]):
                    self.assertEqual((run["answered"], run["errors"], run["ledger_rest"]),
                                     (400, 0, 0))
                    self.assertAlmostEqual(sum(run["request_share"]), 1)

    def test_the_table_and_the_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = os.path.join(folder, "out.svg")
            done = run_fleet("replay", "--trace", MADE, "--strategy",
                             "latency_weighted,round_robin", "--plot", picture)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            lines = done.stdout.splitlines()
            self.assertTrue(lines[0].startswith("made:sessions: 400 requests in "), lines[0])
            self.assertEqual([line.split()[0] for line in lines[-2:]],
                             ["latency_weighted", "round_robin"])
            root = xml.etree.ElementTree.parse(picture).getroot()
            self.assertTrue(root.tag.endswith("svg"))

    def test_a_trace_of_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "t.jsonl")
            rows = [{"timestamp": 500 * i, "input_length": 1000, "output_length": 5,
                     "hash_ids": [0, 1 + i % 2]} for i in range(20)]
            with open(path, "w", encoding="ascii") as file:
                file.write("\n".join(map(json.dumps, rows)))
            done = run_fleet("replay", "--trace", path, "--json", "--strategy", "prefix_affinity")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(json.loads(done.stdout)["runs"][0]["answered"], 20)
            with open(path, "a", encoding="ascii") as file:
                file.write('\n{"timestamp": 1}\n')
            done = run_fleet("replay", "--trace", path)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (
                2, "", f'llm-fleet: {path}:21: "input_length" must be a number of tokens, 1 or more'
                       "\n"))


class ServeTest(unittest.TestCase):
    """The workers, asked directly."""

    def start(self, *options, workers=2):
        self.fleet = Fleet(*options, workers=workers)
        self.addCleanup(self.end)

    def end(self):
        self.assertEqual(self.fleet.stop(), (0, ""))

    def test_a_prompt_is_cached_by_its_blocks_and_each_worker_has_a_cache_of_its_own(self):
        self.start("--shards", "2")
        self.assertEqual(cached_of(self.fleet.answer(0, CHAT, question(LONG))), 0)
        # 600 tokens are nine whole blocks of 64.
        self.assertEqual(cached_of(self.fleet.answer(0, CHAT, question(LONG))), 576)
        self.assertEqual(cached_of(self.fleet.answer(0, CHAT, question(LONG[:1300] + "!"))), 320)
        self.assertEqual(cached_of(self.fleet.answer(0, CHAT, question("!" + LONG))), 0)
        self.assertEqual(cached_of(self.fleet.answer(1, CHAT, question(LONG))), 0)
        # Another model reads it anew.
        self.assertEqual(cached_of(self.fleet.answer(0, CHAT, question(LONG, model="n"))), 0)
        self.assertEqual(self.fleet.metric(0, "prefix_cache_hits_total"), 896)
        self.assertEqual(self.fleet.metric(0, "prefix_cache_queries_total"), 2727)
        self.assertEqual(self.fleet.metric(1, "prefix_cache_hits_total"), 0)

    def test_streams_and_completions(self):
        self.start(workers=1)
        body = {"model": "m", "prompt": LONG, "max_tokens": 3}
        whole = json.loads(self.fleet.answer(0, "/v1/completions", body).body)
        streamed = self.fleet.answer(0, "/v1/completions", {
            **body, "stream": True, "stream_options": {"include_usage": True}})
        events = streamed.body.split(b"\n\n")
        self.assertEqual(events[-2:], [b"data: [DONE]", b""])
        chunks = [json.loads(e.removeprefix(b"data: ")) for e in events[:-2]]
        self.assertEqual("".join(c["choices"][0]["text"] for c in chunks[:-1]),
                         whole["choices"][0]["text"])
        self.assertEqual(chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"], 576)

    def test_models_health_and_what_is_unknown(self):
        self.start("--models", "x,y", workers=1)
        models = json.loads(self.fleet.get(0, "/v1/models").body)
        self.assertEqual([m["id"] for m in models["data"]], ["x", "y"])
        self.assertEqual(self.fleet.get(0, "/health").status, 200)
        self.assertEqual(self.fleet.stats(0)["questions"], 2)
        whole = json.loads(self.fleet.get(0, "/mock/fleet").body)
        self.assertEqual((whole["workers"], whole["questions"], whole["requests"]), (1, 2, 0))
        self.assertEqual(self.fleet.get(0, "/v1/embeddings").status, 404)
        self.assertEqual(self.fleet.answer(0, CHAT, b"{").status, 400)
        self.assertEqual(self.fleet.answer(0, CHAT, {"model": "m"}).status, 400)

    def test_what_an_engine_is_busy_with_is_in_its_metrics(self):
        self.start("--running-max", "1", "--cache-tokens", "1024", workers=1)
        self.assertEqual(self.fleet.answer(0, CHAT, question(LONG * 2)).status, 400)
        self.fleet.set_fault(0, "kind=slow,factor=100000")
        clients = [self.fleet.post(0, CHAT, question(LONG + name)) for name in "ab"]
        support.wait_until(lambda: (self.fleet.metric(0, "num_requests_running"),
                                    self.fleet.metric(0, "num_requests_waiting")) == (1, 1),
                           "one is not running and one waiting")
        self.assertGreater(self.fleet.metric(0, "kv_cache_usage_perc"), 0.1)
        for client in clients:
            client.close()
        self.fleet.wait_for(0, lambda s: (s["running"], s["waiting"], s["kv_tokens"],
                                          s["in_flight"], s["aborted"]) == (0, 0, 0, 0, 2),
                            "something is left of those who left")


class ServedFaultTest(unittest.TestCase):
    """Each fault once, at run time or from the beginning."""

    def setUp(self):
        self.fleet = Fleet("--fault", "worker=1,kind=fail")
        self.addCleanup(lambda: self.assertEqual(self.fleet.stop(), (0, "")))

    def ask(self, worker=0, **more):
        return self.fleet.answer(worker, CHAT, question("hi", **more))

    def test_from_the_beginning_and_taken_away(self):
        self.assertEqual(self.ask(1).status, 500)
        self.assertEqual(self.ask(0).status, 200)
        self.assertEqual(self.fleet.stats(1)["faults_in_force"], "fail")
        self.fleet.set_fault(1, "")
        self.assertEqual(self.ask(1).status, 200)

    def test_faults_begin_and_end_by_themselves(self):
        self.fleet.set_fault(0, "kind=hang,until=20s")
        self.assertEqual(self.ask().status, 200)  # A fifth of a second later.
        self.fleet.set_fault(0, "kind=fail,from=30s")
        support.wait_until(lambda: self.ask().status == 500, "it does not begin")
        self.fleet.set_fault(0, "kind=fail,until=20s")
        support.wait_until(lambda: self.fleet.stats(0)["faults_in_force"] == "", "it does not end")
        self.assertEqual(self.ask().status, 200)

    def test_flapping(self):
        self.fleet.set_fault(0, "kind=flap,period=5s")
        for status in (500, 200, 500):
            support.wait_until(lambda: self.ask().status == status, f"never {status}")

    def test_hanging(self):
        self.fleet.set_fault(0, "kind=hang")
        client = self.fleet.post(0, CHAT, question("hi"))
        self.fleet.wait_for(0, lambda s: s["in_flight"] == 1, "it has not come")
        self.assertEqual(self.fleet.get(0, "/health").status, 200)
        self.fleet.set_fault(0, "")
        self.assertEqual(client.read_response().status, 200)
        client.close()

    def test_a_restart_with_an_empty_cache(self):
        self.fleet.answer(0, CHAT, question(LONG))
        self.fleet.set_fault(0, "kind=hang")
        client = self.fleet.post(0, CHAT, question(LONG))
        self.fleet.wait_for(0, lambda s: s["in_flight"] == 1, "it has not come")
        self.fleet.set_fault(0, "kind=restart,until=20s")
        client.wait_for_end()
        client.close()
        self.fleet.wait_for_restart(0)
        self.assertEqual(cached_of(self.fleet.answer(0, CHAT, question(LONG))), 0)
        self.assertEqual(cached_of(self.fleet.answer(0, CHAT, question(LONG))), 576)

    def test_wrong_answers(self):
        self.fleet.set_fault(0, "kind=answer,status=429,retry-after=7")
        throttled = self.ask()
        self.assertEqual((throttled.status, throttled.field("retry-after")), (429, "7"))
        self.fleet.set_fault(0, "kind=answer,reset-after-events=2")
        cut = self.ask(stream=True)
        self.assertEqual((cut.complete, cut.body.count(b"data: ")), (False, 2))
        self.fleet.set_fault(0, "kind=answer,bad-json-after-events=1")
        self.assertIn(b'"choices":[{"de\n\n', self.ask(stream=True).body)
        self.fleet.set_fault(0, "kind=answer,no-done")
        self.assertNotIn(b"[DONE]", self.ask(stream=True).body)

    def test_silence_before_the_head_and_inside_the_stream(self):
        self.fleet.set_fault(0, "kind=answer,stall-after-events=2")
        inside = self.fleet.post(0, CHAT, question("hi", stream=True))
        inside.read_head()
        inside.read_event()
        self.fleet.set_fault(0, "kind=answer,silent")
        before = self.fleet.post(0, CHAT, question("hi", stream=True))
        self.fleet.wait_for(0, lambda s: s["in_flight"] == 2, "they have not come")
        for client in (inside, before):
            client.close()
        self.fleet.wait_for(0, lambda s: (s["in_flight"], s["aborted"], s["running"]) == (0, 2, 0),
                            "something is left of those who left")

    def test_what_is_no_fault_changes_nothing(self):
        answer = self.fleet.answer(0, "/mock/fault", b"kind=fail|kind=sulk")
        self.assertEqual(answer.status, 400)
        self.assertIn(b"kind must be one of", answer.body)
        self.assertEqual(self.ask().status, 200)


class BehindTheGatewayTest(WatchedCase):
    """prefix_affinity over a served fleet: conversations stay where their prompts are."""

    WORKERS = 3
    SESSIONS = 6
    TURNS = 4

    def start(self, more="", strategy="prefix_affinity"):
        self.fleet = Fleet("--tokens", "8", workers=self.WORKERS)
        self.addCleanup(lambda: self.assertEqual(self.fleet.stop(), (0, "")))
        text = ('[server]\nhost = "127.0.0.1"\nport = 0\nshards = 2\n'
                '[admin]\nlisten = "127.0.0.1:0"\n')
        for i, port in enumerate(self.fleet.ports):
            text += (f'[llm.w{i}]\nprovider = "vllm"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
                     "max_retries = 0\ntimeouts = { first_byte_ms = 1000, silence_ms = 1000 }\n")
        names = ", ".join(f'"w{i}"' for i in range(self.WORKERS))
        text += (f'[pool.p]\ntargets = [{names}]\nstrategy = "{strategy}"\n{more}\n'
                 '[[route]]\npath_prefix = "/v1"\ntarget_llm = "p"\n')
        self.gateway = Gateway(text)
        self.addCleanup(lambda: self.assertEqual(self.gateway.stop(), 0))

    def ask(self, body):
        client = self.gateway.client()
        client.post(CHAT, json.dumps(body).encode())
        response = client.read_response()
        client.close()
        return response

    def converse(self):
        """Turns of conversations that grow; what was found in caches, and could have been."""
        found, possible = 0, 0
        history = {s: f"session {s} " + LONG for s in range(self.SESSIONS)}
        for turn in range(self.TURNS):
            for session in history:
                response = self.ask(question(history[session]))
                self.assertEqual(response.status, 200, response.body)
                found += cached_of(response)
                possible += len(history[session]) // 256 * 64 if turn > 0 else 0
                history[session] += f"turn {turn} of {session} " * 30
        return found, possible

    def test_turns_find_their_prompts(self):
        self.start('engine_metrics = { enabled = true, interval_ms = 100 }')
        found, possible = self.converse()
        # Of a turn all but what it has added can be found.
        self.assertGreater(found, 0.6 * possible)
        cached = r'^sluice_tokens_total.*"cached"'
        support.wait_until(lambda: self.gateway.metric(cached) == found, "it is not counted")
        workers = range(self.WORKERS)
        self.assertEqual(
            sum(self.fleet.metric(w, "prefix_cache_hits_total") for w in workers), found)
        asked = [self.fleet.stats(w)["requests"] for w in workers]
        self.assertEqual(sum(asked), self.SESSIONS * self.TURNS)
        selected = r'^sluice_target_selected_total.*"w{}"'
        support.wait_until(
            lambda: [self.gateway.metric(selected.format(w)) for w in workers] == asked,
            "the gateway counts otherwise")

    def test_the_gateway_reads_what_engines_say_of_themselves(self):
        self.start('engine_metrics = { enabled = true, interval_ms = 100 }')
        # Not through the gateway: only the worker knows of them.
        self.fleet.set_fault(1, "kind=slow,factor=100000")
        clients = [self.fleet.post(1, CHAT, question(f"{i}" + LONG)) for i in range(5)]

        def others():
            told = json.loads(
                self.gateway.admin("GET", "/v1/targets").body)["pools"][0]["targets"]
            return {t["name"]: (t["engine"] or {}).get("others") for t in told}
        support.wait_until(lambda: others() == {"w0": 0, "w1": 5, "w2": 0}, "it does not read it")
        for client in clients:
            client.close()

    def test_no_fault_of_a_worker_reaches_a_client(self):
        self.start("breaker = { failures_max = 63, window_requests_min = 1000 }\n"
                   "outliers = { enabled = false }\n", strategy="round_robin")
        # Whoever asks for a rest is asked for nothing else afterwards.
        faults = ("kind=fail", "kind=answer,reset", "kind=answer,garbage",
                  "kind=answer,close-after-events=0", "kind=answer,silent",
                  "kind=answer,status=503,retry-after=1", "kind=restart,until=20s")
        for i, fault in enumerate(faults):
            worker = i % self.WORKERS
            with self.subTest(fault=fault):
                before = self.fleet.stats(worker)["faults"]
                idle = Client(self.fleet.ports[worker])
                self.fleet.set_fault(worker, fault)
                if "restart" in fault:
                    idle.wait_for_end()  # It is down before anybody asks.
                idle.close()
                for j in range(self.WORKERS * 2):
                    response = self.ask(question(f"{fault} {j}", stream=True))
                    self.assertEqual(response.status, 200, response.body)
                    self.assertIn(b"[DONE]", response.body)
                if "restart" not in fault:
                    self.fleet.set_fault(worker, "")
                    self.assertLess(before, self.fleet.stats(worker)["faults"])


class CommandLineTest(unittest.TestCase):
    def test_help_and_version(self):
        done = run_fleet("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("SYNOPSIS", "--strategy", "lmetric_baseline", "worker=N", "EXIT STATUS"):
            self.assertIn(word, done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)
        done = run_fleet("serve", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("--port-base", "--speed", "--cache-tokens", "/mock/fault", "retry-after=TEXT",
                     "num_requests_waiting", "EXIT STATUS"):
            self.assertIn(word, done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)
        done = run_fleet("--version")
        self.assertRegex(done.stdout, r"\Allm-fleet [0-9.]+\n\Z")

    def test_what_is_wrong_is_said(self):
        base = ("replay", "--trace", MADE)
        cases = (
            ((), "the command must be replay or serve; --help explains"),
            (("replay",), "--trace is needed; --help explains"),
            ((*base, "--workers", "0"), "--workers must be 1 to 4096"),
            ((*base, "--shards", "0"), "--shards must be 1 to 1024"),
            ((*base, "--fault", "worker=9,kind=fail"),
             "--fault: there is no worker 9; the first is 0, and --workers is 8"),
            ((*base, "--fault", "worker=1"), "--fault: worker and kind are needed"),
            ((*base, "--cache-tokens", "0"), "--cache-tokens: a number of tokens, or inf"),
            ((*base, "--plot", "/nonexistent/x.svg"), "cannot write /nonexistent/x.svg"),
            (("replay", "--trace", "made:tepid"),
             "made: the kind must be one of cold, shared, hot, sessions"),
            (("replay", "--trace", "/nonexistent.csv"),
             "/nonexistent.csv: No such file or directory"),
            (("serve", "--workers", "0"), "--workers must be 1 to 4096"),
            (("serve", "--shards", "9"), "--shards must be 1 to the number of workers"),
            (("serve", "--port-base", "65530"), "there are no ports for so many workers"),
            (("serve", "--speed", "0"), "--speed must be above 0"),
            (("serve", "--fault", "worker=8,kind=fail"),
             "--fault: there is no worker 8; the first is 0, and --workers is 8"),
            (("serve", "--fault", "worker=1,kind=join"),
             "--fault: who joins and leaves is a matter of the gateway"),
            (("serve", "--host", "nowhere"), "cannot listen: --host must be an address"),
            (("replay", "--trace", "/dev/null"),
             "/dev/null: neither .jsonl (Mooncake) nor .csv (Azure)"),
        )
        for options, said in cases:
            with self.subTest(options=options):
                done = run_fleet(*options)
                self.assertEqual((done.returncode, done.stderr), (2, f"llm-fleet: {said}\n"))


if __name__ == "__main__":
    BUILD = fleet_support.BUILD = sys.argv.pop(1)
    support.SLUICE = os.path.join(BUILD, "sluice")
    unittest.main(warnings="ignore")
