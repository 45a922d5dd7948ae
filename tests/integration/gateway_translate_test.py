"""Between two dialects: what must not cross, and what happens when something goes wrong.

Headers and keys of one side stay there; a bad frame, a cut and a client that leaves end both sides;
what a client gets for an error is in its own dialect. Whole exchanges: gateway_vectors_test.py.
"""

import json
import os
import sys
import time
import unittest

import gateway_support as support
import vector_server
from vector_compare import ChatStream, MessagesStream
from secret_watch import WatchedCase

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
# Of no form that tells it is a key.
KEY = "7f0c2a9be1d84411"
CLIENT_KEY = "sk-of-the-client-0815"
# A client that left is noticed within this, once in a few tries: the machine may be busy.
ABORT_S = 0.05
ABORT_TRIES = 5

PROVIDERS = (
    ("anthropic", "/v1", ""), ("gemini", "/v1beta", ""), ("openai", "/v1", ""), ("vllm", "/v1", ""),
    ("bedrock", "", 'location = "eu-central-1"\n'), ("ollama", "", ""),
)
# Client path, provider, vector whose reply the upstream gives.
PAIRS = (
    (CHAT, "anthropic", "anthropic/stream-parallel-tools"),
    (CHAT, "gemini", "gemini/stream-parallel-tools-signature"),
    (CHAT, "vllm", "compat/vllm-stream"),
    (CHAT, "bedrock", "bedrock/stream"),
    (CHAT, "ollama", "ollama/stream"),
    (MESSAGES, "openai", "openai/stream-parallel-tools"),
    (MESSAGES, "vllm", "compat/vllm-stream"),
    (MESSAGES, "gemini", "gemini/stream-parallel-tools-signature"),
)
OF_THE_CLIENT = (
    ("authorization", f"Bearer {CLIENT_KEY}"), ("x-api-key", CLIENT_KEY), ("api-key", CLIENT_KEY),
    ("x-goog-api-key", CLIENT_KEY), ("proxy-authorization", f"Basic {CLIENT_KEY}"),
    ("cookie", f"session={CLIENT_KEY}"), ("anthropic-beta", "context-1m-2025-08-07"),
    ("anthropic-version", "2099-01-01"), ("openai-beta", "assistants=v2"),
    ("openai-organization", "org-client"), ("openai-project", "proj-client"),
    ("anthropic-dangerous-direct-browser-access", "true"), ("x-stainless-lang", "js"),
    ("origin", "https://page.test"), ("referer", "https://page.test/x"),
    ("x-forwarded-for", "203.0.113.9"), ("x-amz-security-token", CLIENT_KEY),
    ("x-goog-user-project", "client"), ("x-of-nobody", "1"),
)
# What may stand in a translated request's head, besides the key.
OF_THE_GATEWAY = {"host", "content-type", "accept", "content-length", "accept-encoding",
                  "x-request-id", "anthropic-version", "user-agent"}
KEY_FIELDS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key", "ollama": None}


def config_for(port):
    text = '[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
    for name, base, more in PROVIDERS:
        text += (f'\n[llm.{name}]\nprovider = "{name}"\ntype = "chat"\n'
                 f'base_url = "http://127.0.0.1:{port}{base}"\n{support.ONE_ATTEMPT}{more}')
        text += 'token_env = "TEST_UPSTREAM_KEY"\n' if name != "ollama" else ""
        text += f'\n[[route]]\npath_prefix = "/{name}"\ntarget_llm = "{name}"\n'
    return text


