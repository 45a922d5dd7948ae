// Anthropic's client against the gateway: over llm-mock, which speaks OpenAI's API, and over
// recorded replies of OpenAI and Gemini. ../anthropic_client_test.py starts everything and runs it.
import assert from "node:assert/strict";
import test from "node:test";

import Anthropic from "@anthropic-ai/sdk";

const gateway = process.env.GATEWAY_URL;
const vectors = process.env.VECTORS_URL;
const clientOf = (route) =>
  new Anthropic({ baseURL: `${gateway}/${route}`, apiKey: "sk-of-the-client", maxRetries: 0 });
const mock = clientOf("mock");
const messages = [{ role: "user", content: "Tell me about rivers." }];
const request = { model: "m", max_tokens: 12, messages };
const weather = {
  name: "get_weather",
  description: "The weather of a place",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

// What the mock upstream says to all requests from now on.
async function reply(name, faults = {}) {
  const body = JSON.stringify({ name, ...faults });
  assert.equal((await fetch(`${vectors}/mock/reply`, { method: "POST", body })).status, 200);
}

const arrived = async () => (await fetch(`${vectors}/mock/requests`)).json();

async function until(condition, what) {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail(what);
}

const upstreamWasLeft = async () => (await (await fetch(`${vectors}/mock/left`)).json()).left;

test("a whole answer", async () => {
  const answer = await mock.messages.create(request);
  assert.equal(answer.type, "message");
  assert.equal(answer.role, "assistant");
  assert.equal(answer.content[0].type, "text");
  assert.ok(answer.content[0].text.length > 0);
  assert.equal(answer.stop_reason, "max_tokens");
  assert.equal(answer.usage.output_tokens, 12);
  assert.ok(answer.usage.input_tokens > 0);
  assert.match(answer._request_id, /^req_/);
});

test("the simulator in the gateway answers, too", async () => {
  const simulated = clientOf("simulated");
  const whole = await simulated.messages.create(request);
  assert.equal(whole.content[0].type, "text");
  assert.equal(whole.stop_reason, "max_tokens");
  assert.equal(whole.usage.output_tokens, 12);
  const final = await simulated.messages.stream(request).finalMessage();
  assert.equal(final.content[0].text, whole.content[0].text);
  assert.deepEqual(final.usage.output_tokens, 12);
  const called = await simulated.messages
    .stream({ ...request, max_tokens: 99, tools: [weather], tool_choice: { type: "any" } })
    .finalMessage();
  assert.equal(called.stop_reason, "tool_use");
  assert.equal(called.content.at(-1).name, "get_weather");
  const count = await simulated.messages.countTokens({ model: "m", messages });
  assert.ok(count.input_tokens > 0);
  const nobody = { ...request, messages: [{ role: "nobody", content: "Hi" }] };
  await assert.rejects(simulated.messages.create(nobody), Anthropic.BadRequestError);
});

test("the stream helper puts the same message together", async () => {
  const whole = await mock.messages.create(request);
  const runner = mock.messages.stream(request);
  let text = "";
  runner.on("text", (piece) => {
    text += piece;
  });
  const final = await runner.finalMessage();
  assert.equal(final.content[0].text, whole.content[0].text);
  assert.equal(text, whole.content[0].text);
  assert.equal(final.stop_reason, whole.stop_reason);
  assert.deepEqual(final.usage.output_tokens, whole.usage.output_tokens);
});

test("the raw stream has the events of the protocol", async () => {
  const kinds = [];
  for await (const event of await mock.messages.create({ ...request, stream: true })) {
    if (event.type !== kinds.at(-1)) kinds.push(event.type);
  }
  assert.deepEqual(
    kinds.filter((kind) => kind !== "ping"),
    [
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ],
  );
});

test("tools go there and back", async () => {
  const asked = { ...request, tools: [weather], tool_choice: { type: "any" } };
  for (const answer of [
    await mock.messages.create(asked),
    await mock.messages.stream(asked).finalMessage(),
  ]) {
    assert.equal(answer.stop_reason, "tool_use");
    const call = answer.content.find((block) => block.type === "tool_use");
    assert.equal(call.name, "get_weather");
    assert.equal(typeof call.input, "object");
    const told = await mock.messages.create({
      ...request,
      tools: [weather],
      tool_choice: { type: "none" },
      messages: [
        ...messages,
        { role: "assistant", content: answer.content },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: call.id, content: "18 degrees" }],
        },
      ],
    });
    assert.equal(told.content[0].type, "text");
  }
});

test("parallel calls of OpenAI and of Gemini become blocks", async () => {
  for (const [route, name] of [
    ["openai", "openai/stream-parallel-tools"],
    ["gemini", "gemini/stream-parallel-tools"],
  ]) {
    await reply(name);
    const final = await clientOf(route)
      .messages.stream({ ...request, tools: [weather] })
      .finalMessage();
    const calls = final.content.filter((block) => block.type === "tool_use");
    assert.equal(calls.length, 2, name);
    assert.equal(new Set(calls.map((call) => call.id)).size, 2, name);
    for (const call of calls) assert.ok(Object.keys(call.input).length > 0, name);
    assert.equal(final.stop_reason, "tool_use", name);
  }
});

