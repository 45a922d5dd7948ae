"""The wall clock jumps an hour either way: no time limit comes early or late.

By libfaketime (Debian: faketime), which changes what the process is told; the monotonic clock is
left alone, as a correction of the time of day leaves it alone.
"""

import glob
import os
import re
import sys
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, Gateway, STREAM_HEAD, Upstream, chunk, config_for, event
from secret_watch import WatchedCase

SKIPPED = 77  # Meson's code for a skipped test.
LIBRARY = (glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1") or [None])[0]
JUMPS = ("+1h", "-1h", "+0", "-1h", "+1h", "+0")


def clock_by(path):
    """The environment in which a program's wall clock is off by what the file says."""
    if LIBRARY is None:
        return {}
    return {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": path, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}


def set_clock(path, offset):
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(offset + "\n")
    os.replace(path + ".new", path)


class ClockTest(WatchedCase):
    def setUp(self):
        self.upstream = Upstream()
        self.file = None
        self.gateway = None

    def start(self, **settings):
        config = config_for(self.upstream.port, **settings)
        self.file = os.path.join(os.environ.get("TMPDIR", "/var/tmp"), f"faketime-{os.getpid()}")
        self.jump("+0")
        self.gateway = Gateway(config, clock_by(self.file))
        return self.gateway.client()

    def jump(self, offset):
        set_clock(self.file, offset)

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)
        os.remove(self.file)

    def test_jumps_during_a_stream(self):
        """Its silence limit is 600 ms; events come each 250 ms while the clock jumps."""
        def script(connection, _):
            connection.send(STREAM_HEAD)
            for i, offset in enumerate(JUMPS):
                connection.send(chunk(event(b'{"i":%d}' % i)))
                self.jump(offset)
                time.sleep(0.25)  # The pace is what is tested.
            connection.send(chunk(DONE) + b"0\r\n\r\n")
            return True
        self.upstream.script = script
        client = self.start(llm="timeouts = { silence_ms = 600, first_byte_ms = 600 }")
        client.post(CHAT, b'{"stream":true}')
        response = client.read_response()
        self.assertTrue(response.complete)
        self.assertEqual(response.body.count(b"data: "), len(JUMPS) + 1)

    def test_time_limits_are_neither_early_nor_late(self):
        def script(connection, request):
            if b"stream" in request.body:
                connection.send(STREAM_HEAD + chunk(event(b"1")))
            connection.wait_for_end()
        self.upstream.script = script
        self.start(server="http = { keep_alive_timeout_ms = 700, head_timeout_ms = 600 }",
                   llm="timeouts = { silence_ms = 500, first_byte_ms = 500 }")
        for offset in ("+1h", "-1h"):
            waits = {"stream": (b'{"stream":true}', 0.5), "whole": (b"{}", 0.5),
                     "head": (None, 0.6), "idle": (b"", 0.7)}
            clients, began = {}, time.monotonic()
            for name, (body, _) in waits.items():
                clients[name] = self.gateway.client()
                if body:
                    clients[name].post(CHAT, body)
                elif body is None:
                    clients[name].send(b"GET / HT")
            time.sleep(0.1)  # They wait, then the clock jumps.
            self.jump(offset)
            for name, (_, limit) in sorted(waits.items(), key=lambda item: item[1][1]):
                if name == "whole":
                    self.assertEqual(clients[name].read_response().status, 504)
                else:
                    clients[name].wait_for_end()
                took = time.monotonic() - began
                self.assertGreater(took, limit - 0.05, (offset, name))
                self.assertLess(took, limit + 0.4, (offset, name))
                clients[name].close()
            self.jump("+0")

    def test_the_jump_is_seen(self):
        """Or the others would test nothing: the log tells the time of day."""
        self.upstream.script = lambda c, _: support.json_answer(c, b"{}")
        client = self.start()
        hours = []
        for i, offset in enumerate(("+0", "+1h", "-1h")):
            self.jump(offset)
            client.post(CHAT, b"{}")
            client.read_response()
            support.wait_until(lambda i=i: self.gateway.read_access().count("\n") > i, "no line")
            hours.append(int(re.search(r"T(\d\d):", self.gateway.read_access().splitlines()[i])
                             .group(1)))
        self.assertEqual([(h - hours[0]) % 24 for h in hours], [0, 1, 23])


if __name__ == "__main__":
    if LIBRARY is None:
        print("skipped: there is no libfaketime (Debian: faketime)")
        sys.exit(SKIPPED)
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
