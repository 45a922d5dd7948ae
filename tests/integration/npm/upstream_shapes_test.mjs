// Google's and Ollama's own clients, as the measure of what goes to their services: the same
// conversation is sent by the client itself and by the gateway, and both requests are compared as
// they arrived. And the other way round: what llm-mock says in their dialects, the clients
// understand. ../upstream_shapes_test.py starts everything.
import assert from "node:assert/strict";
import test from "node:test";

import { ApiError, GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";

const gateway = process.env.GATEWAY_URL;
const vectors = process.env.VECTORS_URL;
const mock = process.env.MOCK_URL;
const apiKey = process.env.TEST_UPSTREAM_KEY;
const gemini = (baseUrl, headers = {}) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl, apiVersion: "v1beta", headers } });
const ollama = (host, headers = {}) => new Ollama({ host, headers });
const pixel = "iVBORw0KGgo=";
const schema = {
  type: "object",
  properties: { city: { type: "string", description: "Where" } },
  required: ["city"],
};
const weather = { name: "get_weather", description: "The weather of a place", parameters: schema };

async function post(path, body) {
  const answer = await fetch(`${vectors}${path}`, { method: "POST", body: JSON.stringify(body) });
  assert.equal(answer.status, 200);
}

// The request that `send` makes an upstream get, which answers with the recorded `name`.
async function sentBy(send, name) {
  await post("/mock/reply", { name });
  await send();
  const seen = await (await fetch(`${vectors}/mock/requests`)).json();
  assert.equal(seen.length, 1);
  return { ...seen[0], body: JSON.parse(seen[0].body) };
}

