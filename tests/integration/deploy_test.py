"""What deploy/ holds fits the program: metrics, flags and alerts are named as they are."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

import gateway_support as support
from gateway_support import CHAT, Gateway, Upstream, config_for

ROOT = pathlib.Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
# Labels that a scraper adds, and that of a histogram's buckets.
COMMON_LABELS = {"instance", "job", "le"}


def table():
    """The labels of each family that the sources name."""
    families = {}
    source = (ROOT / "src/base/metric_families.h").read_text()
    for call in re.split(r"(?=\b(?:counter|gauge|maximum|histogram)\(\s*\")", source)[1:]:
        name = re.search(r'"(sluice_\w+)"', call).group(1)
        labels = re.search(r"\{((?:\"\w+\"(?:, )?)+)\}", call)
        families[name] = set(re.findall(r'"(\w+)"', labels.group(1))) if labels else set()
    derived = (ROOT / "src/base/derived_metrics.cc").read_text()
    for name in re.findall(r'\.name = "(\w+)"', derived):
        families[name] = {"of"} if name == "sluice_shard_imbalance_ratio" else set()
    return families


def family_of(name, families):
    short = re.sub(r"_(?:bucket|sum|count)$", "", name)
    return name if name in families else short if short in families else None


def rules():
    """The alerts of the rule file: every line has one of the forms that are known here."""
    found = []
    text = (DEPLOY / "prometheus/sluice-alerts.yml").read_text()
    forms = (r"#.*", r"groups:", r"  - name: sluice", r"    rules:")
    for number, line in enumerate(text.splitlines(), 1):
        alert = re.fullmatch(r"      - alert: (\w+)", line)
        member = re.fullmatch(r"        (expr|for|labels|annotations): (.+)", line)
        if alert:
            found.append({"alert": alert.group(1)})
        elif member and found:
            found[-1][member.group(1)] = member.group(2)
        elif not any(re.fullmatch(form, line) for form in forms):
            raise ValueError(f"line {number}: {line}")
    return found


class MetricsTest(unittest.TestCase):
    def expressions(self):
        for rule in rules():
            yield rule["alert"], rule["expr"][1:-1]
        board = json.loads((DEPLOY / "grafana/sluice.json").read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield panel["title"], target["expr"]

    def test_rules_are_whole(self):
        found = rules()
        self.assertGreater(len(found), 10)
        self.assertEqual(len({r["alert"] for r in found}), len(found))
        for rule in found:
            self.assertEqual(set(rule), {"alert", "expr", "for", "labels", "annotations"})
            self.assertRegex(rule["expr"], r"^'[^']+'$", rule)
            self.assertRegex(rule["for"], r"^\d+[mh]$", rule)
            self.assertRegex(rule["labels"], r"^\{severity: (critical|warning|info)\}$", rule)
            self.assertRegex(rule["annotations"], r"^\{summary: '[^']+'\}$", rule)

    def test_the_board_is_whole(self):
        board = json.loads((DEPLOY / "grafana/sluice.json").read_text())
        self.assertEqual(len({p["id"] for p in board["panels"]}), len(board["panels"]))
        places = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]}
        self.assertEqual(len(places), len(board["panels"]))

    def test_every_metric_and_label_that_is_asked_for_exists(self):
        families, asked = table(), 0
        for title, text in self.expressions():
            self.assertEqual(text.count("("), text.count(")"), title)
            self.assertEqual(text.count("{"), text.count("}"), title)
            labels = set(re.findall(r'(\w+)(?:=~|!=|!~|=)"', text))
            for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", text):
                labels |= set(group.split(", "))
            known = set(COMMON_LABELS)
            for name in re.findall(r"\b(?:sluice|llm)_\w+", text):
                family = family_of(name, families)
                self.assertIsNotNone(family, f"{title}: {name}")
                known |= families[family]
                asked += 1
            self.assertEqual(labels - known, set(), title)
        self.assertGreater(asked, 40)

    def test_every_alert_is_explained(self):
        page = (ROOT / "docs/OPERATING.md").read_text()
        told = set(re.findall(r"^\| `(Sluice\w+)` \|", page, re.MULTILINE))
        self.assertEqual(told, {r["alert"] for r in rules()})

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not there")
    def test_prometheus_takes_the_rules_and_the_scrape(self):
        for what in (["rules", "sluice-alerts.yml"], ["config", "sluice-scrape.yml"]):
            done = subprocess.run(
                ["promtool", "check", what[0], what[1]], cwd=DEPLOY / "prometheus",
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_sources_name_what_a_scrape_has(self):
        upstream = Upstream(lambda c, _: support.json_answer(c, b"{}"))
        gateway = Gateway(config_for(upstream.port))
        client = gateway.client()
        client.post(CHAT, b'{"model":"m"}')
        client.read_response()
        client.send(b"GET /metrics HTTP/1.1\r\nHost: g\r\n\r\n")
        text = client.read_response().body.decode()
        client.close()
        upstream.close()
        log = gateway.read_log()
        self.assertEqual(gateway.stop(), 0, log)
        scraped = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
        self.assertGreater(len(scraped), 40)
        self.assertEqual(scraped - set(table()), set())


class ManualTest(unittest.TestCase):
    # That of keys is of limits and cache, too.
    WITH_HELP = ("usage", "keys", "targets", "log", "top")

    def help(self, *command):
        return subprocess.run([support.SLUICE, *command, "--help"], check=True, timeout=20,
                              capture_output=True, text=True).stdout

    def page(self):
        return (DEPLOY / "man/sluice.1").read_text().replace("\\-", "-")

    def test_every_command_and_flag_stands_in_the_manual(self):
        page = self.page()
        entries = re.findall(r"^\.B (.*)$", page, re.MULTILINE)
        for text in (self.help(), *map(self.help, self.WITH_HELP)):
            for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)):
                self.assertTrue(any(flag in re.findall(r"--[a-z-]+", e) for e in entries), flag)
        for command in re.findall(r"^  sluice ([a-z-]+)", self.help(), re.MULTILINE):
            self.assertTrue(any(e.startswith(f"sluice {command}") for e in entries), command)

    def test_the_manual_has_no_flag_that_is_none(self):
        helps = "".join((self.help(), *map(self.help, self.WITH_HELP)))
        known = set(re.findall(r"--[a-z][a-z-]*", helps))
        self.assertEqual(set(re.findall(r"--[a-z][a-z-]*", self.page())) - known, set())


class PageTest(unittest.TestCase):
    def test_the_configuration_of_the_page_can_be_served(self):
        page = (ROOT / "docs/OPERATING.md").read_text()
        text = re.search(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "sluice.toml")
            path.write_text(text)
            done = subprocess.run([support.SLUICE, "check", path], check=False, timeout=20,
                                  capture_output=True, text=True,
                                  env={**os.environ, "OPENAI_API_KEY": "sk-none"})
        self.assertEqual(done.returncode, 0, done.stderr)


class UnitTest(unittest.TestCase):
    def test_the_unit_runs_what_the_program_has(self):
        known = set(re.findall(r"--[a-z][a-z-]*", subprocess.run(
            [support.SLUICE, "--help"], check=True, timeout=20, capture_output=True,
            text=True).stdout))
        lines = (DEPLOY / "systemd/sluice.service").read_text().splitlines()
        commands = [shlex.split(l.split("=", 1)[1]) for l in lines if l.startswith("ExecStart")]
        self.assertEqual(len(commands), 2)
        for command in commands:
            self.assertEqual(pathlib.Path(command[0]).name, "sluice")
            self.assertLessEqual({a for a in command if a.startswith("--")}, known)
        for line in lines:
            self.assertRegex(line, r"^(#.*|\[(Unit|Service|Install)\]|[A-Z]\w+=\S.*|)$")

    def test_the_sockets_of_the_unit_are_those_of_the_page(self):
        lines = (DEPLOY / "systemd/sluice.socket").read_text().splitlines()
        for line in lines:
            self.assertRegex(line, r"^(#.*|\[(Unit|Socket|Install)\]|[A-Z]\w+=\S.*|)$")
        page = (ROOT / "docs/OPERATING.md").read_text()
        text = re.search(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "sluice.toml")
            path.write_text(text)
            config = tomllib.loads(subprocess.run(
                [support.SLUICE, "print-config", "--config", path], check=True, timeout=20,
                capture_output=True, text=True,
                env={**os.environ, "OPENAI_API_KEY": "sk-none"}).stdout)
        server = config["server"]
        wanted = [f"{server['host']}:{server['port']}", config["admin"]["listen"]]
        self.assertEqual([l.split("=", 1)[1] for l in lines if l.startswith("ListenStream")],
                         wanted)

    def test_the_grace_of_the_unit_is_longer_than_that_of_the_program(self):
        unit = (DEPLOY / "systemd/sluice.service").read_text()
        seconds = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE).group(1))
        config = subprocess.run([support.SLUICE, "print-config"], check=True, timeout=20,
                                capture_output=True, text=True).stdout
        self.assertGreater(seconds * 1000,
                           int(re.search(r"drain_timeout_ms = ([\d_]+)", config).group(1)))


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
