#!/usr/bin/env python3
"""Traces: what a receiver of OpenTelemetry gets, what upstreams are told, and that nobody else
notices.

The real program between scripted upstreams and a receiver that checks every field of what comes.
"""

import functools
import json
import os
import re
import sys
import tempfile
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk, event
from otlp_receiver import CLIENT, INTERNAL, SERVER, Receiver, accepts
from secret_watch import WATCH, WatchedCase
from tls_support import Authority, TlsUpstream

CANARY = "never tell this prompt to anybody"
ANSWER = "nor this answer"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": CANARY}]}).encode()
STREAM = json.dumps({"model": "m", "stream": True,
                     "messages": [{"role": "user", "content": CANARY}]}).encode()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
UNSAMPLED = f"00-{TRACE}-{PARENT}-00"


def reply():
    return json.dumps({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                  "prompt_tokens_details": {"cached_tokens": 5}}}).encode()


def answers(connection, request):
    if b'"stream"' not in request.body:
        return support.json_answer(connection, reply())
    delta = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-2026"}
    pieces = [{**delta, "choices": [{"index": 0, "delta": {"content": ANSWER},
                                     "finish_reason": None}]},
              {**delta, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
              {**delta, "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7,
                                                 "total_tokens": 18}}]
    connection.send(STREAM_HEAD + b"".join(chunk(event(json.dumps(p).encode())) for p in pieces)
                    + chunk(DONE) + b"0\r\n\r\n")
    return True


def refuses(status):
    body = json.dumps({"error": {"message": "no", "type": "server_error"}}).encode()
    return lambda connection, request: support.json_answer(connection, body, status)


def cut(connection, request):
    connection.send(STREAM_HEAD + chunk(event(b'{"id":"c","choices":[]}')))
    return False


def in_turn(*scripts):
    """One script a request, the last for good."""
    left = list(scripts)
    return lambda connection, request: (left.pop(0) if len(left) > 1 else left[0])(
        connection, request)


def client_span_told(request):
    """The trace and the span that an upstream was told of."""
    match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]", request.field("traceparent"))
    return match.groups()


class TraceCase(WatchedCase):
    def start(self, script=answers, traces="", config="", llm="", route="", answer=None,
              environment=None, retries=None, receiver=None):
        self.receiver = receiver or Receiver(answer)
        self.addCleanup(self.receiver.close)
        self.upstream = Upstream(script)
        self.addCleanup(self.upstream.close)
        settings = {"endpoint": json.dumps(self.receiver.endpoint), "sample_ratio": "1",
                    "batch_delay_ms": "20"}
        for line in traces.splitlines():
            key, _, value = line.partition(" = ")
            settings[key] = value
        section = "[traces]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items() if v)
        self.gateway = Gateway(
            support.config_for(self.upstream.port, llm=llm, route=route, more=section + config,
                               retries=retries), environment)
        self.addCleanup(self.end)

    def stop(self):
        """Ends the gateway, once; what it had to send has been sent then."""
        if self.gateway is not None:
            gateway, self.gateway = self.gateway, None
            self.assertEqual(gateway.stop(), 0)

    def end(self):
        self.stop()
        self.assertEqual(self.upstream.errors, [])
        self.assertEqual(self.receiver.problems, [])
        for text in self.receiver.requests:
            self.assertNotIn(CANARY, text)
            self.assertNotIn(ANSWER, text)
            WATCH.capture("what the receiver of traces got", text)

    def ask(self, body=BODY, fields=(), path=CHAT):
        client = self.gateway.client()
        client.post(path, body, fields)
        response = client.read_response()
        client.close()
        return response

    def one_trace(self, count=1):
        traces = self.receiver.wait_for(count)
        self.assertEqual(self.receiver.problems, [])
        self.assertEqual(len(traces), count)
        return traces[-1]

    def of_kind(self, spans, kind):
        return [span for span in spans if span.kind == kind]

    def named(self, spans, name):
        found = [span for span in spans if span.name == name]
        self.assertEqual(len(found), 1, f"{name} in {spans}")
        return found[0]


