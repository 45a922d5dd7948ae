"""The vendors' Python clients against the gateway: over llm-mock, which speaks OpenAI's API, and
over recorded replies of others. ../python_clients_test.py starts everything and runs this."""

import asyncio
import json
import os
import time
import unittest
import urllib.request

import anthropic
import openai

GATEWAY, MOCK, VECTORS = (os.environ[name] for name in ("GATEWAY_URL", "MOCK_URL", "VECTORS_URL"))
ASK = [{"role": "user", "content": "Tell me about rivers."}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
FAULTS = ("reset-after-events=3", "close-after-events=3", "no-done", "bad-chunk-after-events=3")


def openai_of(route):
    return openai.OpenAI(base_url=f"{GATEWAY}/{route}/v1", api_key="sk-of-the-client",
                         max_retries=0)


def anthropic_of(route):
    return anthropic.Anthropic(base_url=f"{GATEWAY}/{route}", api_key="sk-of-the-client",
                               max_retries=0)


def fetch(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30) as reply:
        return json.load(reply)


def set_reply(name, **faults):
    fetch(f"{VECTORS}/mock/reply", {"name": name, **faults})


def wait_until(condition, what):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)


def aborted():
    return fetch(f"{MOCK}/mock/stats")["aborted"]


class OpenAiTest(unittest.TestCase):
    client = openai_of("relay")

    def create(self, client=None, **more):
        return (client or self.client).chat.completions.create(
            **{"model": "m", "messages": ASK, **more})

    def test_whole_and_streamed_answers_agree(self):
        whole = self.create(max_tokens=12)
        text, finish, usage = "", None, None
        for chunk in self.create(max_tokens=12, stream=True,
                                 stream_options={"include_usage": True}):
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
                finish = chunk.choices[0].finish_reason or finish
            usage = chunk.usage or usage
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(finish, whole.choices[0].finish_reason)
        self.assertEqual(usage.total_tokens, whole.usage.total_tokens)

    def test_the_stream_helper_puts_tools_together(self):
        whole = self.create(tools=[TOOL], tool_choice="required")
        call = whole.choices[0].message.tool_calls[0]
        with self.client.chat.completions.stream(model="m", messages=ASK, tools=[TOOL],
                                                 tool_choice="required") as stream:
            final = stream.get_final_completion()
        streamed = final.choices[0].message.tool_calls[0]
        self.assertEqual((streamed.function.name, streamed.function.arguments),
                         (call.function.name, call.function.arguments))

    def test_other_providers_answer(self):
        for route, name in (("anthropic", "anthropic/stream-parallel-tools"),
                            ("gemini", "gemini/stream-parallel-tools"),
                            ("ollama", "ollama/stream")):
            with self.subTest(name):
                set_reply(name)
                calls, finish, text = set(), None, ""
                for chunk in self.create(openai_of(route), tools=[TOOL], stream=True):
                    for choice in chunk.choices:
                        finish = choice.finish_reason or finish
                        text += choice.delta.content or ""
                        calls |= {call.id for call in choice.delta.tool_calls or [] if call.id}
                self.assertEqual(len(calls), 0 if name == "ollama/stream" else 2)
                self.assertEqual(finish, "tool_calls" if calls else "stop")
                self.assertTrue(calls or text)

    def test_embeddings_models_and_responses(self):
        vector = self.client.embeddings.create(model="m", input=["a", "b"])
        self.assertEqual(len(vector.data), 2)
        self.assertGreater(len(vector.data[0].embedding), 1)
        self.assertGreater(len(list(self.client.models.list())), 0)
        answer = self.client.responses.create(model="m", input="Hi", max_output_tokens=16)
        self.assertGreater(len(answer.output_text), 0)

    def test_errors_keep_their_class(self):
        for fault, kind in (("status=429,retry-after=7", openai.RateLimitError),
                            ("status=400", openai.BadRequestError),
                            ("status=401", openai.AuthenticationError),
                            ("status=404", openai.NotFoundError),
                            ("status=503", openai.InternalServerError),
                            ("reset", openai.InternalServerError)):
            with self.subTest(fault), self.assertRaises(kind):
                self.create(extra_headers={"x-mock-fault": fault})
        with self.assertRaises(openai.NotFoundError):
            self.create(openai_of("nowhere"))

    def test_a_broken_stream_raises(self):
        for fault in FAULTS:
            with self.subTest(fault), self.assertRaises(openai.APIError):
                for chunk in self.create(max_tokens=8, stream=True,
                                         extra_headers={"x-mock-fault": fault}):
                    self.assertTrue(chunk.id)

    def test_leaving_a_stream_reaches_the_upstream(self):
        before = aborted()
        with self.create(max_tokens=10_000, stream=True,
                         extra_headers={"x-mock-itl-ms": "20"}) as stream:
            next(iter(stream))
        wait_until(lambda: aborted() > before, "the upstream was not told")

    def test_many_at_once(self):
        async def ask(client):
            stream = await client.chat.completions.create(model="m", messages=ASK, max_tokens=8,
                                                          stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream
                            if chunk.choices])

        async def run():
            async with openai.AsyncOpenAI(base_url=f"{GATEWAY}/relay/v1", api_key="x",
                                          max_retries=0) as client:
                return await asyncio.gather(*[ask(client) for _ in range(32)])

        texts = asyncio.run(run())
        self.assertEqual(set(texts), {self.create(max_tokens=8).choices[0].message.content})


