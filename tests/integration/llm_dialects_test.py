"""llm-mock in the dialects of other vendors, as the gateway reads it: the text is always the same.

A chat client asks the gateway, whose upstream is llm-mock behind each provider; what it gets is
compared with what llm-mock answers to the same request itself.
"""

import contextlib
import json
import sys
import time
import unittest

import gateway_support as support
import llm_tools_test as tools
from gateway_support import CHAT

MODEL = "model-1:0"  # Its colon is percent-encoded in a path.
# Provider, path of its base URL, what its paths are below it, whole and streamed.
ANTHROPIC = ("anthropic", "/v1", "/v1/messages", "/v1/messages")
GEMINI = ("gemini", "/v1beta", "/v1beta/models/m:generateContent",
          "/v1beta/models/m:streamGenerateContent?alt=sse")
BEDROCK = ("bedrock", "", "/model/m/converse", "/model/m/converse-stream")
INVOKE = ("anthropic_bedrock", "", "/model/m/invoke", "/model/m/invoke-with-response-stream")
VERTEX = ("anthropic_vertex", "/v1", "/v1/models/m:rawPredict", "/v1/models/m:streamRawPredict")
OLLAMA = ("ollama", "", "/api/chat", "/api/chat")
DIALECTS = (ANTHROPIC, GEMINI, BEDROCK, INVOKE, VERTEX, OLLAMA)
# Such as each of them wants, for questions that do not go through the gateway.
MESSAGES = [{"role": "user", "content": "hello"}]
PARTS = [{"text": "hello"}]
BODIES = {"anthropic": {"model": "m", "max_tokens": 4, "messages": MESSAGES},
          "anthropic_bedrock": {"anthropic_version": "v", "max_tokens": 4, "messages": MESSAGES},
          "anthropic_vertex": {"anthropic_version": "v", "max_tokens": 4, "messages": MESSAGES},
          "gemini": {"contents": [{"role": "user", "parts": PARTS}],
                     "generationConfig": {"maxOutputTokens": 4}},
          "bedrock": {"messages": [{"role": "user", "content": PARTS}],
                      "inferenceConfig": {"maxTokens": 4}},
          "ollama": {"model": "m", "messages": MESSAGES, "options": {"num_predict": 4}}}


def direct_body(provider, stream):
    body = dict(BODIES[provider])
    if provider in ("anthropic", "anthropic_vertex", "ollama"):
        body["stream"] = stream
    return body


def chat_body(stream, tokens=None):
    body = {"model": MODEL, "stream": stream,
            "messages": [{"role": "system", "content": "Say something."},
                         {"role": "user", "content": "Hello, \"world\"\n\u00e4"}]}
    if tokens is not None:
        body["max_tokens"] = tokens
    if stream:
        body["stream_options"] = {"include_usage": True}
    return json.dumps(body).encode()


