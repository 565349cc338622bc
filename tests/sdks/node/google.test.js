// The `@google/genai` package against the gateway.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, FinishReason, GoogleGenAI, Type } from "@google/genai";
import { z } from "zod";
import {
  CARRIES_ON, DEGREES, FALLBACKS, GATEWAY, IN_BERLIN, KEY, MODES, PNG, SEEN, TOLD, UPSTREAMS,
  Weather, each, failure, pairs, weather,
} from "./common.js";

const client = (options, apiKey = KEY) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: GATEWAY, ...options } });
const google = client();

const ASK = "What is the weather like?";
const HELLO = { contents: "Hello, you there!", config: { systemInstruction: "Somebody" } };

/** The answer, or the pieces of it. */
async function ask(mode, request, of = google) {
  if (mode === "whole") return [await of.models.generateContent(request)];
  const chunks = [];
  for await (const chunk of await of.models.generateContentStream(request)) chunks.push(chunk);
  return chunks;
}

const hello = (model, mode = "whole", of = google) => ask(mode, { model, ...HELLO }, of);
// Their own `text` warns of chunks that have other things.
const parts = (chunks) => chunks.flatMap(({ candidates }) => candidates[0].content?.parts ?? []);
const text = (chunks) => parts(chunks).map((part) => part.text ?? "").join("");
const finishes = (chunks) =>
  chunks.map(({ candidates }) => candidates[0].finishReason).filter((reason) => reason);

each("chat", [...UPSTREAMS, "anthropic-older"], async (model) => {
  const [answer] = await hello(model);
  assert.equal(answer.text, "Somebody said: Hello, you there!");
  assert.equal(answer.candidates[0].finishReason, FinishReason.STOP);
  const { promptTokenCount, candidatesTokenCount, totalTokenCount } = answer.usageMetadata;
  assert.ok(promptTokenCount > 0 && candidatesTokenCount > 0);
  assert.equal(totalTokenCount, promptTokenCount + candidatesTokenCount);
});

each("stream", UPSTREAMS, async (model) => {
  const chunks = await hello(model, "stream");
  const pieces = chunks.map((chunk) => chunk.text).filter((piece) => piece);
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), "Somebody said: Hello, you there!");
  assert.deepEqual(finishes(chunks), [FinishReason.STOP]);
  assert.ok(chunks.at(-1).usageMetadata.candidatesTokenCount > 0);
});

const DECLARED = {
  functionDeclarations: [{
    name: "weather",
    description: "What the weather is like.",
    parameters: {
      type: Type.OBJECT,
      properties: { city: { type: Type.STRING } },
      required: ["city"],
    },
  }],
};

/** What is sent back for these calls. */
const results = (calls) => calls.map(({ id, name, args }) => {
  return { functionResponse: { id, name, response: { output: weather(args) } } };
});

const models = pairs([...UPSTREAMS, ...FALLBACKS], MODES);

each("tools", models, async ([model, mode]) => {
  const contents = [{ role: "user", parts: [{ text: ASK }] }];
  const request = { model, contents, config: { tools: [DECLARED] } };
  const chunks = await ask(mode, request);
  const calls = chunks.flatMap((chunk) => chunk.functionCalls ?? []);
  assert.deepEqual(calls.map(({ name }) => name), ["weather", "weather"]);
  assert.deepEqual(calls.map(({ args }) => args.city), Object.keys(DEGREES));

  // As they are, with what the model signed.
  contents.push({ role: "model", parts: parts(chunks) }, { role: "user", parts: results(calls) });
  assert.equal(text(await ask(mode, request)), TOLD);
});

each("functions that are called by themselves", models, async ([model, mode]) => {
  const called = [];
  const tool = {
    tool: async () => DECLARED,
    callTool: async (calls) => {
      called.push(...calls.map(({ args }) => args.city));
      return results(calls);
    },
  };
  const answer = await ask(mode, { model, contents: ASK, config: { tools: [tool] } });
  assert.equal(text(answer), TOLD);
  assert.deepEqual(called, Object.keys(DEGREES));
});

const SCHEMAS = {
  responseSchema: {
    type: Type.OBJECT,
    properties: { city: { type: Type.STRING }, degrees: { type: Type.NUMBER } },
    required: ["city", "degrees"],
  },
  responseJsonSchema: z.toJSONSchema(Weather),
};
for (const [field, schema] of Object.entries(SCHEMAS)) {
  each(`schema: ${field}`, pairs([...UPSTREAMS, "anthropic-older"], MODES), async ([model, mode]) => {
    const config = { responseMimeType: "application/json", [field]: schema };
    const answer = await ask(mode, { model, contents: ASK, config });
    assert.deepEqual(Weather.parse(JSON.parse(text(answer))), IN_BERLIN);
    assert.deepEqual(finishes(answer), [FinishReason.STOP]);
  });
}

