// Vercel's `ai` against the gateway, by the providers of OpenAI and Anthropic: generateText,
// streamText and tools, each over another dialect too. ../ai_client_test.py starts everything.
import assert from "node:assert/strict";
import test from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const gateway = process.env.GATEWAY_URL;
const vectors = process.env.VECTORS_URL;
const apiKey = "sk-of-the-client";
const prompt = "Tell me about rivers.";
const options = { maxRetries: 0, maxOutputTokens: 12, prompt };
const openai = (route) => createOpenAI({ baseURL: `${gateway}/${route}/v1`, apiKey });
const anthropic = (route) => createAnthropic({ baseURL: `${gateway}/${route}/v1`, apiKey });

// The same model by three APIs, of which two are translated for it.
const models = {
  "OpenAI's chat": openai("mock").chat("m"),
  "OpenAI's responses": openai("relay")("m"),
  "Anthropic's messages": anthropic("mock")("m"),
};
// Recorded parallel calls, by clients of another dialect.
const recorded = [
  [openai("anthropic").chat("claude-haiku-4-5"), "anthropic/tools-three-parallel", false],
  [openai("anthropic").chat("claude-haiku-4-5"), "anthropic/stream-parallel-tools", true],
  [openai("gemini").chat("gemini-2.5-flash"), "gemini/tools-parallel", false],
  [openai("gemini").chat("gemini-2.5-flash"), "gemini/stream-parallel-tools", true],
  [anthropic("openai")("gpt-4o"), "openai/tools", false],
  [anthropic("openai")("gpt-4o"), "openai/stream-parallel-tools", true],
  [anthropic("gemini")("gemini-2.5-flash"), "gemini/stream-parallel-tools", true],
];

async function reply(name, faults = {}) {
  const body = JSON.stringify({ name, ...faults });
  assert.equal((await fetch(`${vectors}/mock/reply`, { method: "POST", body })).status, 200);
  return (await (await fetch(`${vectors}/mock/requests`)).json()).length;
}

// A tool for every name that a recorded reply calls.
function toolsFor(names, called) {
  const entries = names.map((name) => [
    name,
    tool({
      description: `Does ${name}`,
      inputSchema: z.looseObject({}),
      execute: async (input) => {
        called.push([name, input]);
        return "done";
      },
    }),
  ]);
  return Object.fromEntries(entries);
}

for (const [name, model] of Object.entries(models)) {
  test(`text by ${name}, whole and streamed`, async () => {
    const whole = await generateText({ model, ...options });
    assert.ok(whole.text.length > 0);
    assert.equal(whole.finishReason, "length");
    assert.equal(whole.usage.outputTokens, 12);
    const stream = streamText({ model, ...options });
    let text = "";
    for await (const piece of stream.textStream) text += piece;
    assert.equal(text, whole.text);
    assert.equal(await stream.finishReason, "length");
    assert.equal((await stream.usage).outputTokens, 12);
  });
}

for (const name of ["OpenAI's chat", "Anthropic's messages"]) {
  test(`a tool is called and its result goes back by ${name}`, async () => {
    const called = [];
    const asked = {
      ...options,
      model: models[name],
      tools: toolsFor(["get_weather"], called),
      toolChoice: "required",
      stopWhen: stepCountIs(2),
    };
    const whole = await generateText(asked);
    assert.equal(whole.steps.length, 2);
    assert.equal(whole.steps[0].toolResults[0].output, "done");
    const stream = streamText(asked);
    await stream.consumeStream();
    assert.equal((await stream.steps)[0].toolResults[0].output, "done");
    assert.equal(called.length, 4);
  });
}

for (const [model, name, isStream] of recorded) {
  test(`tools of ${name} by ${model.provider}`, async () => {
    await reply(name);
    const vector = await (await fetch(`${vectors}/mock/calls`)).json();
    const called = [];
    const asked = { ...options, model, tools: toolsFor(vector.names, called) };
    if (isStream) {
      const stream = streamText(asked);
      await stream.consumeStream();
      assert.equal(await stream.finishReason, "tool-calls");
    } else {
      assert.equal((await generateText(asked)).finishReason, "tool-calls");
    }
    assert.deepEqual(
      called.map(([tool, input]) => ({ name: tool, input })),
      vector.calls,
    );
  });
}

test("errors keep their status and their words", async () => {
  for (const [model, name, status] of [
    [openai("anthropic").chat("m"), "anthropic/error-401", 401],
    [openai("anthropic").chat("m"), "anthropic/error-429", 429],
    [openai("gemini").chat("m"), "gemini/error-404-model", 404],
    [anthropic("openai")("m"), "anthropic_in/error-404", 404],
    [anthropic("openai")("m"), "anthropic_in/error-503", 529],
  ]) {
    await reply(name);
    await assert.rejects(generateText({ ...options, model }), (error) => {
      assert.ok(APICallError.isInstance(error), `${name}: ${error}`);
      assert.equal(error.statusCode, status, name);
      assert.ok(error.message.length > 0, name);
      return true;
    });
  }
});

test("a broken stream is an error", async () => {
  for (const [model, name] of [
    [openai("anthropic").chat("m"), "anthropic/stream-truncated"],
    [openai("anthropic").chat("m"), "anthropic/stream-error-overloaded"],
    [anthropic("openai")("m"), "openai/stream-truncated"],
  ]) {
    await reply(name);
    const errors = [];
    const stream = streamText({ ...options, model, onError: ({ error }) => errors.push(error) });
    await stream.consumeStream({ onError: (error) => errors.push(error) });
    assert.ok(errors.length > 0, name);
  }
});
