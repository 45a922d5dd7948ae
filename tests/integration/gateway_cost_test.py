"""What exchanges cost: ledger, metrics, access log and clients agree to the last pico-dollar, and
the ledger has each exchange once, whatever happens to the gateway."""

import collections
import concurrent.futures
import decimal
import glob
import hashlib
import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import gateway_support as support
from gateway_support import (CHAT, DONE, Gateway, STREAM_HEAD, Upstream, chunk, config_for, event)
from secret_watch import WatchedCase

DOLLARS = decimal.Decimal
PICO = 10 ** 12
INPUT, CACHED, OUTPUT = 2_500_000, 250_000, 10_000_000  # Pico-dollars for a token.
PASSWORD = "ledger-password-0815"
BATCH_ROWS, SHARDS = 50, 2
PRICES = """
[prices]
builtin = false
[prices.models."m"]
input_cost_per_token = 2.5e-6
cache_read_input_token_cost = 2.5e-7
output_cost_per_token = 1e-5
"""


def usage_of(number):
    """Another one for each request, so that sums that agree are no coincidence."""
    return {"prompt_tokens": 20 + number, "completion_tokens": 1 + number % 7,
            "total_tokens": 21 + number + number % 7,
            "prompt_tokens_details": {"cached_tokens": number % 11}}


def price_of(usage):
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return ((usage["prompt_tokens"] - cached) * INPUT + cached * CACHED +
            usage["completion_tokens"] * OUTPUT)


def answer(usage):
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "created": 1,
                       "choices": [{"index": 0, "finish_reason": "stop",
                                    "message": {"role": "assistant", "content": "a"}}],
                       "usage": usage}).encode()


def script(connection, request):
    """What the upstream does stands in `user`."""
    body = json.loads(request.body)
    how, number = body["user"].split()
    told = usage_of(int(number))
    if how == "reports":
        told["cost"] = 0.000123456789
    usage = json.dumps({"id": "c", "choices": [], "usage": told}).encode()
    if how == "error":
        return support.json_answer(connection, b'{"error":{}}', status="429 Slow Down")
    if how == "silent":
        connection.wait_for_end()
        return False
    if how in ("left", "cut"):
        connection.send(STREAM_HEAD + b"".join(chunk(event(b'{"i":%d}' % i)) for i in range(4)))
        if how == "left":
            connection.wait_for_end()
        return False
    if body.get("stream"):
        connection.send(STREAM_HEAD + chunk(event(b'{"i":1}')) + chunk(event(usage)) +
                        chunk(DONE) + b"0\r\n\r\n")
        return True
    return support.json_answer(connection, answer(told))


class CostCase(WatchedCase):
    ledger = 'path = "{folder}/usage.db"'
    prices = PRICES

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.upstream = Upstream(script)
        self.config = config_for(
            self.upstream.port,
            server=f'shards = {SHARDS}\n'
                   'access_log = { target = "stdout", format = "json" }',
            more=self.prices + f"[ledger]\nbatch_rows_max = {BATCH_ROWS}\n" +
            self.ledger.format(folder=self.folder.name) + """
[processor.meter]
type = "cost_meter"
response_header = "x-sluice-cost-usd"
unknown_model = "refuse"
[[route]]
path_prefix = "/metered"
target_llm = "up"
processors = ["meter"]
""").replace("shards = 1\n", "")
        self.gateway = Gateway(self.config)

    def tearDown(self):
        self.upstream.close()
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.folder.cleanup()
        self.assertEqual(self.upstream.errors, [])

    def rows(self):
        """Of the ledger, as dictionaries."""
        with sqlite3.connect(os.path.join(self.folder.name, "usage.db")) as database:
            database.row_factory = sqlite3.Row
            return database.execute("SELECT * FROM sluice_usage").fetchall()

    def report_source(self):
        return os.path.join(self.folder.name, "usage.db")

    def report(self, by):
        done = subprocess.run([support.SLUICE, "usage", "--ledger", self.report_source(), "--by",
                               by, "--format", "json"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False,
                              env={**os.environ, "PGPASSWORD": PASSWORD})
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout, parse_float=DOLLARS)

    def lines(self, count):
        def whole():
            return self.gateway.read_access().count("\n") >= count
        support.wait_until(whole, f"not {count} lines")
        return [json.loads(line, parse_float=DOLLARS)
                for line in self.gateway.read_access().splitlines()]

    def written(self, count):
        support.wait_until(lambda: len(self.rows()) >= count,
                           f"not {count} rows: {len(self.rows())}")
        return self.rows()


