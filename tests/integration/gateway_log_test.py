"""Levels of the log by room: those of the configuration, and those that are asked for."""

import json
import os
import signal
import subprocess
import sys
import unittest

import gateway_support as support
from gateway_support import CHAT, Gateway, Upstream, config_for
from secret_watch import WatchedCase

SAYS_MORE = """
[processor.note]
type = "logging"
"""


class LogTest(WatchedCase):
    def setUp(self):
        self.upstream = Upstream(lambda c, _: support.json_answer(c, b"{}"))
        self.gateway = Gateway(self.config())
        self.address = self.gateway.admin_address().rsplit("/", 1)[1]

    def tearDown(self):
        self.upstream.close()
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)

    def config(self, server=""):
        """Each exchange makes a line of the room pipeline at level info."""
        return config_for(self.upstream.port, server=server, route='processors = ["note"]',
                          more='\n[admin]\nlisten = "127.0.0.1:0"\n' + SAYS_MORE)

    def sluice(self, *arguments):
        return subprocess.run([support.SLUICE, *arguments, "--admin", self.address], check=False,
                              capture_output=True, timeout=20, text=True)

    def levels(self, *arguments):
        done = self.sluice("log", *arguments, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return {r["room"]: (r["level"], r["from"]) for r in json.loads(done.stdout)["rooms"]}

    def chat(self):
        """Its id, by which a line is found. It has ended, and what it logs it has logged."""
        client = self.gateway.client()
        client.post(CHAT, b'{"model":"m","messages":[]}')
        response = client.read_response()
        client.close()
        self.assertEqual(response.status, 200)
        request_id = response.field("x-request-id")
        support.wait_until(lambda: request_id in self.gateway.read_access(), "no line of access")
        return request_id

    def lines_of(self, request_id):
        return [l for l in self.gateway.read_log().splitlines() if request_id in l]

    def expect_told(self):
        told = self.chat()
        support.wait_until(lambda: self.lines_of(told), f"{told}: {self.gateway.read_log()}")
        self.assertIn(" info pipeline: exchange ", self.lines_of(told)[0])

    def expect_silence_until(self, *arguments):
        """What is not told now is not there when something later is."""
        silent = self.chat()
        self.levels(*arguments)
        self.expect_told()
        self.assertEqual(self.lines_of(silent), [])

    def test_a_room_is_told_by_command(self):
        self.assertEqual(self.levels()["pipeline"], ("info", "common"))
        self.expect_told()
        levels = self.levels("pipeline", "warning")
        self.assertEqual(levels["pipeline"], ("warning", "request"))
        self.assertEqual(levels["server"], ("info", "common"))
        self.expect_silence_until("pipeline", "debug")
        self.levels("error")
        self.expect_told()  # A room's own level comes first.
        self.assertEqual(self.levels("pipeline", "default")["pipeline"], ("error", "common"))
        self.expect_silence_until("default")

    def test_a_reload_sets_those_of_the_configuration(self):
        self.gateway.write_config(self.config('log_levels = ["pipeline:error", "net:debug"]'))
        self.reload()
        self.assertEqual(self.levels()["pipeline"], ("error", "configuration"))
        self.assertEqual(self.levels()["net"], ("debug", "configuration"))
        self.expect_silence_until("pipeline", "info")
        self.gateway.write_config(self.config('log_levels = ["pipelines:error"]'))
        done = self.sluice("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn('"pipelines" is no room of the log; did you mean "pipeline"?', done.stderr)
        self.assertEqual(self.levels()["pipeline"], ("info", "request"))  # Nothing has changed.
        self.gateway.write_config(self.config())
        self.reload()
        self.assertEqual(set(self.levels().values()), {("info", "common")})
        self.expect_told()

    def reload(self):
        before = self.gateway.read_log().count("loaded anew")
        self.gateway.signal(signal.SIGHUP)
        support.wait_until(lambda: self.gateway.read_log().count("loaded anew") > before,
                           self.gateway.read_log())

    def test_what_is_wrong_is_said(self):
        table = self.sluice("log")
        self.assertEqual((table.returncode, table.stderr), (0, ""))
        self.assertTrue(table.stdout.startswith("common level info\n\nroom "), table.stdout)
        wrong = self.sluice("log", "pipelin", "debug")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn('"pipelin" is no room of the log; did you mean "pipeline"?', wrong.stderr)
        self.assertEqual(self.sluice("log", "pipeline").returncode, 2)
        self.levels("net", "debug")
        support.wait_until(lambda: 'log levels were changed level=info rooms=net:debug'
                           in self.gateway.read_log(), self.gateway.read_log())


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
