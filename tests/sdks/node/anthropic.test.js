// The `@anthropic-ai/sdk` package against the gateway.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import {
  CARRIES_ON, City, DEGREES, FALLBACKS, GATEWAY, IN_BERLIN, KEY, MODES, PNG, SEEN, TOLD, UPSTREAMS,
  Weather, each, failure, pairs, weather,
} from "./common.js";

const client = new Anthropic({ baseURL: GATEWAY, apiKey: KEY, maxRetries: 2 });

const ASK = [{ role: "user", content: "What is the weather like?" }];
const request = (model, more) => ({
  model,
  max_tokens: 50,
  system: "Somebody",
  messages: [{ role: "user", content: "Hello, you there!" }],
  ...more,
});
const hello = (model, more) => client.messages.create(request(model, more));

each("chat", [...UPSTREAMS, "anthropic-older"], async (model) => {
  const answer = await hello(model);
  assert.deepEqual(answer.content.map(({ text }) => text), ["Somebody said: Hello, you there!"]);
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
});

each("stream", UPSTREAMS, async (model) => {
  const pieces = [];
  const stream = client.messages.stream(request(model)).on("text", (text) => pieces.push(text));
  const answer = await stream.finalMessage();
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), "Somebody said: Hello, you there!");
  assert.equal(answer.content[0].text, pieces.join(""));
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.output_tokens > 0);
});

const models = pairs([...UPSTREAMS, ...FALLBACKS], MODES);

each("tools", models, async ([model, mode]) => {
  const turn = (request) =>
    mode === "stream"
      ? client.messages.stream(request).finalMessage()
      : client.messages.create(request);
  const tool = {
    name: "weather",
    description: "What the weather is like.",
    input_schema: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  };
  const request = { model, max_tokens: 50, messages: [...ASK], tools: [tool] };
  const { content: calls, stop_reason } = await turn(request);
  assert.equal(stop_reason, "tool_use");
  assert.deepEqual(calls.map(({ type }) => type), ["tool_use", "tool_use"]);
  assert.deepEqual(calls.map(({ input }) => input.city), Object.keys(DEGREES));

  const results = calls.map(({ id, input }) => ({
    type: "tool_result",
    tool_use_id: id,
    content: weather(input),
  }));
  request.messages.push({ role: "assistant", content: calls });
  request.messages.push({ role: "user", content: results });
  const answer = await turn(request);
  assert.deepEqual([answer.content[0].text, answer.stop_reason], [TOLD, "end_turn"]);
});

each("tool runner", models, async ([model, mode]) => {
  const asked = [];
  const tool = betaZodTool({
    name: "weather",
    description: "What the weather is like.",
    inputSchema: City,
    run: (city) => {
      asked.push(city);
      return weather(city);
    },
  });
  const stream = mode === "stream";
  const runner = client.beta.messages.toolRunner({
    model, max_tokens: 50, messages: ASK, tools: [tool], stream,
  });
  const answers = [];
  for await (const step of runner) answers.push(stream ? await step.finalMessage() : step);
  assert.deepEqual(answers.map(({ stop_reason }) => stop_reason), ["tool_use", "end_turn"]);
  assert.equal(answers.at(-1).content[0].text, TOLD);
  assert.deepEqual(asked, Object.keys(DEGREES).map((city) => ({ city })));
});

each("schema", pairs(UPSTREAMS, MODES), async ([model, mode]) => {
  const request = {
    model,
    max_tokens: 50,
    messages: ASK,
    output_config: { format: zodOutputFormat(Weather) },
  };
  const answer =
    mode === "stream"
      ? await client.messages.stream(request).finalMessage()
      : await client.messages.parse(request);
  assert.deepEqual(answer.parsed_output, IN_BERLIN);
  assert.equal(answer.stop_reason, "end_turn");
});