def body_for(path, stream=True):
    body = {"model": "m-1", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    return json.dumps({**body, "max_tokens": 64} if path == MESSAGES else body).encode()


def history(path, *ids):
    """A turn in which the model called a function once for each id."""
    start = {"model": "gemini-3.5-flash", "stream": True, "max_tokens": 64}
    asks = {"role": "user", "content": "How warm is it?"}
    if path == MESSAGES:
        calls = [{"type": "tool_use", "id": each, "name": "warmth", "input": {}} for each in ids]
        results = [{"type": "tool_result", "tool_use_id": each, "content": "9"} for each in ids]
        turns = [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
        tools = [{"name": "warmth", "input_schema": {"type": "object"}}]
    else:
        calls = [{"type": "function", "id": each, "function": {"name": "warmth", "arguments": "{}"}}
                 for each in ids]
        turns = [{"role": "assistant", "tool_calls": calls}] + [
            {"role": "tool", "tool_call_id": each, "content": "9"} for each in ids]
        tools = [{"type": "function", "function": {"name": "warmth"}}]
    return json.dumps({**start, "messages": [asks, *turns], "tools": tools}).encode()


def read_stream(path, response):
    return (MessagesStream if path == MESSAGES else ChatStream)(response.body)


class Translate(WatchedCase):
    def setUp(self):
        self.upstream = vector_server.VectorServer()
        self.gateway = support.Gateway(config_for(self.upstream.port), {"TEST_UPSTREAM_KEY": KEY})

    def tearDown(self):
        log = self.gateway.read_log()
        code = self.gateway.stop()
        self.upstream.close()
        self.assertEqual(code, 0, log)
        self.assertEqual(self.upstream.errors, [])

    def ask(self, path, provider, reply, fields=(), body=None):
        self.upstream.set_reply(reply)
        client = self.gateway.client()
        client.post(f"/{provider}{path}", body or body_for(path, reply.is_stream), fields)
        response = client.read_response()
        client.close()
        return response

    # --- What clients have no place for.

    def test_signatures_of_calls_are_remembered_for_those_who_drop_them(self):
        """Gemini 3 refuses a history without the signatures that it gave."""
        name = "gemini/stream-parallel-tools-signature"
        vector = vector_server.load(name)
        signature = json.loads(vector["upstream_response"]["body_utf8"].split("data: ")[1])[
            "candidates"][0]["content"]["parts"][0]["thoughtSignature"]
        for path in (CHAT, MESSAGES):
            with self.subTest(path):
                self.ask(path, "gemini", vector_server.reply_of(vector))
                self.ask(path, "gemini", vector_server.reply_of(vector),
                         body=history(path, "dv8szvqe", "j80tal12"))
                self.assertEqual(self.signatures_sent(), [signature, None])
                # Of a call that nobody knows there is none to be had.
                self.ask(path, "gemini", vector_server.reply_of(vector),
                         body=history(path, "dv8szvqX", "j80tal12"))
                self.assertNotIn(signature, self.signatures_sent())

    def signatures_sent(self):
        contents = json.loads(self.upstream.requests[-1].body)["contents"]
        return [part.get("thoughtSignature") for content in contents for part in content["parts"]
                if "functionCall" in part]

    # --- What must not cross.

    def test_nothing_of_the_client_reaches_another_dialect(self):
        for path, provider, name in PAIRS:
            if path == CHAT and provider == "openai":
                continue  # Relayed: unknown fields pass.
            with self.subTest(f"{path} {provider}"):
                reply = vector_server.reply_of(vector_server.load(name))
                response = self.ask(path, provider, reply, OF_THE_CLIENT)
                self.assertEqual((response.status, response.complete), (200, True))
                request = self.upstream.requests[0]
                self.assertNotIn(CLIENT_KEY.encode(), request.raw_head + request.body)
                key_field = KEY_FIELDS.get(provider, "authorization")
                expected = OF_THE_GATEWAY | ({key_field} if key_field else set())
                self.assertLessEqual({n.lower() for n, _ in request.fields}, expected)
                if key_field:
                    self.assertTrue(request.field(key_field).endswith(KEY))
                if provider == "anthropic":
                    self.assertEqual(request.field("anthropic-version"), "2023-06-01")

    def test_a_relay_keeps_credentials_back_and_passes_beta_flags(self):
        reply = vector_server.reply_of(vector_server.load("anthropic_in/passthrough-stream"))
        response = self.ask(MESSAGES + "?beta=true", "anthropic", reply,
                            OF_THE_CLIENT, body_for(MESSAGES))
        self.assertEqual(response.body, reply.body)
        request = self.upstream.requests[0]
        self.assertEqual(request.line.split(" ")[1], "/v1/messages?beta=true")
        self.assertNotIn(CLIENT_KEY.encode(), request.raw_head + request.body)
        self.assertEqual(request.field("anthropic-beta"), "context-1m-2025-08-07")
        self.assertEqual(request.field("x-api-key"), KEY)
        self.assertEqual(request.field("anthropic-version"), "2099-01-01")
        for name in ("cookie", "openai-organization", "openai-project", "origin", "referer"):
            self.assertIsNone(request.field(name), name)

    def test_the_providers_key_stays_with_us_even_if_it_is_told(self):
        for path, provider in ((CHAT, "openai"), (CHAT, "anthropic"), (MESSAGES, "vllm")):
            for text in (json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}.",
                                               "type": "invalid_request_error"}}),
                         f"<html>wrong key {KEY}</html>"):
                reply = vector_server.Reply(401, [("content-type", "application/json")],
                                            text.encode(), False)
                response = self.ask(path, provider, reply)
                self.assertEqual(response.status, 401)
                self.assertNotIn(KEY.encode(), response.body)
        self.assertNotIn(KEY, self.gateway.read_log() + self.gateway.read_access())

    def test_parameters_and_prefixes_of_paths(self):
        reply = vector_server.Reply(200, [("content-type", "application/json")], b"{}", False)
        for target in (CHAT, CHAT + "?a=b", "/v1/models/gpt-x", "/v1/files"):
            self.ask(target, "openai", reply, body=body_for(CHAT, False))
            self.assertEqual(self.upstream.requests[0].line.split(" ")[1], target)

    # --- What goes wrong.

    def assert_failed(self, path, response, code):
        """An error event and an abnormal end, in the client's dialect; or, where the client had
        heard nothing, a status and a body."""
        if response.status != 200:
            self.assertEqual(response.status, 502)
            self.assertIn("error", json.loads(response.body))
            return
        stream = read_stream(path, response)
        self.assertEqual(stream.problems, [], response.body)
        self.assertFalse(stream.is_done)
        self.assertIsNotNone(stream.error, response.body)
        self.assertFalse(response.complete)
        if path == CHAT:
            self.assertEqual(stream.error["code"], code, stream.error)
        else:
            self.assertEqual(stream.error["type"], "api_error")

    def test_a_malformed_frame_ends_the_stream_with_an_error(self):
        for path, provider, name in PAIRS:
            with self.subTest(f"{path} {provider}"):
                good = vector_server.reply_of(vector_server.load(name)).body
                for bad in broken_frames(provider, good):
                    response = self.ask(path, provider, vector_server.event_stream(bad))
                    self.assert_failed(path, response, "upstream_invalid_response")
                # The last one came after text.
                self.assertEqual(response.status, 200)

    def test_a_cut_never_looks_like_an_end(self):
        for path, provider, name in PAIRS:
            whole = vector_server.reply_of(vector_server.load(name)).body
            last = whole[:-6].rfind(b"\n", 0, len(whole) * 3 // 4)
            for at in sorted({1, len(whole) // 4, len(whole) // 2, last if last > 0 else 1}):
                for fault in ({"cut_after": at}, {"unterminated": True}):
                    with self.subTest(f"{path} {provider} {at} {fault}"):
                        body = whole if "cut_after" in fault else whole[:at]
                        reply = vector_server.event_stream(body, **fault)
                        response = self.ask(path, provider, reply)
                        self.assert_failed(path, response, "stream_truncated")

    def test_a_client_that_leaves_ends_the_upstreams_work(self):
        for path, provider, name in PAIRS:
            with self.subTest(f"{path} {provider}"):
                vector = vector_server.load(name)
                body = vector_server.reply_of(vector).body
                held = vector_server.reply_of(vector, hold_after=len(body) * 3 // 4)
                late = vector_server.reply_of(vector, delay_s=support.PATIENCE_S)
                self.assertLess(min(self.time_to_notice(path, provider, held, True)
                                    for _ in range(ABORT_TRIES)), ABORT_S)
                self.assertLess(min(self.time_to_notice(path, provider, late, False)
                                    for _ in range(ABORT_TRIES)), ABORT_S)

    def time_to_notice(self, path, provider, reply, in_stream):
        """Seconds from the client's leaving to the upstream's knowing it."""
        self.upstream.set_reply(reply)
        client = self.gateway.client()
        client.post(f"/{provider}{path}", body_for(path))
        if in_stream:
            self.assertEqual(client.read_head()[0], 200)
            client.read_event()
        else:
            support.wait_until(lambda: self.upstream.requests, "no request")
        began = time.monotonic()
        client.close()
        self.assertTrue(self.upstream.left.wait(support.PATIENCE_S), "the upstream was not told")
        return time.monotonic() - began

    def test_what_the_gateway_refuses_is_said_in_the_clients_dialect(self):
        reply = vector_server.event_stream(b"")
        for body, status in ((b'{"model":"m","messages":[', 400), (b"", 400),
                             (b'{"model":"m","messages":5}', 400)):
            chat = self.ask(CHAT, "anthropic", reply, body=body or b" ")
            self.assertEqual(chat.status, status)
            self.assertEqual(json.loads(chat.body)["error"]["type"], "invalid_request_error")
            messages = self.ask(MESSAGES, "vllm", reply, body=body or b" ")
            self.assertEqual(messages.status, status)
            said = json.loads(messages.body)
            self.assertEqual((said["type"], said["error"]["type"]),
                             ("error", "invalid_request_error"))
        self.assertEqual(self.upstream.requests, [])

    def test_tokens_are_counted_by_the_service_that_can_and_estimated_else(self):
        body = body_for(MESSAGES, False)
        reply = vector_server.Reply(200, [("content-type", "application/json")],
                                    b'{"input_tokens":7}', False)
        counted = self.ask(MESSAGES + "/count_tokens", "anthropic", reply, body=body)
        self.assertEqual(json.loads(counted.body), {"input_tokens": 7})
        self.assertEqual(self.upstream.requests[0].line.split(" ")[1], "/v1/messages/count_tokens")
        estimated = self.ask(MESSAGES + "/count_tokens", "vllm", reply, body=body)
        self.assertGreater(json.loads(estimated.body)["input_tokens"], 0)
        self.assertEqual(self.upstream.requests, [])

    def test_connections_are_used_again(self):
        for path, provider, name in PAIRS:
            reply = vector_server.reply_of(vector_server.load(name))
            before = self.upstream.accepted
            for _ in range(6):
                self.assertTrue(self.ask(path, provider, reply).complete)
            self.assertLess(self.upstream.accepted - before, 6, f"{path} {provider}")


def broken_frames(provider, good):
    """The stream with one frame that is no JSON, or is no frame: early, and in its middle."""
    if provider == "bedrock":
        starts = [0]
        while starts[-1] < len(good):
            starts.append(starts[-1] + int.from_bytes(good[starts[-1]:starts[-1] + 4], "big"))
        for end in (starts[1], starts[len(starts) // 2]):  # The last byte of a payload.
            at = end - 5
            yield good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
        return
    bad = [b'{"choices":[{"delta":{"content":', b"\xff\xfe", b"nonsense"]
    newline = b"\n" if provider == "ollama" else b"\r\n\r\n" if b"\r\n\r\n" in good else b"\n\n"
    for near in (0, len(good) // 2):
        at = good.index(newline, near) + len(newline)
        for frame in bad:
            prefix = b"" if provider == "ollama" else b"data: "
            yield good[:at] + prefix + frame + newline + good[at:]


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
