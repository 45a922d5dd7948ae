"""What the gateway says of its own share of an exchange is what both ends observe."""

import json
import os
import re
import sys
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, Gateway, Upstream, config_for
from secret_watch import WatchedCase

# Each of them stands in the prompt, and is searched for by itself: tens of milliseconds of work
# that is the gateway's own, beside which the ways between the threads of this test are short.
PATTERNS = 3000
GUARD = """
[processor.search]
type = "guard"
action = "flag"
patterns_max = 4000
patterns = [{}]
""".format(", ".join(f'"w{i:04}[a-z]{{3}}x"' for i in range(PATTERNS)))
PROMPT = "lorem ipsum dolor " * 2000 + " ".join(f"w{i:04}abcx" for i in range(PATTERNS))
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": PROMPT}]}).encode()
EXCHANGES = 10
UPSTREAM_S = 0.03
SHARE = 0.10
# Wake-ups and system calls of the three threads that take turns, on a machine that has others to
# run: what they cost does not grow with the work.
FLOOR_S = 0.002


class OverheadTest(WatchedCase):
    def setUp(self):
        self.served = []
        self.upstream = Upstream(self.script)
        self.gateway = Gateway(config_for(
            self.upstream.port, route='processors = ["search"]', more=GUARD,
            server='access_log = { target = "stdout", format = "json" }'))

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)

    def script(self, connection, _):
        """From the whole request to the answer is the upstream's own time."""
        began = time.monotonic()
        time.sleep(UPSTREAM_S)  # A share of known length that is not the gateway's.
        self.served.append(time.monotonic() - began)
        return support.json_answer(connection, b'{"choices":[]}')

    def exchange(self, client, body):
        """What the client saw, what the upstream saw, and what the header says; in seconds."""
        began = time.monotonic()
        client.post(CHAT, body)
        response = client.read_response()
        observed = time.monotonic() - began
        self.assertEqual(response.status, 200, response.body)
        told = {name: float(value) / 1e3 for name, value in
                re.findall(r"(\w+);dur=([\d.]+)", response.field("server-timing"))}
        self.assertEqual(set(told), {"sluice", "connect", "upstream"})
        return observed, self.served[-1], told

    def test_the_own_share_is_what_lies_between_both_ends(self):
        """Whatever else the machine does comes on top of what both ends see: the exchange with the
        least between them is the one that was disturbed least, and the one to compare."""
        client = self.gateway.client()
        self.exchange(client, BODY)  # The first one connects, and makes automata of the patterns.
        seen = [self.exchange(client, BODY) for _ in range(EXCHANGES)]
        client.close()
        observed, served, told = min(seen, key=lambda each: each[0] - each[1])
        between, own = observed - served, told["sluice"]
        print(f"own share: {own * 1e3:.2f} ms told, {between * 1e3:.2f} ms between both ends")
        self.assertGreater(own, 0.01, "too little work to compare")
        self.assertLessEqual(abs(between - own), SHARE * between + FLOOR_S, seen)

    def test_the_parts_are_no_more_than_the_whole(self):
        """By the gateway's own clock, in every exchange: nothing is negative or counted twice."""
        client = self.gateway.client()
        bodies = [BODY, b'{"model":"m","messages":[]}'] * 3
        for body in bodies:
            observed, _, told = self.exchange(client, body)
            for name, duration in told.items():
                self.assertGreaterEqual(duration, 0, told)
                self.assertLessEqual(duration, observed, name)
        client.close()
        support.wait_until(lambda: self.gateway.read_access().count("\n") >= len(bodies),
                           "no line of access")
        for line in map(json.loads, self.gateway.read_access().splitlines()):
            # Only the first of them connects.
            parts = [line.get(p, 0)
                     for p in ("receive_ms", "connect_ms", "first_byte_ms", "relay_ms")]
            self.assertGreaterEqual(min(parts), 0, line)
            self.assertLessEqual(sum(parts), line["total_ms"] + 0.01, line)  # They are rounded.


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