each("image", UPSTREAMS, async (model) => {
  const content = [
    { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
    { type: "text", text: "What is this?" },
  ];
  const answer = await hello(model, { messages: [{ role: "user", content }] });
  assert.equal(answer.content[0].text, SEEN);
});

const ERRORS = [
  ["rate-limited", Anthropic.RateLimitError, "rate_limit_error"],
  ["overloaded", Anthropic.OverloadedError, "overloaded_error"],
  ["broken", Anthropic.InternalServerError, "api_error"],
  ["html", Anthropic.InternalServerError, "api_error"],
  ["silent", Anthropic.GatewayTimeoutError, "timeout_error"],
  ["invalid-key", Anthropic.AuthenticationError, "authentication_error"],
  ["permission", Anthropic.PermissionDeniedError, "permission_error"],
  ["unknown-model", Anthropic.NotFoundError, "not_found_error"],
  ["conflict", Anthropic.ConflictError, "conflict_error"],
  ["invalid", Anthropic.BadRequestError, "invalid_request_error"],
  ["too-long", Anthropic.BadRequestError, "invalid_request_error"],
  ["policy", Anthropic.BadRequestError, "invalid_request_error"],
  ["unprocessable", Anthropic.UnprocessableEntityError, "invalid_request_error"],
  ["too-large", Anthropic.ContentTooLargeError, "request_too_large"],
];
for (const [fault, kind, type] of ERRORS) {
  each(`error: ${fault}`, pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
    const error = await failure(hello(`${upstream}-${fault}`, { stream: mode === "stream" }));
    assert.equal(error.constructor, kind, error);
    assert.equal(error.type, type);
    assert.ok(error.apiMessage);
    // What the user of the SDK is told to name to whoever runs the gateway.
    assert.ok(error.headers.get("x-buttress-request-id"));
  });
}

each("quota", UPSTREAMS, async (upstream) => {
  // With the status that the provider answered with: Anthropic has none of its own for credit
  // that was bought in advance.
  const first = upstream === "anthropic" ? Anthropic.BadRequestError : Anthropic.RateLimitError;
  // The second time the key is left alone, and the status is the one that fits.
  for (const expected of [first, Anthropic.PaymentRequiredError]) {
    const error = await failure(hello(`${upstream}-quota`));
    assert.equal(error.constructor, expected);
  }
});

test("wrong key", async () => {
  const stranger = client.withOptions({ apiKey: "wrong" }).messages;
  const error = await failure(stranger.create(request("anthropic")));
  assert.equal(error.constructor, Anthropic.AuthenticationError);
});

test("a model that nobody serves", async () => {
  const error = await failure(hello("nobody"));
  assert.equal(error.constructor, Anthropic.NotFoundError);
  assert.equal(error.type, "not_found_error");
});

each("timeout of the SDK", pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
  const impatient = client.withOptions({ timeout: 300, maxRetries: 0 }).messages;
  const asked = request(`${upstream}-hangs`, { stream: mode === "stream" });
  const error = await failure(impatient.create(asked));
  assert.equal(error.constructor, Anthropic.APIConnectionTimeoutError);
});

each("a stream that breaks", pairs(UPSTREAMS, ["cut", "overloaded-later"]), async ([upstream, fault]) => {
  const pieces = [];
  const read = async () => {
    for await (const event of await hello(`${upstream}-${fault}`, { stream: true })) {
      assert.notEqual(event.type, "message_delta");
      if (event.type === "content_block_delta") pieces.push(event.delta.text);
    }
  };
  const error = await failure(read());
  assert.equal(pieces.join(""), "One two");
  assert.ok(error instanceof Anthropic.APIError, error);
  assert.equal(error.type, { cut: "api_error", "overloaded-later": "overloaded_error" }[fault]);
});

each("a stream that is carried on", UPSTREAMS, async (upstream) => {
  const carriesOn = client.withOptions({ baseURL: CARRIES_ON }).messages;
  const pieces = [];
  const stream = carriesOn
    .stream(request(`${upstream}-half`))
    .on("text", (piece) => pieces.push(piece));
  const answer = await stream.finalMessage();
  assert.deepEqual(answer.content.map(({ text }) => text), ["One two three four."]);
  assert.equal(pieces.join(""), "One two three four.");
  assert.equal(answer.stop_reason, "end_turn");
});

each("retries of the SDK cost nothing", MODES, async (mode) => {
  const error = await failure(hello("down", { stream: mode === "stream" }));
  assert.ok(error instanceof Anthropic.InternalServerError, error);
});
