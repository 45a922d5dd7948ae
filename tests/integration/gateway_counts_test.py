"""Counting: metrics, access log and clients agree to the last byte; reported times are true."""

import json
import os
import pathlib
import re
import signal
import statistics
import sys
import time
import unittest

import gateway_support as support
from gateway_support import (CHAT, DONE, Gateway, STREAM_HEAD, Upstream, chunk, config_for, event)
from secret_watch import WatchedCase

USAGE = (b'{"id":"x","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,'
         b'"total_tokens":10}}')


class CountCase(WatchedCase):
    MORE = ""  # Of the configuration.

    def setUp(self):
        self.upstream = Upstream(self.script)
        self.config = config_for(
            self.upstream.port,
            server='access_log = { target = "stdout", format = "json" }',
            llm="timeouts = { first_byte_ms = 200 }",
            more=self.MORE)
        self.gateway = Gateway(self.config)

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        log = self.gateway.read_log()
        self.assertEqual(self.gateway.stop(), 0, log)

    def script(self, connection, request):
        body = request.body
        if b'"error"' in body:
            return support.json_answer(connection, b'{"error":{}}', status="429 Slow Down")
        if b'"cut"' in body:
            connection.send(STREAM_HEAD + chunk(event(b'{"i":1}')))
            return False
        if b'"silent"' in body:
            connection.wait_for_end()
            return False
        if b'"endless"' in body:
            connection.send(STREAM_HEAD + chunk(event(b'{"i":1}')) + chunk(event(b'{"i":2}')))
            connection.wait_for_end()
            return False
        if b'"stream":true' in body:
            connection.send(STREAM_HEAD + chunk(event(b'{"i":1}')) + chunk(event(USAGE)) +
                            chunk(DONE) + b"0\r\n\r\n")
            return True
        return support.json_answer(connection, USAGE)

    def lines(self, count):
        def whole():
            return self.gateway.read_access().count("\n") >= count
        support.wait_until(whole, f"not {count} lines: {self.gateway.read_access()}")
        return [json.loads(line) for line in self.gateway.read_access().splitlines()]