REQUEST = {"messages": [{"role": "user", "content": "q"}]}


def ask(gateway, how, number, model="m", path=CHAT):
    """One exchange; returns what the client was told that it used, or None."""
    client = gateway.client()
    request = {**REQUEST, "model": model, "user": f"{how} {number}"}
    if how in ("stream", "left", "cut"):
        request["stream"] = True
        # So that the client sees what it is billed for.
        request["stream_options"] = {"include_usage": True}
    try:
        client.post(path, json.dumps(request).encode())
        if how == "left":
            client.read_head()
            for _ in range(4):
                client.read_event()
            client.reset()
            return None
        response = client.read_response()
        if response.status != 200 or not response.complete:
            return None
        texts = [response.body] if how == "whole" else [
            line[6:] for line in response.body.split(b"\n") if line.startswith(b"data: {")]
        return next(json.loads(t)["usage"] for t in texts if b'"usage"' in t)
    finally:
        client.close()


class LedgerTest(CostCase):
    # What a client does, of what model and where, and what status the gateway writes down.
    KINDS = (("whole", "m", CHAT), ("stream", "m", CHAT), ("whole", "m", CHAT),
             ("stream", "free of price", CHAT), ("left", "m", CHAT), ("error", "m", CHAT),
             ("cut", "m", CHAT), ("whole", "m", "/nowhere"), ("whole", "free of price",
                                                                "/metered" + CHAT))
    COUNT = 450

    def exchanges(self):
        """All of them, eight at a time; returns what clients were told of model m."""
        jobs = [(i, self.KINDS[i % len(self.KINDS)]) for i in range(self.COUNT)]
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            told = clients.map(
                lambda job: ask(self.gateway, job[1][0], job[0], job[1][1], job[1][2]), jobs)
            return [(kind[1], usage) for (_, kind), usage in zip(jobs, told) if usage]

    def sums(self, rows, lines):
        """By the ledger and by the access log, for comparison."""
        def of_rows(column):
            return sum(row[column] for row in rows)

        def of_lines(member):
            return sum(line.get(member, 0) for line in lines)
        return (
            (of_rows("input_tokens"), of_rows("output_tokens"), of_rows("cached_tokens"),
             of_rows("cost_pico"), of_rows("request_bytes"), of_rows("response_bytes"),
             of_rows("is_estimated"), of_rows("is_stream")),
            (of_lines("prompt_tokens"), of_lines("completion_tokens"), of_lines("cached_tokens"),
             of_lines("cost_usd") * PICO, of_lines("request_bytes"), of_lines("response_bytes"),
             sum("usage" in line for line in lines), sum("stream" in line for line in lines)))

    def test_ledger_log_metrics_report_and_clients_agree(self):
        told = self.exchanges()
        lines = self.lines(self.COUNT)
        rows = self.written(self.COUNT)
        self.assertEqual((len(lines), len(rows)), (self.COUNT, self.COUNT))
        self.assertEqual(len({bytes(row["id"]) for row in rows}), self.COUNT)
        self.assertEqual({line["shard"] for line in lines}, set(range(SHARDS)))
        by_rows, by_lines = self.sums(rows, lines)
        self.assertEqual(by_rows, by_lines)
        self.assertEqual(collections.Counter(row["status"] for row in rows),
                         collections.Counter(line["status"] for line in lines))
        # What clients were told is what is not an estimate.
        exact = [row for row in rows if not row["is_estimated"] and row["input_tokens"] > 0]
        self.assertEqual(len(exact), len(told))
        self.assertEqual(sum(row["input_tokens"] for row in exact),
                         sum(usage["prompt_tokens"] for _, usage in told))
        self.assertEqual(sum(row["cost_pico"] for row in exact),
                         sum(price_of(usage) for model, usage in told if model == "m"))
        # What is less than a millionth of a dollar waits in its shard for more.
        metric = self.gateway.metric("^sluice_cost_micro_usd_total")
        micro = by_rows[3] / 10 ** 6
        self.assertLessEqual(metric, micro)
        self.assertGreater(metric, micro - SHARDS)
        unpriced = sum(not row["is_priced"] for row in rows)
        self.assertEqual(unpriced, self.COUNT // len(self.KINDS))
        self.assertEqual(self.gateway.metric("^sluice_unpriced_exchanges_total"), unpriced)
        self.check_report(rows)
        self.check_endings(rows)

    def check_endings(self, rows):
        each = self.COUNT // len(self.KINDS)
        endings = collections.Counter(row["ending"] for row in rows)
        # A status of 429, a stream that was cut, no route, no price: errors.
        self.assertEqual(endings, {"ok": 4 * each, "aborted": each, "error": 4 * each})
        left = [row for row in rows if row["ending"] == "aborted"]
        self.assertTrue(all(row["is_estimated"] and row["is_priced"] and row["cost_pico"] > 0
                            for row in left))
        refused = [row for row in rows if row["status"] in (400, 404)]
        self.assertEqual(len(refused), 2 * each)
        self.assertTrue(all(row["is_priced"] and row["cost_pico"] == 0 for row in refused))
        self.assertEqual({row["provider"] for row in rows if row["status"] == 404}, {""})
        self.assertEqual({row["operation"] for row in rows if row["status"] == 200}, {"chat"})

    def check_report(self, rows):
        expected = collections.defaultdict(lambda: [0, 0, 0, 0, 0])
        for row in rows:
            sums = expected[(row["key_id"], row["model"])]
            for i, more in enumerate((1, row["input_tokens"], row["output_tokens"],
                                      row["cost_pico"], 1 - row["is_priced"])):
                sums[i] += more
        found = {(line["key"], line["model"]):
                 [line["requests"], line["input_tokens"], line["output_tokens"],
                  DOLLARS(line["cost_usd"]) * PICO, line["unpriced"]]
                 for line in self.report("key,model")["rows"]}
        self.assertEqual(found, dict(expected))

    def test_an_aborted_stream_is_accounted_for_the_same_each_time(self):
        for _ in range(100):
            ask(self.gateway, "left", 5)
        rows = self.written(100)
        self.assertEqual({(row["status"], row["ending"], row["is_estimated"], row["output_tokens"],
                           row["input_tokens"], row["cost_pico"]) for row in rows},
                         {(499, "aborted", 1, 3, rows[0]["input_tokens"],
                           rows[0]["input_tokens"] * INPUT + 3 * OUTPUT)})
        self.assertEqual(len(rows), 100)

    def test_who_leaves_before_an_answer_is_in_it_as_well(self):
        for i in range(20):
            client = self.gateway.client()
            client.post(CHAT, json.dumps({**REQUEST, "model": "m", "user": f"silent {i}"}).encode())
            support.wait_until(lambda seen=i: len(self.upstream.requests) > seen, "no request")
            client.reset()
            client.close()
        rows = self.written(20)
        self.assertEqual(len(rows), 20)
        # The upstream has had the request, and nobody knows what it has done with it.
        self.assertEqual({(row["status"], row["ending"], row["is_priced"], row["cost_pico"])
                          for row in rows}, {(499, "aborted", 0, 0)})


class HeaderTest(CostCase):
    def post(self, request):
        client = self.gateway.client()
        client.post("/metered" + CHAT, json.dumps(request).encode())
        response = client.read_response()
        client.close()
        return response

    def test_a_whole_answer_says_what_it_costs(self):
        response = self.post({**REQUEST, "model": "m", "user": "whole 3"})
        self.assertEqual(response.status, 200)
        self.assertEqual(DOLLARS(response.field("x-sluice-cost-usd")) * PICO, price_of(usage_of(3)))
        self.assertEqual(self.written(1)[0]["cost_pico"], price_of(usage_of(3)))

    def test_a_stream_does_not(self):
        response = self.post({**REQUEST, "model": "m", "user": "stream 3", "stream": True})
        self.assertEqual(response.status, 200)
        self.assertIsNone(response.field("x-sluice-cost-usd"))
        self.assertEqual(self.written(1)[0]["cost_pico"], price_of(usage_of(3)))

    def test_a_model_without_a_price_is_refused_before_the_upstream_is_asked(self):
        response = self.post({**REQUEST, "model": "x", "user": "whole 3"})
        self.assertEqual(response.status, 400)
        self.assertEqual(json.loads(response.body)["error"]["code"], "model_without_price")
        self.assertEqual(self.upstream.requests, [])


class ReportedTest(CostCase):
    prices = PRICES.replace("builtin = false", "builtin = false\ntrust_reported = true")

    def test_what_the_upstream_reports_counts_where_it_is_trusted(self):
        for path, stream in ((CHAT, False), (CHAT, True), ("/metered" + CHAT, False)):
            client = self.gateway.client()
            client.post(path, json.dumps({**REQUEST, "model": "m", "user": "reports 1",
                                          "stream": stream}).encode())
            self.assertEqual(client.read_response().status, 200)
            client.close()
        rows = self.written(3)
        self.assertEqual([row["cost_pico"] for row in rows], [123_456_789] * 3)
        self.assertEqual({row["is_priced"] for row in rows}, {1})


class KillTest(CostCase):
    LIVES = 2
    # Rows come together for 200 ms, and are then written; this machine may be busy meanwhile.
    NEWEST_S = 1.0
    LIFE_S = 2.0

    def setUp(self):
        super().setUp()
        self.asked = 0
        self.answered = {}  # When, by the tokens of the prompt.

    def test_a_kill_loses_the_newest_at_most_and_doubles_nothing(self):
        ids = set()
        for life in range(self.LIVES):
            killed_at = self.one_life(life)
            rows = self.rows()
            self.assertLessEqual(ids, {bytes(row["id"]) for row in rows})
            ids = {bytes(row["id"]) for row in rows}
            self.assertEqual(len(ids), len(rows))
            tokens = [row["input_tokens"] for row in rows]
            self.assertEqual(len(set(tokens)), len(tokens), "an exchange is in it twice")
            # What was cut off has no answer, but may have a row.
            self.assertLessEqual(len(rows), self.asked)
            lost = set(self.answered) - set(tokens)
            old = [number for number in lost if self.answered[number] < killed_at - self.NEWEST_S]
            self.assertEqual(old, [])
            print(f"life {life}: {len(rows)} rows, {len(lost)} of {len(self.answered)} lost")
            for number in lost:  # They stay lost, and were looked at.
                del self.answered[number]

    def work(self, numbers, stopped):
        for number in numbers:
            if stopped:
                return
            self.asked += 1
            try:
                usage = ask(self.gateway, "whole", number)
                self.answered[usage["prompt_tokens"]] = time.monotonic()
            except (OSError, EOFError, ValueError, TypeError):
                return  # Nobody answers any more.

    def one_life(self, life):
        """Asks until the ledger has had some batches, then kills, and starts again."""
        before, born, stopped = len(self.rows()), time.monotonic(), []

        def is_old():
            return (time.monotonic() > born + self.LIFE_S and
                    len(self.rows()) > before + 2 * BATCH_ROWS)
        with concurrent.futures.ThreadPoolExecutor(4) as clients:
            done = [clients.submit(self.work, range(first, first + 10_000), stopped)
                    for first in range(life * 100_000, life * 100_000 + 40_000, 10_000)]
            try:
                support.wait_until(is_old, "no rows")
            finally:
                killed_at = time.monotonic()
                self.gateway.signal(signal.SIGKILL)
                stopped.append(True)
            for worker in done:
                worker.result()
        self.gateway.wait()
        self.gateway.stop()
        self.gateway = Gateway(self.config)
        return killed_at

    def test_what_was_answered_is_there_after_an_orderly_end(self):
        for i in range(20):
            ask(self.gateway, "whole", i)
        self.assertEqual(self.gateway.stop(), 0)
        rows = self.rows()
        self.assertEqual(sorted(row["input_tokens"] for row in rows), [20 + i for i in range(20)])
        self.gateway = Gateway(self.config)


class BudgetTest(CostCase):
    """An answer costs a third of a thousandth of a dollar; ten of them use a budget up."""

    SECRETS = {"ada": "sk-ada-0123456789-0123456789", "bob": "sk-bob-0123456789-0123456789"}

    def setUp(self):
        super().setUp()
        self.plain = self.config.replace('processors = ["meter"]',
                                         'processors = ["auth", "budget"]')
        self.restart("ada")

    def restart(self, *names):
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway = Gateway(self.with_keys(*names))

    def with_keys(self, *names):
        keys = ""
        for name in names:
            digest = hashlib.sha256(self.SECRETS[name].encode()).hexdigest()
            keys += (f'[key.{name}]\nsha256 = "{digest}"\n'
                     'budget = { usd = "0.003", period = "total" }\n')
        return (self.plain + '[processor.auth]\ntype = "authenticate"\n'
                '[processor.budget]\ntype = "budget"\nanswer_tokens_default = 1\n' + keys)

    def ask_as(self, name):
        client = self.gateway.client()
        body = b'{"model":"m","messages":[],"user":"whole 100"}'
        client.post("/metered/v1/chat/completions", body,
                    [("Authorization", f"Bearer {self.SECRETS[name]}")])
        response = client.read_response()
        client.close()
        return response.status

    def spend_all(self, name):
        for _ in range(30):
            if self.ask_as(name) == 429:
                return
        self.fail("the budget has no end")

    def test_a_restart_gives_no_money_back(self):
        self.spend_all("ada")
        self.restart("ada")
        self.assertEqual(self.ask_as("ada"), 429)

    def test_nor_does_a_reload_that_brings_a_key_back(self):
        self.restart("ada", "bob")
        self.spend_all("bob")
        self.restart("ada")
        self.assertEqual(self.ask_as("bob"), 401)
        self.gateway.write_config(self.with_keys("ada", "bob"))
        self.gateway.signal(signal.SIGHUP)
        # What it has spent is read in the background.
        support.wait_until(lambda: self.ask_as("bob") == 429, "it has its money back")
        self.assertEqual(self.ask_as("ada"), 200)


def postgres_programs():
    """The newest of the versions that Debian installs beside each other."""
    return max(glob.glob("/usr/lib/postgresql/*/bin"), default=None)


@unittest.skipUnless(postgres_programs(), "the package postgresql is not installed")
class PostgresTest(LedgerTest):
    COUNT = 90
    ledger = ('url = "postgresql://sluice@/postgres?host={folder}/pg"\n'
              'password_env = "TEST_LEDGER_PASSWORD"')

    @classmethod
    def setUpClass(cls):
        # PostgreSQL refuses to run as root.
        cls.servant = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        cls.home = tempfile.mkdtemp()
        password = os.path.join(cls.home, "password")
        with open(password, "w", encoding="ascii") as file:
            file.write(PASSWORD + "\n")
        if cls.servant:
            os.chown(cls.home, cls.servant.pw_uid, cls.servant.pw_gid)
            os.chown(password, cls.servant.pw_uid, cls.servant.pw_gid)
        data = os.path.join(cls.home, "data")
        cls.start("initdb", "-D", data, "-U", "sluice", "-A", "scram-sha-256", "--pwfile", password,
                  "-N", "-E", "UTF8", "--locale=C").wait(60)
        cls.server = cls.start("postgres", "-D", data, "-k", cls.home, "-c", "listen_addresses=",
                               "-c", "fsync=off", "-c", "max_connections=10")
        support.wait_until(lambda: os.path.exists(os.path.join(cls.home, ".s.PGSQL.5432")),
                           "postgres did not start")

    @classmethod
    def start(cls, program, *arguments):
        user = {"user": cls.servant.pw_uid, "group": cls.servant.pw_gid, "extra_groups": []} \
            if cls.servant else {}
        return subprocess.Popen([os.path.join(postgres_programs(), program), *arguments],
                                cwd=cls.home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, **user)

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGINT)
        cls.server.wait(30)
        shutil.rmtree(cls.home)

    def setUp(self):
        os.environ["TEST_LEDGER_PASSWORD"] = PASSWORD
        self.ledger = type(self).ledger.replace("{folder}/pg", self.home)
        super().setUp()
        if self.has_table():
            self.query("DELETE FROM sluice_usage RETURNING id")

    def has_table(self):
        return self.query("SELECT to_regclass('sluice_usage') AS name")[0]["name"] is not None

    def query(self, text):
        """Rows as dictionaries."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-t", "-A", "-h", self.home, "-U", "sluice", "postgres", "-c",
             f"WITH found AS ({text}) SELECT row_to_json(found) FROM found"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
            check=False, env={**os.environ, "PGPASSWORD": PASSWORD})
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def rows(self):
        rows = self.query("SELECT * FROM sluice_usage") if self.has_table() else []
        for row in rows:
            row["id"] = row["id"].encode()
        return rows

    def report_source(self):
        return f"postgresql://sluice@/postgres?host={self.home}"


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
