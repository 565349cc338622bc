// The Vercel `ai` SDK against the gateway, through one of its providers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { APICallError, Output, RetryError, generateText, stepCountIs, streamText, tool } from "ai";
import {
  City, DEGREES, FALLBACKS, IN_BERLIN, MODES, PNG, SEEN, TOLD, UPSTREAMS, Weather, each, failure,
  pairs, weather,
} from "./common.js";

// It warns of names of models that it does not know.
globalThis.AI_SDK_LOG_WARNINGS = false;

const ASK = "What is the weather like?";
const HELLO = { system: "Somebody", prompt: "Hello, you there!" };

/** What there is to know of an answer, whole or streamed; throws what it fails with. */
async function answer(mode, request) {
  if (mode === "whole") return generateText(request);
  const stream = streamText({ ...request, onError: () => {} });
  const pieces = [];
  for await (const part of stream.fullStream) {
    if (part.type === "text-delta") pieces.push(part.text);
    if (part.type === "error") throw Object.assign(part.error, { pieces });
  }
  const [text, finishReason, usage, steps] = await Promise.all([
    stream.text, stream.finishReason, stream.usage, stream.steps,
  ]);
  const output = request.output && (await stream.output);
  return { text, finishReason, usage, steps, output, pieces };
}

/** What the provider of OpenAI's models raises, whichever of its APIs is asked. */
export const OPENAI = {
  schemaModels: [],
  errors: [
    ["rate-limited", 429, "requests"],
    ["overloaded", 503, "service_unavailable_error"],
    ["broken", 500, "server_error"],
    ["html", 502, "server_error"],
    ["silent", 504, "timeout"],
    ["invalid-key", 401, "invalid_request_error"],
    ["permission", 403, "invalid_request_error"],
    ["unknown-model", 404, "invalid_request_error"],
    ["conflict", 409, "invalid_request_error"],
    ["invalid", 400, "invalid_request_error"],
    ["too-long", 400, "invalid_request_error"],
    ["policy", 400, "invalid_request_error"],
    ["unprocessable", 422, "invalid_request_error"],
    ["too-large", 413, "invalid_request_error"],
  ],
  broken: { cut: "server_error", "overloaded-later": "service_unavailable_error" },
};

/**
 * All tests, for the provider that gives these models: one with a wrong key, those of the gateway
 * that carries on, models that it asks for schemas in its other way, and with which status and type
 * it is told of each fault.
 * The SDK gives the error that ends a stream as it is, without a class.
 */
export function against(languageModel, { wrongKey, carriesOn, schemaModels, errors, broken }) {
  const ask = (mode, model, more) =>
    answer(mode, { model: languageModel(model), maxRetries: 0, ...more });

  each("chat", pairs(UPSTREAMS, MODES), async ([model, mode]) => {
    const told = await ask(mode, model, HELLO);
    assert.equal(told.text, "Somebody said: Hello, you there!");
    assert.equal(told.finishReason, "stop");
    assert.ok(told.usage.inputTokens > 0 && told.usage.outputTokens > 0);
    if (mode === "stream") assert.ok(told.pieces.length > 1);
  });

  each("tools", pairs([...UPSTREAMS, ...FALLBACKS], MODES), async ([model, mode]) => {
    const asked = [];
    const execute = async (city) => {
      asked.push(city);
      return weather(city);
    };
    const tools = {
      weather: tool({ description: "What the weather is like.", inputSchema: City, execute }),
    };
    const told = await ask(mode, model, { prompt: ASK, tools, stopWhen: stepCountIs(5) });
    assert.equal(told.text, TOLD);
    assert.deepEqual(asked, Object.keys(DEGREES).map((city) => ({ city })));
    const finishes = told.steps.map(({ finishReason }) => finishReason);
    assert.deepEqual(finishes, ["tool-calls", "stop"]);
  });

  each("schema", pairs([...UPSTREAMS, "anthropic-older", ...schemaModels], MODES), async ([model, mode]) => {
    const output = Output.object({ schema: Weather });
    const told = await ask(mode, model, { prompt: ASK, output });
    assert.deepEqual(told.output, IN_BERLIN);
    assert.equal(told.finishReason, "stop");
  });

  each("image", UPSTREAMS, async (model) => {
    const content = [
      { type: "text", text: "What is this?" },
      { type: "image", image: PNG, mediaType: "image/png" },
    ];
    const told = await ask("whole", model, { messages: [{ role: "user", content }] });
    assert.equal(told.text, SEEN);
  });

  for (const [fault, status, type] of errors) {
    each(`error: ${fault}`, pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
      const error = await failure(ask(mode, `${upstream}-${fault}`, HELLO));
      assert.ok(APICallError.isInstance(error), error);
      assert.equal(error.statusCode, status);
      // It reads bodies of errors only if they have the provider's own shape.
      assert.equal(error.data.error.type, type);
      assert.ok(error.message);
      assert.ok(error.responseHeaders["x-buttress-request-id"]);
    });
  }

  each("quota", UPSTREAMS, async (upstream) => {
    // With the status that the provider answered with.
    const error = await failure(ask("whole", `${upstream}-quota`, HELLO));
    assert.ok(APICallError.isInstance(error), error);
    assert.equal(error.statusCode, upstream === "anthropic" ? 400 : 429);
  });

  test("wrong key", async () => {
    const error = await failure(generateText({ model: wrongKey, maxRetries: 0, ...HELLO }));
    assert.ok(APICallError.isInstance(error), error);
    assert.equal(error.statusCode, 401);
  });

  test("a model that nobody serves", async () => {
    const error = await failure(ask("whole", "nobody", HELLO));
    assert.ok(APICallError.isInstance(error), error);
    assert.equal(error.statusCode, 404);
  });

  each("timeout of the SDK", pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
    const abortSignal = AbortSignal.timeout(300);
    const asked = ask(mode, `${upstream}-hangs`, { ...HELLO, abortSignal });
    const error = await failure(asked);
    assert.equal(error.name, "TimeoutError");
  });

  each("a stream that breaks", pairs(UPSTREAMS, ["cut", "overloaded-later"]), async ([upstream, fault]) => {
    const error = await failure(ask("stream", `${upstream}-${fault}`, HELLO));
    assert.equal(error.pieces.join(""), "One two");
    assert.equal(error.type, broken[fault]);
  });

  each("a stream that is carried on", UPSTREAMS, async (upstream) => {
    const model = carriesOn(`${upstream}-half`);
    const told = await answer("stream", { model, maxRetries: 0, ...HELLO });
    assert.equal(told.pieces.join(""), "One two three four.");
    assert.deepEqual([told.text, told.finishReason], ["One two three four.", "stop"]);
  });

  each("upstream calls are counted", MODES, async (mode) => {
    const error = await failure(ask(mode, "down", HELLO));
    assert.ok(APICallError.isInstance(error), error);
    assert.equal(error.statusCode, 500);
  });

  test("retries of the SDK", async () => {
    // It does not read this header, so each of its attempts is a request of its own.
    const error = await failure(ask("whole", "down", { ...HELLO, maxRetries: 2 }));
    assert.ok(RetryError.isInstance(error), error);
    const told = error.errors.map(({ responseHeaders }) => responseHeaders["x-should-retry"]);
    assert.deepEqual(told, ["false", "false", "false"]);
  });
}
