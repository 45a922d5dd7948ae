// The official openai client against the gateway, with llm-mock behind it: whole and streamed
// answers, tools, aborts, errors, all endpoints. ../openai_client_test.py starts both and runs it.
import assert from "node:assert/strict";
import test from "node:test";

import OpenAI from "openai";

const gateway = process.env.GATEWAY_URL;
const mock = process.env.MOCK_URL;
const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: "sk-of-the-client", maxRetries: 0 });
const messages = [{ role: "user", content: "Tell me about rivers." }];

async function stats() {
  return (await fetch(`${mock}/mock/stats`)).json();
}

async function until(condition, what) {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail(what);
}

test("a whole answer", async () => {
  const answer = await client.chat.completions.create({ model: "m", messages, max_tokens: 8 });
  assert.equal(answer.object, "chat.completion");
  assert.equal(answer.usage.completion_tokens, 8);
  assert.equal(
    answer.usage.total_tokens,
    answer.usage.prompt_tokens + answer.usage.completion_tokens,
  );
  assert.ok(answer.choices[0].message.content.length > 0);
});

test("a streamed answer is the whole one in parts", async () => {
  const whole = await client.chat.completions.create({ model: "m", messages, max_tokens: 12 });
  const stream = await client.chat.completions.create({
    model: "m",
    messages,
    max_tokens: 12,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  let finish = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(finish, whole.choices[0].finish_reason);
  assert.equal(usage.total_tokens, whole.usage.total_tokens);
});

test("the stream helper puts a message together", async () => {
  const runner = client.chat.completions.stream({ model: "m", messages, max_tokens: 6 });
  const final = await runner.finalChatCompletion();
  assert.ok(final.choices[0].message.content.length > 0);
});

test("tools pass through", async () => {
  const request = {
    model: "m",
    messages,
    tools: [
      {
        type: "function",
        function: {
          name: "get_weather",
          parameters: { type: "object", properties: { city: { type: "string" } } },
        },
      },
    ],
    tool_choice: "required",
  };
  const whole = await client.chat.completions.create(request);
  const call = whole.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, "get_weather");
  JSON.parse(call.function.arguments);
  const stream = await client.chat.completions.create({ ...request, stream: true });
  let streamed = "";
  for await (const chunk of stream) {
    streamed += chunk.choices[0]?.delta?.tool_calls?.[0]?.function?.arguments ?? "";
  }
  assert.equal(streamed, call.function.arguments);
});

test("an abort in the stream reaches the upstream", async () => {
  const before = (await stats()).aborted;
  const stream = await client.chat.completions.create(
    { model: "m", messages, max_tokens: 10_000, stream: true },
    { headers: { "x-mock-itl-ms": "20" } },
  );
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break; // Leaving the loop aborts the request.
  }
  await until(async () => (await stats()).aborted > before, "the upstream was not told");
});

test("an abort before the first token reaches the upstream", async () => {
  const before = await stats();
  const controller = new AbortController();
  const pending = client.chat.completions.create(
    { model: "m", messages },
    { headers: { "x-mock-fault": "silent" }, signal: controller.signal },
  );
  await until(async () => (await stats()).requests > before.requests, "no request");
  controller.abort();
  await assert.rejects(pending, OpenAI.APIUserAbortError);
  await until(async () => (await stats()).aborted > before.aborted, "the upstream was not told");
});

test("an upstream's errors keep their class", async () => {
  const ask = (fault) =>
    client.chat.completions.create(
      { model: "m", messages },
      { headers: { "x-mock-fault": fault } },
    );
  await assert.rejects(ask("status=429,retry-after=7"), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.headers.get("retry-after"), "7");
    return true;
  });
  await assert.rejects(ask("status=400"), OpenAI.BadRequestError);
  await assert.rejects(ask("status=401"), OpenAI.AuthenticationError);
  await assert.rejects(ask("status=404"), OpenAI.NotFoundError);
  await assert.rejects(ask("status=503"), OpenAI.InternalServerError);
  await assert.rejects(ask("reset"), OpenAI.InternalServerError);
});

test("a broken stream raises, and is never taken for whole", async () => {
  const faults = ["reset-after-events=3", "close-after-events=3", "no-done"];
  for (const fault of [...faults, "bad-chunk-after-events=3"]) {
    const stream = await client.chat.completions.create(
      { model: "m", messages, max_tokens: 8, stream: true },
      { headers: { "x-mock-fault": fault } },
    );
    await assert.rejects(async () => {
      for await (const chunk of stream) assert.ok(chunk.id);
    }, OpenAI.APIError, fault);
  }
});

test("the gateway's own errors have OpenAI's shape", async () => {
  const elsewhere = new OpenAI({ baseURL: `${gateway}/v9`, apiKey: "x", maxRetries: 0 });
  await assert.rejects(elsewhere.chat.completions.create({ model: "m", messages }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "unknown_url");
    assert.ok(error.requestID);
    return true;
  });
});

test("the other endpoints", async () => {
  const completion = await client.completions.create({ model: "m", prompt: "a", max_tokens: 4 });
  assert.equal(completion.object, "text_completion");
  const embedding = await client.embeddings.create({ model: "m", input: ["a", "b"] });
  assert.equal(embedding.data.length, 2);
  assert.equal(typeof embedding.data[0].embedding[0], "number");
  const models = await client.models.list();
  assert.ok(models.data.length > 0);
  const response = await client.responses.create({ model: "m", input: "hi" });
  assert.equal(response.status, "completed");
  assert.ok(response.output_text.length > 0);
  const stream = await client.responses.create({ model: "m", input: "hi", stream: true });
  let text = "";
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.equal(text, response.output_text);
});
