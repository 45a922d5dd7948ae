#!/usr/bin/env python3
"""A stream that dies after part of it was passed on, in every dialect that clients speak, relayed
and translated: a well-formed error event of that dialect, an abnormal end, and nothing that a
client could take for the end of an answer.

The real program before llm-mock, which breaks in each of its ways.
"""

import contextlib
import json
import sys
import unittest

import gateway_support as support
import llm_tools_test as tools
from gateway_support import CHAT
from secret_watch import WatchedCase
from vector_compare import events_of

COMPLETIONS, RESPONSES, MESSAGES = "/v1/completions", "/v1/responses", "/v1/messages"
PROVIDERS = (("openai_compatible", "/v1"), ("anthropic", "/v1"), ("gemini", "/v1beta"))
ASKED = [{"role": "user", "content": "Say something."}]
BODIES = {CHAT: {"messages": ASKED}, COMPLETIONS: {"prompt": "Say something."},
          RESPONSES: {"input": "Say something."}, MESSAGES: {"messages": ASKED, "max_tokens": 64}}
# After so many events there is text, whatever the provider.
AFTER = 7
# Each with the code that it has for clients of OpenAI's APIs.
FAULTS = {f"close-after-events={AFTER}": "stream_truncated",
          f"reset-after-events={AFTER}": "stream_truncated",
          f"bad-chunk-after-events={AFTER}": "upstream_invalid_response",
          f"stall-after-events={AFTER}": "upstream_timeout"}


class MidStreamDeath(WatchedCase):
    def setUp(self):
        self.mock = tools.Mock()
        self.addCleanup(lambda: self.assertEqual(self.mock.stop(), (0, "")))
        text = '[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
        for provider, base in PROVIDERS:
            text += (f'[llm.{provider}]\nprovider = "{provider}"\ntoken_env = "TEST_UPSTREAM_KEY"\n'
                     f'base_url = "http://127.0.0.1:{self.mock.port}{base}"\n{support.ONE_ATTEMPT}'
                     "timeouts = { silence_ms = 250 }\n"
                     f'[[route]]\npath_prefix = "/{provider}"\ntarget_llm = "{provider}"\n')
        self.gateway = support.Gateway(text)
        self.addCleanup(lambda: self.assertEqual(self.gateway.stop(), 0))

    def ask(self, provider, path):
        body = {"model": "m", "stream": True, **BODIES[path]}
        with contextlib.closing(self.gateway.client()) as client:
            client.post(f"/{provider}{path}", json.dumps(body).encode())
            return client.read_response()

    def expect_chat(self, events, code):
        """An error object as the last event's data, and no [DONE]."""
        chunks = [json.loads(data) for _, data in events]
        self.assertEqual([name for name, _ in events], [""] * len(events))
        self.assertEqual(chunks[-1].keys(), {"error"})
        self.assertEqual(chunks[-1]["error"]["code"], code)
        self.assertTrue(any(c["choices"][0].get("text") or c["choices"][0].get("delta", {})
                            .get("content") for c in chunks[:-1]), "no text")

    def expect_messages(self, events, code):
        self.assertEqual([json.loads(data)["type"] for _, data in events],
                         [name for name, _ in events])
        name, data = events[-1]
        self.assertEqual(name, "error")
        self.assertEqual(json.loads(data)["error"]["type"],
                         "timeout_error" if code == "upstream_timeout" else "api_error")
        names = [name for name, _ in events]
        self.assertNotIn("message_stop", names)
        self.assertIn("content_block_delta", names)

    def expect_responses(self, events, code):
        said = [(name, json.loads(data)) for name, data in events]
        self.assertEqual([event["type"] for _, event in said], [name for name, _ in said])
        names = [name for name, _ in said]
        self.assertNotIn("response.completed", names)
        self.assertIn("response.output_text.delta", names)
        # A translated stream goes on to say that the response has failed.
        error = names.index("error")
        self.assertIn(names[error:], (["error"], ["error", "response.failed"]))
        self.assertEqual(said[error][1]["code"], code)
        numbers = [event["sequence_number"] for _, event in said]
        self.assertEqual(numbers, sorted(set(numbers)))

    EXPECT = {CHAT: expect_chat, COMPLETIONS: expect_chat, RESPONSES: expect_responses,
              MESSAGES: expect_messages}

    def test_every_dialect_tells_that_it_broke_off(self):
        for fault, code in FAULTS.items():
            answer = self.mock.get("/mock/fault", "POST", fault.encode())
            self.assertEqual(answer.status, 200)
            for provider, _ in PROVIDERS:
                for path, expect in self.EXPECT.items():
                    with self.subTest(fault=fault, provider=provider, path=path):
                        response = self.ask(provider, path)
                        self.assertEqual(response.status, 200, response.body)
                        self.assertFalse(response.complete, "it looks whole")
                        expect(self, list(events_of(response.body)), code)


if __name__ == "__main__":
    tools.BUILD = sys.argv.pop(1)
    support.SLUICE = tools.BUILD + "/sluice"
    unittest.main(warnings="ignore")
