// The responses of the `openai` package against the gateway.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import {
  CARRIES_ON, City, DEGREES, FALLBACKS, GATEWAY, IN_BERLIN, KEY, MODES, PNG, SEEN, TOLD, UPSTREAMS,
  Weather, each, failure, pairs, weather,
} from "./common.js";
import { errors, quota } from "./openai-errors.js";

const client = new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY, maxRetries: 2 });
const responses = client.responses;

const ASK = "What is the weather like?";
const HELLO = { instructions: "Somebody", input: "Hello, you there!" };
const hello = (model, more) => responses.create({ model, ...HELLO, ...more });

/** One answer of the model, by the helpers that parse it. */
const turn = (mode, request) =>
  mode === "stream" ? responses.stream(request).finalResponse() : responses.parse(request);

each("response", UPSTREAMS, async (model) => {
  const answer = await hello(model, { temperature: 0.5, max_output_tokens: 50 });
  assert.equal(answer.output_text, "Somebody said: Hello, you there!");
  const { status, error, incomplete_details } = answer;
  assert.deepEqual([status, error, incomplete_details], ["completed", null, null]);
  const { input_tokens, output_tokens, total_tokens } = answer.usage;
  assert.ok(input_tokens > 0 && output_tokens > 0);
  assert.equal(total_tokens, input_tokens + output_tokens);
});

each("stream", UPSTREAMS, async (model) => {
  const events = [];
  for await (const event of await hello(model, { stream: true })) events.push(event);
  assert.deepEqual(events.map(({ sequence_number }) => sequence_number), [...events.keys()]);
  const pieces = texts(events);
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), "Somebody said: Hello, you there!");
  const { type, response } = events.at(-1);
  assert.equal(type, "response.completed");
  assert.equal(response.output[0].content[0].text, pieces.join(""));
  assert.ok(response.usage.output_tokens > 0);
});

function texts(events) {
  const deltas = events.filter(({ type }) => type === "response.output_text.delta");
  return deltas.map(({ delta }) => delta);
}

each("tools", pairs([...UPSTREAMS, ...FALLBACKS], MODES), async ([model, mode]) => {
  const tool = zodResponsesFunction({
    name: "weather",
    description: "What the weather is like.",
    parameters: City,
  });
  const request = { model, input: [{ role: "user", content: ASK }], tools: [tool] };
  const { output: calls } = await turn(mode, request);
  assert.deepEqual(calls.map(({ type }) => type), ["function_call", "function_call"]);
  assert.deepEqual(calls.map(({ name }) => name), ["weather", "weather"]);
  const cities = calls.map((call) => call.parsed_arguments);
  assert.deepEqual(cities, Object.keys(DEGREES).map((city) => ({ city })));

  for (const [at, { call_id, name, arguments: given }] of calls.entries()) {
    request.input.push({ type: "function_call", call_id, name, arguments: given });
    request.input.push({ type: "function_call_output", call_id, output: weather(cities[at]) });
  }
  const { output_text, status } = await turn(mode, request);
  assert.deepEqual([output_text, status], [TOLD, "completed"]);
});

each("schema", pairs([...UPSTREAMS, "anthropic-older"], MODES), async ([model, mode]) => {
  const format = zodTextFormat(Weather, "weather");
  const answer = await turn(mode, { model, input: ASK, text: { format } });
  assert.deepEqual(answer.output_parsed, IN_BERLIN);
  assert.equal(answer.status, "completed");
});

each("image", UPSTREAMS, async (model) => {
  const content = [
    { type: "input_text", text: "What is this?" },
    { type: "input_image", image_url: `data:image/png;base64,${PNG}`, detail: "auto" },
  ];
  const answer = await responses.create({ model, input: [{ role: "user", content }] });
  assert.equal(answer.output_text, SEEN);
});

errors(hello);
quota(hello);

test("wrong key", async () => {
  const stranger = client.withOptions({ apiKey: "wrong" }).responses;
  const error = await failure(stranger.create({ model: "responses", ...HELLO }));
  assert.equal(error.constructor, OpenAI.AuthenticationError);
});

test("a model that nobody serves", async () => {
  const error = await failure(hello("nobody"));
  assert.equal(error.constructor, OpenAI.NotFoundError);
  assert.equal(error.code, "model_not_found");
});

test("what is stored elsewhere", async () => {
  const gone = await failure(responses.retrieve("resp_1"));
  assert.equal(gone.constructor, OpenAI.NotFoundError);
  const error = await failure(hello("anthropic", { previous_response_id: "resp_1" }));
  assert.equal(error.constructor, OpenAI.BadRequestError);
  assert.match(error.message, /stored/);
});

each("timeout of the SDK", pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
  const impatient = client.withOptions({ timeout: 300, maxRetries: 0 }).responses;
  const request = { model: `${upstream}-hangs`, ...HELLO, stream: mode === "stream" };
  const error = await failure(impatient.create(request));
  assert.equal(error.constructor, OpenAI.APIConnectionTimeoutError);
});

each("a stream that breaks", pairs(UPSTREAMS, ["cut", "overloaded-later"]), async ([upstream, fault]) => {
  const events = [];
  const read = async () => {
    for await (const event of await hello(`${upstream}-${fault}`, { stream: true })) {
      assert.notEqual(event.type, "response.completed");
      events.push(event);
    }
  };
  const error = await failure(read());
  assert.equal(texts(events).join(""), "One two");
  assert.equal(error.constructor, OpenAI.APIError);
  assert.ok(error.message);
});

each("a stream that is carried on", UPSTREAMS, async (upstream) => {
  const carriesOn = client.withOptions({ baseURL: `${CARRIES_ON}/v1` }).responses;
  const events = [];
  const stream = carriesOn
    .stream({ model: `${upstream}-half`, ...HELLO })
    .on("event", (event) => events.push(event));
  const answer = await stream.finalResponse();
  assert.equal(answer.output_text, "One two three four.");
  assert.equal(texts(events).join(""), answer.output_text);
  assert.deepEqual([answer.status, answer.output.length], ["completed", 1]);
});

each("retries of the SDK cost nothing", MODES, async (mode) => {
  const error = await failure(hello("down", { stream: mode === "stream" }));
  assert.equal(error.constructor, OpenAI.InternalServerError);
});
