// The official openai client against a gateway whose upstream has chat completions only: Responses
// and legacy completions are translated. ../openai_client_test.py starts both and runs it.
import assert from "node:assert/strict";
import test from "node:test";

import OpenAI from "openai";

const gateway = process.env.GATEWAY_URL;
const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: "sk-of-the-client", maxRetries: 0 });
const mock = process.env.MOCK_URL;
const input = "Tell me about rivers.";
const tools = [
  {
    type: "function",
    name: "get_weather",
    strict: false,
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
];

// Headers of the client do not reach the upstream of a translated request.
async function breakWith(fault) {
  await fetch(`${mock}/mock/fault`, { method: "POST", body: fault });
}

test("a whole response", async () => {
  const response = await client.responses.create({
    model: "m",
    input,
    instructions: "Be brief.",
    max_output_tokens: 20,
  });
  assert.equal(response.object, "response");
  assert.equal(response.max_output_tokens, 20);
  assert.ok(response.output_text.length > 0);
  assert.equal(
    response.usage.total_tokens,
    response.usage.input_tokens + response.usage.output_tokens,
  );
});

test("a streamed response is the whole one in parts", async () => {
  const request = { model: "m", input, max_output_tokens: 12 };
  const whole = await client.responses.create(request);
  const stream = await client.responses.create({ ...request, stream: true });
  let text = "";
  let next = 0;
  let last = null;
  for await (const event of stream) {
    assert.equal(event.sequence_number, next++);
    text += event.type === "response.output_text.delta" ? event.delta : "";
    last = event;
  }
  assert.equal(text, whole.output_text);
  assert.equal(last.response.status, whole.status);
  assert.deepEqual(last.response.usage, whole.usage);
});

test("the stream helper puts a response together", async () => {
  const stream = client.responses.stream({ model: "m", input, max_output_tokens: 6 });
  const final = await stream.finalResponse();
  assert.ok(final.output_text.length > 0);
  assert.equal(final.status, "incomplete");
  assert.equal(final.incomplete_details.reason, "max_output_tokens");
});

test("a tool is called, and its result goes back", async () => {
  const request = { model: "m", input, tools, tool_choice: "required" };
  const first = await client.responses.stream(request).finalResponse();
  const call = first.output.find((item) => item.type === "function_call");
  assert.equal(call.name, "get_weather");
  JSON.parse(call.arguments);
  const second = await client.responses.create({
    model: "m",
    tools,
    input: [
      { role: "user", content: input },
      ...first.output,
      { type: "function_call_output", call_id: call.call_id, output: "sunny" },
    ],
  });
  assert.equal(second.status, "completed");
});

test("what would need a state is refused by name", async () => {
  const ask = (more) => client.responses.create({ model: "m", input, ...more });
  const is = (param) => (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, param);
    assert.equal(error.code, "unsupported_parameter");
    return true;
  };
  await assert.rejects(ask({ previous_response_id: "resp_1" }), is("previous_response_id"));
  await assert.rejects(ask({ background: true }), is("background"));
  await assert.rejects(ask({ tools: [{ type: "web_search" }] }), is("tools[0].type"));
});

test("a broken stream is never taken for whole", async () => {
  for (const fault of ["reset-after-events=3", "close-after-events=3", "error-after-events=3"]) {
    await breakWith(fault);
    const stream = await client.responses.create({ model: "m", input, stream: true });
    const types = [];
    try {
      for await (const event of stream) types.push(event.type);
    } catch (error) {
      types.push("error");
    }
    assert.ok(types.includes("error"), fault);
    assert.ok(!types.includes("response.completed"), fault);
  }
  await breakWith("");
});

test("legacy completions, whole and streamed", async () => {
  const request = { model: "m", prompt: input, max_tokens: 12 };
  const whole = await client.completions.create(request);
  assert.equal(whole.object, "text_completion");
  assert.equal(whole.choices[0].finish_reason, "length");
  const stream = await client.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.text ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].text);
  assert.equal(usage.total_tokens, whole.usage.total_tokens);
});