class TotalsTest(CountCase):
    # What a client does, how often, and the status that it must be counted under.
    REQUESTS = (
        ("whole", b'{"model":"m"}', 30, 200),
        ("whole", b'{"model":"m","stream":true}', 30, 200),
        ("whole", b'{"model":"m","error":1}', 10, 429),
        ("cut", b'{"model":"m","stream":true,"cut":1}', 10, 200),
        ("leave-in-stream", b'{"model":"m","stream":true,"endless":1}', 20, 499),
        ("leave-before", b'{"model":"m","silent":1,"n":1}', 20, 499),
        ("whole", b'{"model":"m","silent":1}', 5, 504),
        ("whole", b'{"model":', 10, 400),
        ("whole", b'{"model":7}', 10, 400),
    )

    def one(self, how, body, path=CHAT):
        """Does one request; returns the bytes of the body, where all of it came."""
        seen = len(self.upstream.requests)
        client = self.gateway.client()
        client.post(path, body)
        try:
            if how == "leave-before":
                support.wait_until(lambda: len(self.upstream.requests) > seen, "no request")
                return 0
            if how == "leave-in-stream":
                client.read_head()
                client.read_event()
                client.read_event()
                client.reset()
                return 0
            response = client.read_response()
            self.assertEqual(response.complete, how == "whole")
            return len(response.body)
        finally:
            client.close()

    def total(self, metric, labels=""):
        return self.gateway.metric(rf"^sluice_{metric}\{{.*{labels}")

    def test_metrics_access_log_and_clients_agree(self):
        expected, sent, received = {}, 0, 0
        for how, body, count, status in self.REQUESTS:
            for _ in range(count):
                received += self.one(how, body)
                sent += len(body)
            expected[status] = expected.get(status, 0) + count
        for _ in range(5):
            received += self.one("whole", b"{}", "/nowhere")
        expected[404], count = 5, sum(expected.values()) + 5
        support.wait_until(lambda: self.total("requests_total") == count, "not all were counted")
        lines = self.lines(count)
        self.assertEqual(len(lines), count)
        for status, number in expected.items():
            self.assertEqual(self.total("requests_total", f'status="{status}"'), number, status)
            self.assertEqual(sum(l["status"] == status for l in lines), number, status)
        self.assertEqual(self.total("request_duration_seconds_count"), count)
        self.assertEqual(self.total("cancels_total"), expected[499])
        self.assertEqual(self.total("errors_total"), sum("error" in l for l in lines) -
                         expected[499])
        for metric, member in (("request_body_bytes_total", "request_bytes"),
                               ("response_body_bytes_total", "response_bytes"),
                               ("stream_events_total", "events")):
            self.assertEqual(self.total(metric), sum(l.get(member, 0) for l in lines), metric)
        # What was on its way to a client that had left, nobody can know.
        self.assertEqual(sum(l["response_bytes"] for l in lines if l["status"] != 499), received)
        # The bodies of requests without a route are not read to their end.
        self.assertEqual(sum(l["request_bytes"] for l in lines if l["status"] != 404), sent)
        for kind, each in (("prompt", 7), ("completion", 3)):
            all_tokens = sum(line.get(f"{kind}_tokens", 0) for line in lines)
            told = sum(line.get(f"{kind}_tokens", 0) for line in lines if "usage" not in line)
            self.assertEqual(told, 60 * each)
            self.assertEqual(self.total("tokens_total", f'kind="{kind}"'), all_tokens)
        self.assertEqual(self.total("exchanges"), 0)
        self.assertEqual(len({l["request_id"] for l in lines}), count)
        self.compare_histograms(lines)
        self.compare_published_names(lines)

    def compare_histograms(self, lines):
        """Each histogram has taken the exchanges that it is about, and no other."""
        streams = [l for l in lines if l.get("events", 0) > 0]
        told = [l for l in streams if "completion_tokens" in l and "usage" not in l]
        for metric, number in (
                ("time_to_first_token_seconds", len(streams)),
                ("inter_token_seconds", sum(l["events"] > 1 for l in streams)),
                ("output_tokens_per_second", len(told)),
                ("time_to_first_byte_seconds", sum("first_byte_ms" in l for l in lines)),
        ):
            self.assertGreater(number, 0, metric)
            self.assertEqual(self.total(metric + "_count"), number, metric)
        for phase, member in (("receive", "receive_ms"), ("upstream", "first_byte_ms"),
                              ("relay", "relay_ms")):
            labels = f'phase="{phase}"'
            here = [l[member] for l in lines if member in l]
            self.assertEqual(self.total("phase_seconds_count", labels), len(here), phase)
            # The log cuts to microseconds what the histogram has to the nanosecond.
            self.assertAlmostEqual(self.total("phase_seconds_sum", labels), sum(here) / 1e3,
                                   delta=len(here) * 1.1e-6, msg=phase)
        self.assertAlmostEqual(self.total("request_duration_seconds_sum"),
                               sum(l["total_ms"] for l in lines) / 1e3, delta=len(lines) * 1.1e-6)
        self.assertEqual(self.total("model_requests_total"), len(lines))
        self.assertEqual(self.total("model_requests_total", 'model="m"'),
                         sum(l.get("model") == "m" for l in lines))
        self.assertEqual(self.total("dialect_requests_total", 'client="chat",upstream="chat"'),
                         sum(l["status"] not in (400, 404) for l in lines))

    def compare_published_names(self, lines):
        failed = [l for l in lines if l["status"] != 499 and (l["status"] >= 400 or "error" in l)]
        left = [l for l in lines if l["status"] == 499]
        duration = sum(l["total_ms"] for l in lines) / 1e3
        published = {
            "llm_requests_total": len(lines),
            "llm_requests_failure": len(failed),
            "llm_requests_success": len(lines) - len(failed) - len(left),
            "llm_request_duration_seconds_count": len(lines),
            "llm_tokens_prompt": sum(l.get("prompt_tokens", 0) for l in lines),
            "llm_tokens_completion": sum(l.get("completion_tokens", 0) for l in lines),
            "llm_active_connections": 1,  # That of the scrape.
            "llm_cache_hits": 0,
            "llm_cache_misses": 0,
        }
        for name, value in published.items():
            self.assertEqual(self.gateway.metric(rf"^{name} "), value, name)
        self.assertAlmostEqual(self.gateway.metric("^llm_request_duration_seconds_sum "), duration,
                               delta=len(lines) * 1.1e-6)

    def test_an_early_end_is_counted_the_same_each_time(self):
        for _ in range(100):
            self.one("leave-in-stream", b'{"stream":true,"endless":1}')
        lines = self.lines(100)
        self.assertEqual({(l["status"], l["events"], l["response_bytes"], l["error"], l["phase"])
                          for l in lines},
                         {(499, 2, len(event(b'{"i":1}')) * 2, "cancelled", "relay")})
        self.assertEqual(self.total("requests_total"), 100)