test("reasoning becomes a thinking block", async () => {
  await reply("anthropic_in/stream-reasoning-tools");
  const final = await clientOf("vllm").messages.stream(request).finalMessage();
  assert.equal(final.content[0].type, "thinking");
  assert.ok(final.content[0].thinking.length > 0);
  assert.equal(final.content.at(-1).type, "tool_use");
});

test("images go along", async () => {
  const data = "iVBORw0KGgo=";
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data } };
  const seeing = {
    ...request,
    messages: [{ role: "user", content: [image, { type: "text", text: "What is it?" }] }],
  };
  await reply("openai/image-data-url");
  assert.ok((await clientOf("openai").messages.create(seeing)).content[0].text.length > 0);
  let sent = JSON.parse((await arrived())[0].body);
  assert.equal(sent.messages[0].content[0].image_url.url, `data:image/png;base64,${data}`);

  await reply("gemini/image-inline");
  assert.ok((await clientOf("gemini").messages.create(seeing)).content[0].text.length > 0);
  sent = JSON.parse((await arrived())[0].body);
  assert.deepEqual(sent.contents[0].parts[0].inlineData, { mimeType: "image/png", data });
});

test("an upstream's errors keep their class", async () => {
  const { AuthenticationError, BadRequestError, InternalServerError } = Anthropic;
  const { NotFoundError, RateLimitError } = Anthropic;
  for (const [name, route, kind, status, type] of [
    ["anthropic_in/error-401", "openai", AuthenticationError, 401, "authentication_error"],
    ["anthropic_in/error-404", "openai", NotFoundError, 404, "not_found_error"],
    ["anthropic_in/error-429", "openai", RateLimitError, 429, "rate_limit_error"],
    ["anthropic_in/error-500", "openai", InternalServerError, null, "api_error"],
    ["anthropic_in/error-503", "openai", InternalServerError, 529, "overloaded_error"],
    ["openai/error-400-image-url", "openai", BadRequestError, 400, "invalid_request_error"],
    ["gemini/error-400-api-key", "gemini", AuthenticationError, 401, "authentication_error"],
    ["gemini/error-429-retryinfo", "gemini", RateLimitError, 429, "rate_limit_error"],
  ]) {
    await reply(name);
    for (const stream of [false, true]) {
      await assert.rejects(clientOf(route).messages.create({ ...request, stream }), (error) => {
        assert.ok(error instanceof kind, `${name}: ${error}`);
        if (status) assert.equal(error.status, status, name);
        assert.equal(error.error.type, "error", name);
        assert.equal(error.error.error.type, type, name);
        assert.ok(error.error.error.message.length > 0, name);
        return true;
      });
    }
  }
});

test("the gateway's own errors have Anthropic's shape", async () => {
  await assert.rejects(clientOf("nowhere").messages.create(request), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.error.error.type, "not_found_error");
    assert.equal(error.requestID, error.error.request_id);
    return true;
  });
  await assert.rejects(mock.messages.create({ ...request, messages: "x" }), (error) => {
    assert.ok(error instanceof Anthropic.BadRequestError);
    assert.equal(error.error.error.type, "invalid_request_error");
    return true;
  });
});

test("a broken stream raises, and is never taken for whole", async () => {
  for (const [route, name, faults] of [
    ["openai", "openai/stream-parallel-tools", { cut_after: 2500 }],
    ["openai", "openai/stream-truncated", {}],
    ["vllm", "anthropic_in/stream-error-midway", {}],
    ["gemini", "gemini/stream-truncated", {}],
    ["gemini", "gemini/stream-error-midway", { unterminated: true }],
  ]) {
    await reply(name, faults);
    const runner = clientOf(route).messages.stream(request);
    await assert.rejects(runner.finalMessage(), Anthropic.AnthropicError, name);
  }
});

test("an abort in the stream reaches the upstream", async () => {
  await reply("openai/stream-parallel-tools", { hold_after: 3000 });
  const stream = await clientOf("openai").messages.create({ ...request, stream: true });
  for await (const event of stream) {
    assert.equal(event.type, "message_start");
    break; // Leaving the loop aborts the request.
  }
  await until(upstreamWasLeft, "the upstream was not told");
});

test("an abort before the first token reaches the upstream", async () => {
  await reply("openai/simple", { delay_s: 10 });
  const controller = new AbortController();
  const pending = clientOf("openai").messages.create(request, { signal: controller.signal });
  await until(async () => (await arrived()).length > 0, "no request");
  controller.abort();
  await assert.rejects(pending, Anthropic.APIUserAbortError);
  await until(upstreamWasLeft, "the upstream was not told");
});

test("tokens are counted", async () => {
  const few = await mock.messages.countTokens({ model: "m", messages });
  const many = await mock.messages.countTokens({
    model: "m",
    system: "You know a great many things about rivers, lakes and the sea.",
    messages,
    tools: [weather],
  });
  assert.ok(few.input_tokens > 0);
  assert.ok(many.input_tokens > few.input_tokens);
});