def counts_of(usage):
    return {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


def read_chat(body, stream):
    """Text, reason of the end, usage."""
    if not stream:
        answer = json.loads(body)
        choice = answer["choices"][0]
        return (choice["message"]["content"], choice["finish_reason"],
                counts_of(answer["usage"]))
    text, reason, usage = "", None, None
    assert body.endswith(tools.DONE), body[-300:]
    for event in body.split(b"\n\n"):
        if not event.startswith(b"data: {"):
            continue
        chunk = json.loads(event[len(b"data: "):])
        assert "error" not in chunk, chunk
        if chunk.get("usage"):
            usage = counts_of(chunk["usage"])
        for choice in chunk["choices"]:
            text += choice["delta"].get("content") or ""
            reason = choice["finish_reason"] or reason
    return text, reason, usage


class Case(unittest.TestCase):
    def setUp(self):
        self.mock = tools.Mock()

    def tearDown(self):
        self.assertEqual(self.mock.stop(), (0, ""))

    @contextlib.contextmanager
    def gateway(self, dialect):
        provider, base = dialect[:2]
        more = "" if dialect in (ANTHROPIC, GEMINI, OLLAMA) else 'location = "eu-central-1"\n'
        gateway = support.Gateway(
            f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n[llm.up]\n'
            f'provider = "{provider}"\ntype = "chat"\ntoken_env = "TEST_UPSTREAM_KEY"\n'
            f'{more}{support.ONE_ATTEMPT}'
            f'base_url = "http://127.0.0.1:{self.mock.port}{base}"\n'
            f'[[route]]\npath_prefix = "/v1"\ntarget_llm = "up"\n')
        try:
            yield gateway
        finally:
            log = gateway.read_log()
            self.assertEqual(gateway.stop(), 0, log)

    @staticmethod
    def ask(server, body, path=CHAT):
        with contextlib.closing(server.client()) as client:
            client.post(path, body)
            return client.read_response()

    def set_fault(self, fault):
        self.assertEqual(self.mock.get("/mock/fault", "POST", fault.encode()).status, 200)


class GatewayTest(Case):
    def test_text_and_usage_are_those_of_openais_form(self):
        for dialect in DIALECTS:
            with self.gateway(dialect) as gateway:
                for stream in (False, True):
                    for tokens in (4, None):
                        with self.subTest(provider=dialect[0], stream=stream, tokens=tokens):
                            body = chat_body(stream, tokens)
                            expected = read_chat(self.ask(self.mock, body).body, stream)
                            response = self.ask(gateway, body)
                            self.assertEqual((response.status, response.complete), (200, True),
                                             response.body)
                            self.assertEqual(read_chat(response.body, stream), expected)
                            self.assertEqual(expected[1], "length" if tokens else "stop")

    def test_refusals(self):
        for dialect in DIALECTS:
            with self.gateway(dialect) as gateway, self.subTest(provider=dialect[0]):
                self.set_fault("status=429,retry-after=7")
                response = self.ask(gateway, chat_body(True))
                self.assertEqual((response.status, response.field("retry-after")), (429, "7"))
                self.assertIn("was asked for", json.loads(response.body)["error"]["message"])
                self.set_fault("")
                self.assertEqual(self.ask(gateway, chat_body(True)).status, 200)

    def test_streams_that_break_are_not_ended_well(self):
        faults = ["error-after-events=4", "reset-after-events=4", "close-after-events=4",
                  "bad-json-after-events=4", "close-after-bytes=1500", "no-done"]
        for dialect in DIALECTS:
            with self.gateway(dialect) as gateway:
                for fault in faults:
                    if dialect is BEDROCK and fault == "no-done":
                        continue  # Only its usage comes after the reason of the end.
                    with self.subTest(provider=dialect[0], fault=fault):
                        self.set_fault(fault)
                        response = self.ask(gateway, chat_body(True))
                        self.assertEqual(response.status, 200)
                        self.assertFalse(response.complete and
                                         response.body.endswith(tools.DONE) and
                                         b'"error"' not in response.body, response.body)
                        if fault.startswith("error"):
                            self.assertIn(b"the model stopped", response.body)


class DirectTest(Case):
    def test_content_types_and_ends(self):
        for (provider, _, _, path), content_type, end in (
                (ANTHROPIC, "text/event-stream", b'data: {"type":"message_stop"}\n\n'),
                (GEMINI, "text/event-stream", b"}\r\n\r\n"),
                (BEDROCK, "application/vnd.amazon.eventstream", b""),
                (INVOKE, "application/vnd.amazon.eventstream", b""),
                (VERTEX, "text/event-stream", b'data: {"type":"message_stop"}\n\n'),
                (OLLAMA, "application/x-ndjson", b"}\n")):
            with self.subTest(provider=provider):
                response = self.mock.answer(direct_body(provider, True), path=path)
                self.assertEqual((response.status, response.field("content-type")),
                                 (200, content_type))
                self.assertTrue(response.body.endswith(end))
                whole = self.mock.answer(direct_body(provider, True), path=path)
                self.assertEqual(whole.body, response.body)

    def test_pace(self):
        for provider, _, whole, streamed in DIALECTS:
            for stream, path in ((False, whole), (True, streamed)):
                with self.subTest(provider=provider, stream=stream):
                    began = time.monotonic()
                    response = self.mock.answer(direct_body(provider, stream),
                                                ("x-mock-ttft-ms", "60"), ("x-mock-itl-ms", "20"),
                                                path=path)
                    self.assertEqual(response.status, 200, response.body)
                    self.assertGreaterEqual(time.monotonic() - began, 0.12)

    def test_events_leave_one_by_one(self):
        for provider, _, _, path in DIALECTS:
            with self.subTest(provider=provider):
                fields = (("x-mock-itl-ms", "60000"),)
                client = self.mock.post(direct_body(provider, True), *fields, path=path)
                self.assertEqual(client.read_head()[0], 200)
                self.assertGreater(int(client.read_until(b"\r\n"), 16), 0)
                client.close()

    def test_stamps_and_fills_where_there_are_comments(self):
        for provider, _, _, path in DIALECTS:
            fields = (("x-mock-stamp", "1"), ("x-mock-event-bytes", "700"))
            body = self.mock.answer(direct_body(provider, True), *fields, path=path).body
            self.assertEqual(b": t=" in body,
                             provider in ("anthropic", "anthropic_vertex", "gemini"), provider)

    def test_large_prompts_are_answered(self):
        for provider, _, _, path in DIALECTS:
            with self.subTest(provider=provider):
                body = json.dumps(direct_body(provider, True)).replace("hello", "hello " * 20000)
                response = self.ask(self.mock, body.encode(), path)
                self.assertEqual((response.status, response.complete), (200, True))
                self.assertGreater(len(response.body), 100)

    def test_errors_have_the_dialects_shape(self):
        for (provider, _, whole, _), read in (
                (ANTHROPIC, lambda a: (a["type"], a["error"]["type"])),
                (GEMINI, lambda a: (a["error"]["code"], a["error"]["status"])),
                (BEDROCK, lambda a: ("the model", bool(a["message"]))),
                (INVOKE, lambda a: ("the model", bool(a["message"]))),
                (VERTEX, lambda a: (a["type"], a["error"]["type"])),
                (OLLAMA, lambda a: ("the text", bool(a["error"])))):
            with self.subTest(provider=provider):
                response = self.mock.answer(direct_body(provider, False),
                                            ("x-mock-fault", "status=429"), path=whole)
                self.assertEqual(response.status, 429)
                self.assertIn(read(json.loads(response.body)), (
                    ("error", "rate_limit_error"), (429, "RESOURCE_EXHAUSTED"),
                    ("the model", True), ("the text", True)))
                self.assertEqual(response.field("x-amzn-errortype"),
                                 "ThrottlingException" if provider.endswith("bedrock") else None)
                self.assertEqual(self.mock.get(whole).status, 405)
                self.assertEqual(self.mock.answer({}, path=whole).status, 400)
        self.assertEqual(self.mock.answer(BODIES["gemini"], path=GEMINI[3].split("?")[0]).status,
                         400)


if __name__ == "__main__":
    tools.BUILD = sys.argv.pop(1)
    support.SLUICE = tools.BUILD + "/sluice"
    unittest.main(warnings="ignore")