class TokensTest(CountCase):
    """What a stream has cost, however it ends: told by the upstream, or estimated and marked so."""

    def script(self, connection, request):
        if b'"endless"' in request.body:
            connection.send(STREAM_HEAD + b"".join(chunk(event(b'{"i":%d}' % i))
                                                   for i in range(11)))
            connection.wait_for_end()
            return False
        return super().script(connection, request)

    def line_after(self, body, read_until):
        before = self.gateway.read_access().count("\n")
        client = self.gateway.client()
        client.post(CHAT, body)
        client.read_until(read_until)
        client.close()
        return self.lines(before + 1)[-1]

    def test_a_stream_that_tells_its_usage(self):
        line = self.line_after(b'{"model":"m","stream":true}', DONE)
        self.assertEqual((line["prompt_tokens"], line["completion_tokens"]), (7, 3))
        self.assertNotIn("usage", line)

    def test_a_stream_that_was_left_is_estimated_the_same_each_time(self):
        body = b'{"model":"m","stream":true,"endless":1}'
        for _ in range(50):
            line = self.line_after(body, b'{"i":10}')
            self.assertEqual(line["status"], 499)
            self.assertEqual((line["prompt_tokens"], line["completion_tokens"], line["usage"]),
                             ((len(body) + 3) // 4, 10, "estimated"))


class FamiliesTest(CountCase):
    TABLE = pathlib.Path(__file__).parents[2] / "src/base/metric_families.h"
    MORE = """
[processor.guard]
type = "guard"
words = ["zebra"]
[[route]]
path_prefix = "/guarded"
target_llm = "up"
processors = ["guard"]
[processor.auth]
type = "authenticate"
[processor.limits]
type = "rate_limit"
tokens_per_hour = 1
[[route]]
path_prefix = "/keys"
target_llm = "up"
processors = ["auth"]
[[route]]
path_prefix = "/limits"
target_llm = "up"
processors = ["limits"]
[pool.all]
targets = ["up"]
[[route]]
path_prefix = "/pooled"
target_llm = "all"
[pool.twins]
targets = ["up", "up/twin"]
hedge = { enabled = true, percentile = 0, delay_ms_min = 1, budget_percent = 100 }
[[route]]
path_prefix = "/twins"
target_llm = "twins"
[pool.narrow]
queue = { waiting_max = 1 }
[[pool.narrow.target]]
llm = "up"
concurrent_max = 1
[[route]]
path_prefix = "/narrow"
target_llm = "narrow"
"""

    def series(self, family):
        """The value of each series of a family, by its labels as written."""
        text = self.gateway.metrics_text()
        found = re.findall(rf"^{family}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        return {labels: float(value) for labels, value in found}

    def exchange(self, body, path=CHAT):
        client = self.gateway.client()
        client.post(path, body)
        client.read_response()
        client.close()

    def fill_queue(self):
        """One is answered after it has waited, one finds no place."""
        path = "/narrow/chat/completions"
        first, second = self.gateway.client(), self.gateway.client()
        first.post(path, b'{"stream":true,"endless":1}')
        first.read_head()
        second.post(path, b'{"model":"m"}')
        support.wait_until(lambda: sum(self.series("sluice_queue_waiting").values()) == 1,
                           "nobody waits")
        self.exchange(b'{"model":"m"}', path)
        first.reset()
        self.assertEqual(second.read_response().status, 200)
        second.close()

    def test_every_family_of_the_table_is_written(self):
        families = re.findall(r'"(sluice_\w+)"', self.TABLE.read_text())
        self.assertGreater(len(families), 30)
        self.exchange(b'{"model":"m","stream":true}')
        self.exchange(b"{}", "/nowhere")
        self.exchange(b'{"messages":[{"role":"user","content":"zebra"}]}', "/guarded" + CHAT)
        self.exchange(b'{"model":"m"}', "/keys/chat/completions")
        self.exchange(b'{"model":"m"}', "/limits/chat/completions")
        self.exchange(b'{"model":"m","silent":1}', "/twins/chat/completions")
        self.fill_queue()
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true,"endless":1}')
        client.read_head()
        client.reset()
        support.wait_until(lambda: self.series("sluice_cancels_total"), "no cancel was counted")
        # Of targets the control shard tells, now and then.
        support.wait_until(lambda: self.series("sluice_target_healthy"), "no target was told of")
        absent = [f for f in families
                  if not self.series(f) and not self.series(f + "_count")]
        self.assertEqual(absent, [])

    def test_what_the_process_says_of_itself(self):
        start = self.series("sluice_start_time_seconds")[""]
        self.assertLess(abs(time.time() - start), 60)
        (labels, one), = self.series("sluice_build_info").items()
        self.assertEqual(one, 1)
        self.assertRegex(labels, r'^version="\d[^"]*",compiler="(clang|gcc) \d[^"]*"$')
        self.assertEqual(self.series("sluice_log_write_errors_total"), {"": 0})

    def test_connects_are_counted_by_their_result(self):
        self.exchange(b'{"model":"m"}')
        self.exchange(b'{"model":"m"}')
        family = "sluice_upstream_connects_total"
        self.assertEqual(sorted(self.series(family).values()), [0, 1])
        self.upstream.script = lambda c, _: not support.json_answer(c, b"{}")
        self.exchange(b'{"model":"m"}')
        self.upstream.close()
        self.exchange(b'{"model":"m"}')
        counts = self.series(family)
        self.assertEqual(sum(v for k, v in counts.items() if 'result="ok"' in k), 1)
        self.assertEqual(sum(v for k, v in counts.items() if 'result="failed"' in k), 1)

    def test_reloads_are_counted_by_their_result(self):
        family = "sluice_config_reloads_total"
        self.assertEqual(self.series(family), {'result="ok"': 0, 'result="refused"': 0})
        for text, expected in ((self.config, {'result="ok"': 1, 'result="refused"': 0}),
                               ("nonsense", {'result="ok"': 1, 'result="refused"': 1}),
                               (self.config, {'result="ok"': 2, 'result="refused"': 1})):
            self.gateway.write_config(text)
            self.gateway.signal(signal.SIGHUP)
            support.wait_until(lambda: self.series(family) == expected, f"not {expected}")


class ModelsTest(CountCase):
    MORE = "[server.metrics]\nmodels_max = 2\n"

    def models(self):
        return {name: self.gateway.metric(rf'^sluice_model_requests_total{{model="{name}"}} ')
                for name in ("one", "two", "three", "other")}

    def test_names_that_clients_make_up_have_no_series_of_their_own(self):
        client = self.gateway.client()
        for name, more, times in (("junk%d", ',"error":1', 20), ("one", "", 3), ("two", "", 4),
                                  ("three", "", 5), ("one", ',"error":1', 2)):
            for i in range(times):
                model = name % i if "%" in name else name
                client.post(CHAT, f'{{"model":"{model}"{more}}}'.encode())
                client.read_response()
        client.close()
        expected = {"one": 5, "two": 4, "three": 0, "other": 25}
        support.wait_until(lambda: self.models() == expected, f"not {expected}: {self.models()}")
        self.assertEqual(self.gateway.metric("^sluice_model_requests_total{"), 34)


class OpenMetricsTest(CountCase):
    def scrape(self, accept):
        client = self.gateway.client()
        client.send(f"GET /metrics HTTP/1.1\r\nHost: g\r\nAccept: {accept}\r\n\r\n".encode())
        response = client.read_response()
        client.close()
        return response.field("content-type"), response.body.decode()

    def test_is_what_a_scraper_gets_that_asks_for_it(self):
        client = self.gateway.client()
        client.post(CHAT, b'{"model":"m","stream":true}')
        client.read_response()
        client.close()
        request_id = self.lines(1)[0]["request_id"]
        kind, text = self.scrape("application/openmetrics-text;version=1.0.0;q=0.5,"
                                 "text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("\n# EOF\n"))
        exemplars = re.findall(
            r'^sluice_request_duration_seconds_bucket\{.*,le="(\S+)"\} 1 '
            r'# \{request_id="(.*)"\} (\S+) (\S+)$', text, re.MULTILINE)
        (bound, told, value, at), = exemplars
        self.assertEqual(told, request_id)
        self.assertLessEqual(float(value), float(bound))
        self.assertLess(abs(float(at) - time.time()), 60)
        self.check_families(text)

    def check_families(self, text):
        """No family comes twice, and each sample stands under the family that it belongs to."""
        suffixes = {"counter": ("_total",), "gauge": ("",), "unknown": ("",),
                    "histogram": ("_bucket", "_sum", "_count")}
        seen, names = set(), ()
        for line in text.splitlines()[:-1]:
            if line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                self.assertNotIn(family, seen)
                seen.add(family)
                names = [family + suffix for suffix in suffixes[kind]]
            elif not line.startswith("#"):
                self.assertIn(re.match(r"[a-z_]+", line).group(), names)
        self.assertIn("sluice_requests", seen)
        self.assertIn("llm_requests_success", seen)

    def test_others_get_the_text_that_they_know(self):
        for accept in ("*/*", "text/plain", "application/openmetrics-text;q=0, text/plain"):
            kind, text = self.scrape(accept)
            self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
            self.assertNotIn("# EOF", text)
            self.assertNotIn("request_id=", text)


class TimesTest(CountCase):
    DELAY_S = 0.03

    @staticmethod
    def timings(response):
        """The server-timing field, in seconds."""
        return {name: float(value) / 1e3 for name, value in
                re.findall(r"(\w+);dur=([\d.]+)", response.field("server-timing"))}

    def test_server_timing_is_what_both_ends_observe(self):
        served = []

        def script(connection, _):
            began = time.monotonic()
            time.sleep(self.DELAY_S)  # What is measured is a wait of known length.
            served.append(time.monotonic() - began)
            return support.json_answer(connection, b"{}")
        self.upstream.script = script
        client = self.gateway.client()
        own, difference, off = [], [], []
        for i in range(40):
            began = time.monotonic()
            client.post(CHAT, b'{"model":"m"}')
            response = client.read_response()
            observed = time.monotonic() - began
            timings = self.timings(response)
            if i > 0:  # The first one connects.
                own.append(timings["sluice"])
                difference.append(observed - served[i])
                off.append(timings["upstream"] - served[i])
        print(f"own share: {statistics.median(own) * 1e6:.0f} us reported, "
              f"{statistics.median(difference) * 1e6:.0f} us between what both ends saw; upstream "
              f"{statistics.median(off) * 1e3:.2f} ms longer than it says itself")
        # Between the two lie the kernel and these two threads as well.
        self.assertGreater(statistics.median(own), 0)
        self.assertLess(statistics.median(own), statistics.median(difference))
        self.assertGreater(min(off), -0.001)
        self.assertLess(statistics.median(off), self.DELAY_S / 2)

    def test_waiting_for_a_slow_client_is_not_the_gateways_own_time(self):
        self.upstream.script = lambda c, _: support.json_answer(c, b"{}")
        client = self.gateway.client()
        body = b'{"model":"m"}'
        client.send(f"POST {CHAT} HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n\r\n"
                    .encode())
        time.sleep(0.2)  # What is measured is a wait of known length.
        client.send(body)
        timings = self.timings(client.read_response())
        self.assertLess(timings["sluice"], 0.05)
        line = self.lines(1)[0]
        self.assertGreater(line["receive_ms"], 190)
        self.assertGreaterEqual(line["total_ms"], line["receive_ms"])


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