each("image", UPSTREAMS, async (model) => {
  const image = { inlineData: { mimeType: "image/png", data: PNG } };
  const [answer] = await ask("whole", { model, contents: ["What is this?", image] });
  assert.equal(answer.text, SEEN);
});

/** What this error of the SDK says: it has the status, and the body as its message. */
function told(error) {
  assert.equal(error.constructor, ApiError, error);
  const { code, status, message } = JSON.parse(error.message).error;
  assert.equal(code, error.status);
  assert.ok(message);
  return [code, status];
}

const ERRORS = [
  ["rate-limited", 429, "RESOURCE_EXHAUSTED"],
  ["overloaded", 503, "UNAVAILABLE"],
  ["broken", 500, "INTERNAL"],
  ["html", 502, "UNAVAILABLE"],
  ["silent", 504, "DEADLINE_EXCEEDED"],
  ["invalid-key", 401, "UNAUTHENTICATED"],
  ["permission", 403, "PERMISSION_DENIED"],
  ["unknown-model", 404, "NOT_FOUND"],
  ["conflict", 409, "ABORTED"],
  ["invalid", 400, "INVALID_ARGUMENT"],
  ["too-long", 400, "INVALID_ARGUMENT"],
  ["policy", 400, "INVALID_ARGUMENT"],
  ["unprocessable", 422, "INVALID_ARGUMENT"],
  ["too-large", 413, "INVALID_ARGUMENT"],
];
for (const [fault, code, status] of ERRORS) {
  each(`error: ${fault}`, pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
    const error = await failure(hello(`${upstream}-${fault}`, mode));
    assert.deepEqual(told(error), [code, status]);
  });
}

each("quota", UPSTREAMS, async (upstream) => {
  // With the status that the provider answered with. The second time the key is left alone, and
  // the status is the one that fits.
  for (const code of [upstream === "anthropic" ? 400 : 429, 429]) {
    const error = await failure(hello(`${upstream}-quota`));
    assert.equal(told(error)[0], code);
  }
});

test("wrong key", async () => {
  const error = await failure(hello("gemini", "whole", client({}, "wrong")));
  assert.deepEqual(told(error), [401, "UNAUTHENTICATED"]);
});

test("a model that nobody serves", async () => {
  const error = await failure(hello("nobody"));
  assert.deepEqual(told(error), [404, "NOT_FOUND"]);
});

test("models", async () => {
  const names = [];
  for await (const { name } of await google.models.list()) names.push(name);
  assert.ok(names.includes("models/gemini") && names.includes("models/openai"));
  assert.equal((await google.models.get({ model: "gemini" })).name, "models/gemini");
});

each("timeout of the SDK", pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
  const error = await failure(hello(`${upstream}-hangs`, mode, client({ timeout: 300 })));
  assert.equal(error.name, "AbortError");
});

each("a stream that breaks", pairs(UPSTREAMS, ["cut", "overloaded-later"]), async ([upstream, fault]) => {
  const chunks = [];
  const read = async () => {
    const request = { model: `${upstream}-${fault}`, ...HELLO };
    for await (const chunk of await google.models.generateContentStream(request)) {
      chunks.push(chunk);
    }
  };
  const error = await failure(read());
  assert.deepEqual([text(chunks), finishes(chunks)], ["One two", []]);
  assert.equal(error.constructor, ApiError, error);
  assert.equal(error.status, { cut: 502, "overloaded-later": 503 }[fault]);
});

each("a stream that is carried on", UPSTREAMS, async (upstream) => {
  const chunks = await hello(`${upstream}-half`, "stream", client({ baseUrl: CARRIES_ON }));
  assert.equal(text(chunks), "One two three four.");
  assert.deepEqual(finishes(chunks), [FinishReason.STOP]);
});

each("upstream calls are counted", MODES, async (mode) => {
  const error = await failure(hello("down", mode));
  assert.equal(told(error)[0], 500);
});

test("retries of the SDK", async () => {
  // It does not read what tells it not to, so each of its attempts is a request of its own.
  const retryOptions = { attempts: 3, initialDelay: 0.01, maxDelay: 0.02, jitter: 0 };
  const error = await failure(hello("down", "whole", client({ retryOptions })));
  assert.equal(told(error)[0], 500);
});