// The same conversation in OpenAI's form, by the gateway.
const byGateway = (route, body, name) =>
  sentBy(async () => {
    const answer = await fetch(`${gateway}/${route}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-of-the-client" },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
  }, name);

function assertSameCall(ours, theirs, fields) {
  assert.equal(ours.method, theirs.method);
  assert.equal(ours.target, theirs.target);
  for (const field of fields) assert.equal(ours.headers[field], theirs.headers[field], field);
  assert.ok(!JSON.stringify(ours).includes("sk-of-the-client"));
}

const tool = { type: "function", function: weather };
const chat = {
  model: "gemini-2.5-flash",
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: "How is the weather in Paris?" },
  ],
  temperature: 0.5,
  max_tokens: 12,
  stop: ["END"],
};
const config = {
  systemInstruction: "Be brief.",
  temperature: 0.5,
  maxOutputTokens: 12,
  stopSequences: ["END"],
};
const contents = [{ role: "user", parts: [{ text: "How is the weather in Paris?" }] }];
const declared = {
  functionDeclarations: [
    { name: weather.name, description: weather.description, parametersJsonSchema: schema },
  ],
};

// What a body means; the role of an instruction means nothing.
function meaningOf(body) {
  const { systemInstruction, ...rest } = body;
  return { ...rest, instruction: systemInstruction?.parts };
}

// One more turn than it takes: a call, and what came of it.
const calledByOpenai = [
  {
    role: "assistant",
    content: null,
    tool_calls: [
      {
        id: "c1",
        type: "function",
        function: { name: "get_weather", arguments: '{"city":"Paris"}' },
      },
    ],
  },
  { role: "tool", tool_call_id: "c1", content: '{"degrees":18}' },
];

for (const [what, ours, theirs, isStream] of [
  ["a question", {}, {}, false],
  ["a streamed question", {}, {}, true],
  [
    "a tool that must be called",
    { tools: [tool], tool_choice: { type: "function", function: { name: "get_weather" } } },
    {
      tools: [declared],
      toolConfig: {
        functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["get_weather"] },
      },
    },
    false,
  ],
  [
    "an answer by a schema",
    { response_format: { type: "json_schema", json_schema: { name: "place", schema } } },
    { responseMimeType: "application/json", responseJsonSchema: schema },
    false,
  ],
]) {
  test(`Gemini gets ${what} as from its own client`, async () => {
    const name = isStream ? "gemini/stream" : "gemini/simple";
    const request = { model: chat.model, contents, config: { ...config, ...theirs } };
    const original = await sentBy(async () => {
      const { models } = gemini(vectors);
      if (!isStream) return models.generateContent(request);
      for await (const chunk of await models.generateContentStream(request)) assert.ok(chunk);
    }, name);
    const sent = await byGateway("gemini", { ...chat, ...ours, stream: isStream }, name);
    assertSameCall(sent, original, ["x-goog-api-key", "content-type"]);
    assert.deepEqual(meaningOf(sent.body), meaningOf(original.body));
  });
}

test("Gemini gets images and results of tools as from its own client", async () => {
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } };
  const asked = { type: "text", text: "How is the weather there?" };
  const original = await sentBy(
    () =>
      gemini(vectors).models.generateContent({
        model: chat.model,
        contents: [
          {
            role: "user",
            parts: [{ inlineData: { mimeType: "image/png", data: pixel } }, { text: asked.text }],
          },
          {
            role: "model",
            parts: [{ functionCall: { name: "get_weather", args: { city: "Paris" } } }],
          },
          {
            role: "user",
            parts: [{ functionResponse: { name: "get_weather", response: { degrees: 18 } } }],
          },
        ],
        config: { ...config, tools: [declared] },
      }),
    "gemini/simple",
  );
  const messages = [chat.messages[0], { role: "user", content: [image, asked] }, ...calledByOpenai];
  const sent = await byGateway("gemini", { ...chat, messages, tools: [tool] }, "gemini/simple");
  assertSameCall(sent, original, ["x-goog-api-key"]);
  // Ids of calls are allowed, and a signature where the history has none.
  for (const content of sent.body.contents) {
    for (const part of content.parts) {
      delete part.functionCall?.id;
      delete part.functionResponse?.id;
      delete part.thoughtSignature;
    }
  }
  assert.deepEqual(sent.body.contents, original.body.contents);
});

for (const [what, messages, more, isStream] of [
  ["a question", chat.messages, {}, false],
  ["a streamed question", chat.messages, {}, true],
  ["tools", chat.messages, { tools: [tool] }, false],
  [
    "an image",
    [
      {
        role: "user",
        content: [
          { type: "text", text: "What is it?" },
          { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
        ],
      },
    ],
    {},
    false,
  ],
  ["results of tools", [...chat.messages, ...calledByOpenai], { tools: [tool] }, false],
]) {
  test(`Ollama gets ${what} as from its own client`, async () => {
    const name = isStream ? "ollama/stream" : "ollama/simple";
    const own = messages.map((message) => {
      if (message.tool_calls) {
        const call = { function: { name: "get_weather", arguments: { city: "Paris" } } };
        return { role: "assistant", content: "", tool_calls: [call] };
      }
      if (message.role === "tool") {
        return { role: "tool", content: message.content, tool_name: "get_weather" };
      }
      if (typeof message.content === "string") return message;
      return { role: "user", content: "What is it?", images: [pixel] };
    });
    const original = await sentBy(async () => {
      const answer = await ollama(vectors).chat({
        model: "llama3.2",
        messages: own,
        options: { temperature: 0.5, num_predict: 12, stop: ["END"] },
        ...more,
        stream: isStream,
      });
      if (isStream) for await (const line of answer) assert.ok(line.message);
    }, name);
    const ours = { ...chat, ...more, messages, model: "llama3.2", stream: isStream };
    const sent = await byGateway("ollama", ours, name);
    assertSameCall(sent, original, ["content-type"]);
    for (const message of sent.body.messages) {
      delete message.tool_call_id;
      for (const call of message.tool_calls ?? []) {
        delete call.id;
        delete call.function.index;
      }
    }
    assert.deepEqual(sent.body, original.body);
  });
}

// --- What llm-mock says, by the clients that know how it must be said.

const short = { model: "m", contents: "Tell me about rivers.", config: { maxOutputTokens: 12 } };

test("Gemini's client understands the mock, whole and streamed", async () => {
  const { models } = gemini(mock);
  const whole = await models.generateContent(short);
  assert.ok(whole.text.length > 0);
  assert.equal(whole.candidates[0].finishReason, "MAX_TOKENS");
  assert.equal(whole.usageMetadata.candidatesTokenCount, 12);
  let text = "";
  let last = null;
  for await (const chunk of await models.generateContentStream(short)) {
    text += chunk.text ?? "";
    last = chunk;
  }
  assert.equal(text, whole.text);
  assert.equal(last.candidates[0].finishReason, "MAX_TOKENS");
  assert.equal(last.usageMetadata.totalTokenCount, whole.usageMetadata.totalTokenCount);
});

test("Ollama's client understands the mock, whole and streamed", async () => {
  const request = {
    model: "m",
    messages: [{ role: "user", content: "Tell me about rivers.", images: [pixel] }],
    options: { num_predict: 12 },
  };
  const whole = await ollama(mock).chat(request);
  assert.ok(whole.message.content.length > 0);
  assert.deepEqual([whole.done, whole.done_reason, whole.eval_count], [true, "length", 12]);
  let text = "";
  let last = null;
  for await (const line of await ollama(mock).chat({ ...request, stream: true })) {
    text += line.message.content;
    last = line;
  }
  assert.equal(text, whole.message.content);
  assert.deepEqual([last.done, last.done_reason, last.eval_count], [true, "length", 12]);
});

test("Gemini's client sees an image's request answered by the mock", async () => {
  const image = { inlineData: { mimeType: "image/png", data: pixel } };
  const seen = await gemini(mock).models.generateContent({
    ...short,
    contents: [{ role: "user", parts: [image, { text: "What is it?" }] }],
  });
  assert.ok(seen.text.length > 0);
});

test("calls of the mock's are calls to the clients, whole and streamed", async () => {
  const forced = {
    ...short,
    config: {
      tools: [declared],
      toolConfig: { functionCallingConfig: { mode: "ANY" } },
    },
  };
  const { models } = gemini(mock);
  const whole = await models.generateContent(forced);
  assert.equal(whole.functionCalls.length, 1);
  assert.equal(whole.functionCalls[0].name, "get_weather");
  assert.equal(typeof whole.functionCalls[0].args, "object");
  const calls = [];
  for await (const chunk of await models.generateContentStream(forced)) {
    calls.push(...(chunk.functionCalls ?? []));
  }
  assert.deepEqual(calls, whole.functionCalls);
  const asked = { model: "m", messages: [{ role: "user", content: "Hello" }], tools: [tool] };
  const said = await ollama(mock).chat(asked);
  assert.equal(said.message.tool_calls.length, 1);
  assert.equal(said.message.tool_calls[0].function.name, "get_weather");
  const streamed = [];
  for await (const line of await ollama(mock).chat({ ...asked, stream: true })) {
    streamed.push(...(line.message.tool_calls ?? []));
  }
  assert.deepEqual(streamed, said.message.tool_calls);
  const result = { role: "tool", tool_name: "get_weather", content: "18 degrees" };
  const told = await ollama(mock).chat({
    ...asked,
    messages: [...asked.messages, said.message, result],
  });
  assert.equal(told.message.tool_calls, undefined);
  assert.ok(told.message.content.length > 0);
});

test("recorded calls of tools are calls to the clients as well", async () => {
  await post("/mock/reply", { name: "gemini/stream-parallel-tools" });
  const calls = [];
  const stream = await gemini(vectors).models.generateContentStream(short);
  for await (const chunk of stream) calls.push(...(chunk.functionCalls ?? []));
  const expected = await (await fetch(`${vectors}/mock/calls`)).json();
  assert.deepEqual(
    calls.map((call) => ({ name: call.name, input: call.args })),
    expected.calls,
  );
  await post("/mock/reply", { name: "ollama/stream-parallel-tools" });
  const said = [];
  const lines = await ollama(vectors).chat({ model: "m", messages: [], stream: true });
  for await (const line of lines) said.push(...(line.message.tool_calls ?? []));
  const wanted = await (await fetch(`${vectors}/mock/calls`)).json();
  assert.deepEqual(
    said.map((call) => ({ name: call.function.name, input: call.function.arguments })),
    wanted.calls,
  );
});

test("errors of the mock are errors to the clients", async () => {
  const faulty = { "x-mock-fault": "status=429" };
  await assert.rejects(gemini(mock, faulty).models.generateContent(short), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 429);
    assert.match(error.message, /RESOURCE_EXHAUSTED/);
    return true;
  });
  const asked = { model: "m", messages: [{ role: "user", content: "Hello" }] };
  await assert.rejects(ollama(mock, faulty).chat(asked), (error) => {
    assert.equal(error.status_code, 429);
    assert.ok(error.error.length > 0);
    return true;
  });
  const midway = { "x-mock-fault": "error-after-events=3" };
  await assert.rejects(async () => {
    const stream = await gemini(mock, midway).models.generateContentStream(short);
    for await (const chunk of stream) assert.ok(chunk);
  }, /the model stopped/);
  await assert.rejects(async () => {
    const stream = await ollama(mock, midway).chat({ ...asked, stream: true });
    for await (const line of stream) assert.ok(line);
  }, /the model stopped/);
});

test("an abort of either client reaches the mock", async () => {
  const aborted = async () => (await (await fetch(`${mock}/mock/stats`)).json()).aborted;
  const until = async (count) => {
    for (const end = Date.now() + 10_000; Date.now() < end; ) {
      if ((await aborted()) >= count) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.fail("the mock was not told");
  };
  const slow = { "x-mock-itl-ms": "20" };
  const before = await aborted();
  const controller = new AbortController();
  const stream = await gemini(mock, slow).models.generateContentStream({
    ...short,
    config: { maxOutputTokens: 5000, abortSignal: controller.signal },
  });
  await assert.rejects(async () => {
    for await (const chunk of stream) {
      assert.ok(chunk);
      controller.abort();
    }
  });
  await until(before + 1);
  const client = ollama(mock, slow);
  const lines = await client.chat({
    model: "m",
    messages: [{ role: "user", content: "Hello" }],
    options: { num_predict: 5000 },
    stream: true,
  });
  await assert.rejects(async () => {
    for await (const line of lines) {
      assert.ok(line);
      client.abort();
    }
  });
  await until(before + 2);
});
