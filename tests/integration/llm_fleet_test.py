"""llm-fleet as a program: what it prints, what it writes, what it refuses and in which words."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

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


class CommandLineTest(unittest.TestCase):
    def test_help_and_version(self):
        done = run_fleet("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("SYNOPSIS", "--strategy", "lmetric_baseline", "worker=N", "EXIT STATUS"):
            self.assertIn(word, done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)
        done = run_fleet("--version")
        self.assertRegex(done.stdout, r"\Allm-fleet [0-9.]+\n\Z")

    def test_what_is_wrong_is_said(self):
        base = ("replay", "--trace", MADE)
        cases = (
            ((), "the command must be replay; --help explains"),
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
            (("replay", "--trace", "/dev/null"),
             "/dev/null: neither .jsonl (Mooncake) nor .csv (Azure)"),
        )
        for options, said in cases:
            with self.subTest(options=options):
                done = run_fleet(*options)
                self.assertEqual((done.returncode, done.stderr), (2, f"llm-fleet: {said}\n"))


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main(warnings="ignore")