class AnthropicTest(unittest.TestCase):
    client = anthropic_of("mock")
    request = {"model": "m", "max_tokens": 12, "messages": ASK}
    tool = {"name": "get_weather", "input_schema": SCHEMA}

    def test_whole_and_streamed_answers_agree(self):
        whole = self.client.messages.create(**self.request)
        with self.client.messages.stream(**self.request) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        self.assertEqual(text, whole.content[0].text)
        self.assertEqual(final.content[0].text, text)
        self.assertEqual((final.stop_reason, final.usage.output_tokens),
                         (whole.stop_reason, whole.usage.output_tokens))

    def test_tools_of_other_providers_become_blocks(self):
        for route, name in (("openai", "openai/stream-parallel-tools"),
                            ("gemini", "gemini/stream-parallel-tools")):
            with self.subTest(name):
                set_reply(name)
                with anthropic_of(route).messages.stream(**self.request,
                                                         tools=[self.tool]) as stream:
                    final = stream.get_final_message()
                calls = [block for block in final.content if block.type == "tool_use"]
                self.assertEqual(len({call.id for call in calls}), 2)
                self.assertEqual(final.stop_reason, "tool_use")

    def test_tokens_are_counted(self):
        counted = self.client.messages.count_tokens(model="m", messages=ASK)
        self.assertGreater(counted.input_tokens, 0)

    def test_errors_keep_their_class(self):
        for name, kind in (("anthropic_in/error-401", anthropic.AuthenticationError),
                           ("anthropic_in/error-404", anthropic.NotFoundError),
                           ("anthropic_in/error-429", anthropic.RateLimitError),
                           ("anthropic_in/error-503", anthropic.InternalServerError)):
            set_reply(name)
            with self.subTest(name), self.assertRaises(kind):
                anthropic_of("openai").messages.create(**self.request)

    def test_a_broken_stream_raises(self):
        for route, name in (("openai", "openai/stream-truncated"),
                            ("gemini", "gemini/stream-truncated"),
                            ("vllm", "anthropic_in/stream-error-midway")):
            set_reply(name)
            with self.subTest(name), self.assertRaises(anthropic.APIError):
                with anthropic_of(route).messages.stream(**self.request) as stream:
                    stream.until_done()


if __name__ == "__main__":
    unittest.main()