class TestSpans(TraceCase):
    def test_a_stream_below_its_clients_trace(self):
        self.start()
        began = time.time_ns()
        response = self.ask(STREAM, [("traceparent", SAMPLED), ("tracestate", "vendor=1")])
        self.assertEqual(response.status, 200)
        spans = self.one_trace()
        self.assertEqual(sorted(span.name for span in spans),
                         ["POST /v1", "chat m", "connect", "first_token", "stream"])
        server, = self.of_kind(spans, SERVER)
        self.assertEqual((server.trace, server.parent), (TRACE, PARENT))
        self.assertEqual(server["http.response.status_code"], 200)
        self.assertEqual(server["url.path"], CHAT)
        self.assertEqual(server["http.route"], "/v1")
        self.assertEqual(server["client.address"], "127.0.0.1")
        self.assertEqual(server["sluice.request_id"], response.field("x-request-id"))
        self.assertEqual(server["sluice.kept_by"], "head")
        self.assertIs(server["sluice.stream"], True)
        self.assertFalse(server.is_error)
        self.assertGreaterEqual(server.began, began - 10**9)
        self.assertLessEqual(server.ended, time.time_ns() + 10**9)
        attempt, = self.of_kind(spans, CLIENT)
        self.assertEqual(attempt.parent, server.id)
        self.assertEqual(attempt["gen_ai.provider.name"], "openai_compatible")
        self.assertEqual(attempt["gen_ai.request.model"], "m")
        self.assertEqual(attempt["server.address"], "127.0.0.1")
        self.assertEqual(attempt["server.port"], self.upstream.port)
        self.assertEqual(attempt["gen_ai.usage.input_tokens"], 11)
        self.assertEqual(attempt["gen_ai.usage.output_tokens"], 7)
        self.assertEqual(attempt["gen_ai.response.model"], "m-2026")
        self.assertEqual(attempt["gen_ai.response.finish_reasons"], ["stop"])
        for span in self.of_kind(spans, INTERNAL):
            self.assertEqual(span.parent, attempt.id, span)
        self.assertEqual(self.named(spans, "first_token").ended,
                         self.named(spans, "stream").began)
        asked, = self.upstream.requests
        self.assertEqual(client_span_told(asked), (TRACE, attempt.id))
        self.assertTrue(asked.field("traceparent").endswith("-01"))
        self.assertEqual(asked.field("tracestate"), "vendor=1")
        self.assertEqual(asked.count("traceparent"), 1)

    def test_a_trace_of_its_own(self):
        self.start(traces='service_name = "edge"\n'
                          'resource = { "team" = "a", "service.version" = "x" }')
        self.assertEqual(self.ask().status, 200)
        spans = self.one_trace()
        self.assertEqual(sorted(span.name for span in spans),
                         ["POST /v1", "chat m", "connect", "first_byte", "response"])
        server, = self.of_kind(spans, SERVER)
        self.assertEqual(server.parent, "")
        attempt, = self.of_kind(spans, CLIENT)
        self.assertEqual(attempt["gen_ai.usage.cache_read.input_tokens"], 5)
        self.assertEqual(attempt["gen_ai.response.model"], "m-2026")
        self.assertEqual(attempt["gen_ai.response.finish_reasons"], ["stop"])
        self.assertEqual(client_span_told(self.upstream.requests[0]), (server.trace, attempt.id))
        resource = self.receiver.resources[0]
        self.assertEqual(resource["service.name"], "edge")
        self.assertEqual(resource["team"], "a")
        self.assertEqual(resource["process.pid"], self.gateway.process.pid)
        self.assertEqual(resource["service.version"], "x")
        self.assertTrue(resource["host.name"])

    def test_a_traceparent_that_is_wrong_begins_a_new_trace(self):
        self.start()
        self.ask(BODY, [("traceparent", SAMPLED.replace("00-", "ff-", 1)),
                        ("tracestate", "vendor=1")])
        server, = self.of_kind(self.one_trace(), SERVER)
        self.assertNotEqual(server.trace, TRACE)
        self.assertEqual(server.parent, "")
        asked, = self.upstream.requests
        self.assertEqual(client_span_told(asked)[0], server.trace)
        self.assertIsNone(asked.field("tracestate"))

    def test_a_kept_connection_has_no_connect_span(self):
        self.start()
        client = self.gateway.client()
        for _ in range(2):
            client.post(CHAT, BODY)
            self.assertEqual(client.read_response().status, 200)
        client.close()
        first, second = self.receiver.wait_for(2)
        self.assertIn("connect", [span.name for span in first])
        self.assertNotIn("connect", [span.name for span in second])
        self.assertIs(self.of_kind(second, CLIENT)[0]["sluice.connection.reused"], True)

    def test_a_retry_is_a_second_attempt(self):
        self.start(in_turn(refuses("503 Busy"), answers), retries=2)
        self.assertEqual(self.ask().status, 200)
        spans = self.one_trace()
        server, = self.of_kind(spans, SERVER)
        self.assertFalse(server.is_error)
        self.assertEqual(server["sluice.attempts"], 2)
        failed, done = self.of_kind(spans, CLIENT)
        self.assertTrue(failed.is_error)
        self.assertEqual(failed["error.type"], "503")
        self.assertEqual(failed["http.response.status_code"], 503)
        self.assertIsNone(failed["http.request.resend_count"])
        self.assertIsNone(failed["gen_ai.usage.input_tokens"])
        self.assertFalse(done.is_error)
        self.assertEqual(done["http.request.resend_count"], 1)
        self.assertEqual(done["sluice.retry.reason"], "status")
        self.assertEqual(done["gen_ai.usage.input_tokens"], 11)
        self.assertLessEqual(failed.ended, done.began)
        self.assertEqual([client_span_told(request) for request in self.upstream.requests],
                         [(server.trace, failed.id), (server.trace, done.id)])

    def test_a_fail_over_goes_to_another_target(self):
        other = Upstream(answers)
        self.addCleanup(other.close)
        self.start(refuses("500 Oops"), config=f"""
[llm.plain]
base_url = "http://127.0.0.1:{other.port}/v1"
token_env = "TEST_UPSTREAM_KEY"

[pool.p]
targets = ["up", "plain"]
strategy = "priority"

[[route]]
path_prefix = "/pool"
target_llm = "p"
""")
        self.assertEqual(self.ask(path="/pool" + CHAT).status, 200)
        spans = self.one_trace()
        server, = self.of_kind(spans, SERVER)
        self.assertEqual((server.name, server["sluice.pool"]), ("POST /pool", "p"))
        first, second = self.of_kind(spans, CLIENT)
        self.assertEqual((first["sluice.upstream"], first["error.type"]), ("up", "500"))
        self.assertEqual((second["sluice.upstream"], second["sluice.retry.reason"]),
                         ("plain", "fail_over"))
        self.assertEqual(second["server.port"], other.port)
        self.assertEqual(client_span_told(other.requests[0]), (server.trace, second.id))

    def test_a_translated_request_is_traced_as_well(self):
        def claude(connection, request):
            return support.json_answer(connection, json.dumps({
                "id": "msg", "type": "message", "role": "assistant", "model": "claude",
                "content": [{"type": "text", "text": ANSWER}], "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 4, "output_tokens": 2}}).encode())
        other = Upstream(claude)
        self.addCleanup(other.close)
        self.start(config=f"""
[llm.claude]
provider = "anthropic"
base_url = "http://127.0.0.1:{other.port}"
token_env = "TEST_UPSTREAM_KEY"

[[route]]
path_prefix = "/claude"
target_llm = "claude"
""")
        response = self.ask(path="/claude" + CHAT, fields=[("traceparent", SAMPLED),
                                                           ("tracestate", "vendor=1")])
        self.assertEqual(response.status, 200)
        spans = self.one_trace()
        attempt, = self.of_kind(spans, CLIENT)
        self.assertEqual(attempt["gen_ai.provider.name"], "anthropic")
        self.assertEqual(attempt["gen_ai.usage.output_tokens"], 2)
        self.assertEqual(attempt["gen_ai.response.model"], "claude")
        self.assertEqual(attempt["gen_ai.response.finish_reasons"], ["stop"])
        asked, = other.requests
        self.assertEqual(client_span_told(asked), (TRACE, attempt.id))
        self.assertEqual(asked.field("tracestate"), "vendor=1")
        self.assertEqual(other.errors, [])

    def test_processors_have_spans(self):
        self.start(route='processors = ["kind", "words"]', config="""
[processor.kind]
type = "system_prompt"
text = "Be kind."

[processor.words]
type = "guard"
words = ["forbidden"]
action = "block"
""")
        self.assertEqual(self.ask().status, 200)
        spans = self.one_trace()
        server, = self.of_kind(spans, SERVER)
        kind = self.named(spans, "processor kind")
        words = self.named(spans, "processor words")
        self.assertEqual((kind.parent, words.parent), (server.id, server.id))
        self.assertEqual(kind["sluice.processor.type"], "system_prompt")
        self.assertEqual(words["sluice.processor.verdict"], "proceed")
        self.assertLessEqual(kind.ended, words.began)
        self.assertLessEqual(words.ended, self.of_kind(spans, CLIENT)[0].began)
        blocked = self.ask(BODY.replace(CANARY.encode(), b"this is forbidden"))
        self.assertEqual(blocked.status, 400)
        spans = self.one_trace(2)
        self.assertEqual(self.named(spans, "processor words")["sluice.processor.verdict"],
                         "refuse")
        self.assertEqual(self.of_kind(spans, CLIENT), [])
        server, = self.of_kind(spans, SERVER)
        self.assertFalse(server.is_error)
        self.assertEqual(server["http.response.status_code"], 400)

    def test_what_nobody_was_asked_for(self):
        self.start()
        self.assertEqual(self.ask(path="/nowhere").status, 404)
        spans = self.one_trace()
        self.assertEqual([span.name for span in spans], ["POST"])
        self.assertEqual(spans[0]["http.response.status_code"], 404)
        self.assertFalse(spans[0].is_error)

    def test_an_upstream_that_nobody_can_reach(self):
        self.start()
        self.upstream.close()
        self.assertEqual(self.ask().status, 502)
        spans = self.one_trace()
        server, = self.of_kind(spans, SERVER)
        self.assertTrue(server.is_error)
        self.assertEqual(server["error.type"], "502")
        self.assertEqual(server["sluice.error.source"], "upstream")
        self.assertEqual(server["sluice.ended_in"], "connect")
        attempt, = self.of_kind(spans, CLIENT)
        self.assertTrue(attempt.is_error)
        self.assertEqual(attempt["error.type"], "connect_refused")
        self.assertEqual([span.name for span in self.of_kind(spans, INTERNAL)], ["connect"])
        self.assertTrue(self.named(spans, "connect").is_error)

    def test_a_stream_that_breaks(self):
        self.start(cut)
        self.assertEqual(self.ask(STREAM).status, 200)
        spans = self.one_trace()
        server, = self.of_kind(spans, SERVER)
        self.assertTrue(server.is_error)
        self.assertEqual(server["error.type"], "closed_early")
        attempt, = self.of_kind(spans, CLIENT)
        self.assertEqual(attempt["error.type"], "closed_early")

    def test_a_client_that_leaves_is_no_error(self):
        waits = threading.Event()

        def holds(connection, request):
            waits.set()
            connection.wait_for_end()
            return False
        self.start(holds)
        client = self.gateway.client()
        client.post(CHAT, BODY)
        self.assertTrue(waits.wait(support.PATIENCE_S))
        client.reset()
        spans = self.one_trace()
        server, = self.of_kind(spans, SERVER)
        self.assertFalse(server.is_error)
        self.assertEqual(server["error.type"], "cancelled")
        self.assertIsNone(server["http.response.status_code"])
        attempt, = self.of_kind(spans, CLIENT)
        self.assertFalse(attempt.is_error)
        self.assertEqual(attempt["error.type"], "cancelled")


class TestSampling(TraceCase):
    def test_the_parent_decides(self):
        self.start(traces="sample_ratio = 0")
        self.ask(fields=[("traceparent", UNSAMPLED)])
        self.assertTrue(self.upstream.requests[0].field("traceparent").endswith("-00"))
        self.ask()
        self.assertTrue(self.upstream.requests[1].field("traceparent").endswith("-00"))
        self.ask(fields=[("traceparent", SAMPLED.replace(TRACE, "1" * 32))])
        spans = self.one_trace()  # In the order of their end, so the others would have been first.
        self.assertEqual(spans[0].trace, "1" * 32)
        self.stop()
        self.assertEqual(len(self.receiver.traces()), 1)

    def test_a_parent_that_is_not_trusted(self):
        self.start(traces="sample_ratio = 0\nparent_based = false")
        self.ask(fields=[("traceparent", SAMPLED)])
        self.stop()
        self.assertEqual(self.receiver.traces(), [])
        told, _ = client_span_told(self.upstream.requests[0])
        self.assertEqual(told, TRACE)

    def test_errors_are_kept_whatever_the_ratio_says(self):
        self.start(in_turn(answers, refuses("500 Oops"), cut, answers),
                   traces="sample_ratio = 0")
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.ask().status, 502)
        self.ask(STREAM, [("traceparent", UNSAMPLED)])
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.ask(b"no json").status, 400)
        traces = self.receiver.wait_for(2)
        self.stop()
        self.assertEqual(len(self.receiver.traces()), 2)
        for spans in traces:
            server, = self.of_kind(spans, SERVER)
            self.assertTrue(server.is_error)
            self.assertEqual(server["sluice.kept_by"], "error")
        self.assertEqual(traces[1][0].trace, TRACE)

    def test_what_is_slow_is_kept(self):
        def slowly(connection, request):
            time.sleep(0.06)  # Longer than `slow_ms`, however fast the machine is.
            return answers(connection, request)
        self.start(slowly, traces="sample_ratio = 0\nslow_ms = 50")
        self.assertEqual(self.ask().status, 200)
        server, = self.of_kind(self.one_trace(), SERVER)
        self.assertEqual(server["sluice.kept_by"], "slow")
        self.assertFalse(server.is_error)

    def test_a_reload_changes_what_is_kept(self):
        self.start(traces="sample_ratio = 0")
        self.ask()
        with open(self.gateway.config_path, encoding="utf-8") as file:
            config = file.read()
        self.gateway.write_config(config.replace("sample_ratio = 0\n", "sample_ratio = 1\n"))
        self.gateway.signal(support.signal.SIGHUP)
        support.wait_until(lambda: "loaded anew" in self.gateway.read_log(), "reload")
        self.ask()
        self.assertEqual(len(self.receiver.wait_for(1)), 1)

    def test_without_an_endpoint_a_clients_trace_passes_by(self):
        self.start(traces="endpoint = ")
        self.ask(fields=[("traceparent", SAMPLED), ("tracestate", "vendor=1")])
        asked, = self.upstream.requests
        self.assertEqual(asked.field("traceparent"), SAMPLED)
        self.assertEqual(asked.field("tracestate"), "vendor=1")
        self.ask()
        self.assertIsNone(self.upstream.requests[1].field("traceparent"))


class TestExport(TraceCase):
    def exported(self):
        return self.gateway.metric("sluice_trace_spans_exported_total")

    def dropped(self, reason):
        return self.gateway.metric(f'sluice_trace_spans_dropped_total.*"{reason}"')

    def failures(self):
        return self.gateway.metric("sluice_trace_export_failures_total")

    def test_packed_or_not(self):
        for setting, encoding in (("", "gzip"), ('compression = "none"', None),
                                  ('compression = "gzip"', "gzip")):
            with self.subTest(setting):
                self.start(traces=setting)
                self.ask()
                self.one_trace()
                self.assertEqual(self.receiver.fields[0].get("content-encoding"), encoding)
                support.wait_until(lambda: self.exported() == 5, "five spans are counted")
                self.assertEqual(self.dropped("queue") + self.dropped("export"), 0)
                self.doCleanups()

    def test_headers_with_and_without_secrets(self):
        self.start(traces='headers = { x-scope = "llm" }\n'
                          'header_envs = { authorization = "TEST_OTLP_TOKEN" }',
                   environment={"TEST_OTLP_TOKEN": "Bearer otlp-secret-0815"})
        self.ask()
        self.one_trace()
        fields = self.receiver.fields[0]
        self.assertEqual(fields["authorization"], "Bearer otlp-secret-0815")
        self.assertEqual(fields["x-scope"], "llm")

    def test_over_tls_to_whom_the_authority_vouches_for(self):
        with tempfile.TemporaryDirectory() as folder:
            authority = Authority(folder)
            for name, takes in (("127.0.0.1", True), ("elsewhere.example", False)):
                with self.subTest(name):
                    serve = functools.partial(TlsUpstream, authority.issue(name))
                    self.start(traces=f'tls = {{ ca_file = "{authority.file}" }}\n'
                                      "retry_ms_max = 0",
                               receiver=Receiver(serve=serve, scheme="https"))
                    self.ask()
                    if takes:
                        self.one_trace()
                    else:
                        support.wait_until(lambda: self.dropped("export") == 5, "it is not told")
                        self.assertEqual(self.receiver.traces(), [])
                        support.wait_until(lambda: "tls_verify" in self.gateway.read_log(),
                                           "the log says why")
                    self.doCleanups()

    def test_the_variables_of_opentelemetry(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        self.start(traces="endpoint = ", environment={
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_SERVICE_NAME": "named",
            "OTEL_RESOURCE_ATTRIBUTES": "a=b,c=d"})
        self.ask()
        receiver.wait_for(1)
        self.assertEqual(receiver.problems, [])
        self.assertEqual({receiver.resources[0][k] for k in ("service.name", "a", "c")},
                         {"named", "b", "d"})

    def test_a_receiver_that_is_busy_is_asked_again(self):
        busy = refuses("503 Busy")
        self.start(answer=in_turn(busy, accepts))
        self.ask()
        support.wait_until(lambda: len(self.receiver.requests) >= 2, "the batch comes again")
        self.assertEqual(self.receiver.requests[0], self.receiver.requests[1])
        support.wait_until(lambda: self.exported() == 5, "it is counted once")
        self.assertEqual(self.failures(), 1)
        self.assertEqual(self.dropped("export"), 0)

    def test_retry_after_is_honoured(self):
        times = []

        def later(connection, request):
            times.append(time.monotonic())
            return support.json_answer(connection, b"{}", "429 Too Many", "Retry-After: 1\r\n")

        def now(connection, request):
            times.append(time.monotonic())
            return accepts(connection, request)
        self.start(answer=in_turn(later, now))
        self.ask()
        support.wait_until(lambda: len(times) >= 2, "the batch comes again")
        self.assertGreaterEqual(times[1] - times[0], 0.99)

    def test_a_refused_batch_does_not_come_again(self):
        self.start(answer=in_turn(refuses("400 Bad"), accepts))
        self.ask()
        support.wait_until(lambda: self.dropped("export") == 5, "the batch is given up")
        self.ask()
        support.wait_until(lambda: self.exported() == 4, "the next one is taken")
        self.assertEqual(len(self.receiver.requests), 2)
        self.assertEqual(len(self.receiver.traces()), 2)
        self.assertEqual(self.failures(), 1)

    def test_a_part_that_is_rejected_is_counted(self):
        def partly(connection, request):
            return support.json_answer(
                connection, b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no"}}')
        self.start(answer=partly)
        self.ask()
        support.wait_until(lambda: self.dropped("export") == 2, "rejected ones are counted")
        self.assertEqual(self.exported(), 3)
        self.assertEqual(len(self.receiver.requests), 1)

    def test_a_receiver_that_is_down_is_nobodys_business(self):
        self.start(traces="queue_traces_max = 4\nretry_ms_max = 0")
        self.receiver.close()
        for _ in range(8):
            self.assertEqual(self.ask().status, 200)
            self.assertEqual(self.ask(STREAM).status, 200)
        support.wait_until(lambda: self.dropped("export") + self.dropped("queue") > 0,
                           "drops are counted")
        support.wait_until(lambda: self.failures() > 0, "failures are counted")
        self.assertEqual(self.exported(), 0)
        support.wait_until(lambda: "traces are not taken" in self.gateway.read_log(),
                           "the log says so")

    def test_a_receiver_that_says_nothing_fills_the_queue(self):
        done = threading.Event()
        self.addCleanup(done.set)
        asked = threading.Event()

        def silent(connection, request):
            asked.set()
            done.wait(support.PATIENCE_S)
            return accepts(connection, request)
        self.start(traces="queue_traces_max = 4\ntimeout_ms = 60000", answer=silent)
        self.assertEqual(self.ask().status, 200)
        self.assertTrue(asked.wait(support.PATIENCE_S))
        for _ in range(10):
            self.assertEqual(self.ask().status, 200)
        # Four wait, the others had no room. The connection is kept, so there is none to be made.
        support.wait_until(lambda: self.dropped("queue") == 6 * 4, "drops are counted")
        done.set()
        support.wait_until(lambda: self.exported() == 5 + 4 * 4, "the rest is sent")
        self.assertEqual(self.dropped("export"), 0)

    def test_many_traces_come_in_batches(self):
        self.start(traces="batch_spans_max = 20\nbatch_delay_ms = 60000\n"
                          "queue_traces_max = 16")
        for _ in range(16):
            self.ask()
        # Half a queue is taken before its time.
        self.receiver.wait_for(8)
        self.stop()
        self.assertEqual(len(self.receiver.traces()), 16)
        self.assertGreater(len(self.receiver.requests), 2)

    def test_a_slow_receiver_gets_no_smaller_batches(self):
        def slow(connection, request):
            time.sleep(0.02)  # A slow receiver is what is tested.
            return accepts(connection, request)
        self.start(traces="batch_delay_ms = 1000", answer=slow)
        began = time.monotonic()
        for _ in range(60):
            self.ask()
        elapsed = time.monotonic() - began
        self.receiver.wait_for(60)
        # One a second and no more, however long this machine takes.
        self.assertLessEqual(len(self.receiver.requests), elapsed + 4)

    def test_what_is_left_is_sent_at_the_end(self):
        self.start(traces="batch_delay_ms = 60000")
        self.ask()
        self.ask()
        self.assertEqual(self.receiver.traces(), [])
        self.stop()
        self.assertEqual(len(self.receiver.traces()), 2)

    def test_the_end_waits_for_nobody_for_long(self):
        done = threading.Event()
        self.addCleanup(done.set)

        def silent(connection, request):
            done.wait(support.PATIENCE_S)
            return False
        self.start(traces="batch_delay_ms = 60000\nflush_timeout_ms = 100\ntimeout_ms = 60000",
                   answer=silent)
        self.ask()
        began = time.monotonic()
        self.stop()
        self.assertLess(time.monotonic() - began, 10)


def says_nothing(connection, request):
    del request
    connection.wait_for_end()
    return False


class HedgeTraces(TraceCase):
    """The second of two upstreams is asked while the first one says nothing."""

    def ask_both(self, first, second):
        self.second = Upstream(second)
        self.addCleanup(self.second.close)
        self.start(first, config=(
            '[pool.p]\ntargets = ["up", "second"]\nstrategy = "priority"\n'
            'hedge = { enabled = true, percentile = 0, delay_ms_min = 50, budget_percent = 100 }\n'
            '[llm.second]\nprovider = "openai_compatible"\ntype = "chat"\n'
            f'base_url = "http://127.0.0.1:{self.second.port}/v1"\n{support.ONE_ATTEMPT}'
            '[[route]]\npath_prefix = "/pool"\ntarget_llm = "p"\n'))
        self.assertEqual(self.ask(path="/pool" + CHAT).status, 200)
        spans = self.one_trace()
        attempts = {span["server.port"]: span for span in self.of_kind(spans, CLIENT)}
        self.assertEqual(set(attempts), {self.upstream.port, self.second.port})
        return attempts[self.upstream.port], attempts[self.second.port]

    def check(self, winner, loser, asked):
        self.assertEqual(winner["gen_ai.usage.input_tokens"], 11)
        self.assertEqual(winner["gen_ai.response.model"], "m-2026")
        self.assertFalse(winner.is_error)
        self.assertIsNone(loser["gen_ai.usage.input_tokens"])
        self.assertIsNone(loser["gen_ai.response.model"])
        for span, upstream in asked:
            self.assertEqual(client_span_told(upstream.requests[0])[1], span.id)

    def test_the_answer_is_of_the_one_that_has_given_it(self):
        first, second = self.ask_both(says_nothing, answers)
        self.check(second, first, ((first, self.upstream), (second, self.second)))
        self.assertEqual(first["error.type"], "cancelled")
        self.assertEqual(second["sluice.retry.reason"], "hedge")

    def test_one_that_was_overtaken_has_a_span_too(self):
        def slow(connection, request):
            self.assertTrue(self.asked.wait(support.PATIENCE_S))
            return answers(connection, request)

        def second(connection, request):
            self.asked.set()
            return says_nothing(connection, request)
        self.asked = threading.Event()
        first, second = self.ask_both(slow, second)
        self.check(first, second, ((first, self.upstream), (second, self.second)))
        self.assertEqual(second["error.type"], "cancelled")


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
