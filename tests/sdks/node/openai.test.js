// The `openai` package against the gateway.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import {
  CARRIES_ON, City, DEGREES, FALLBACKS, GATEWAY, IN_BERLIN, KEY, MODES, PNG, SEEN, TOLD, UPSTREAMS,
  Weather, each, failure, pairs, weather,
} from "./common.js";
import { errors, quota } from "./openai-errors.js";

const client = new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey: KEY, maxRetries: 2 });
const chat = client.chat.completions;

const ASK = [{ role: "user", content: "What is the weather like?" }];
const HELLO = [
  { role: "system", content: "Somebody" },
  { role: "user", content: "Hello, you there!" },
];
const hello = (model, more) => chat.create({ model, messages: HELLO, ...more });

each("chat", UPSTREAMS, async (model) => {
  const answer = await hello(model, { temperature: 0.5, max_completion_tokens: 50 });
  assert.equal(answer.choices[0].message.content, "Somebody said: Hello, you there!");
  assert.equal(answer.choices[0].finish_reason, "stop");
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
  assert.ok(prompt_tokens > 0 && completion_tokens > 0);
  assert.equal(total_tokens, prompt_tokens + completion_tokens);
});

each("stream", UPSTREAMS, async (model) => {
  const pieces = [];
  const finishes = [];
  const usages = [];
  const stream = await hello(model, { stream: true, stream_options: { include_usage: true } });
  for await (const { choices, usage } of stream) {
    for (const { delta, finish_reason } of choices) {
      if (delta.content) pieces.push(delta.content);
      if (finish_reason) finishes.push(finish_reason);
    }
    if (usage) usages.push(usage.completion_tokens > 0);
  }
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), "Somebody said: Hello, you there!");
  assert.deepEqual([finishes, usages], [["stop"], [true]]);
});

each("tools", pairs([...UPSTREAMS, ...FALLBACKS], MODES), async ([model, mode]) => {
  const asked = [];
  const tool = zodFunction({
    name: "weather",
    description: "What the weather is like.",
    parameters: City,
    function: (city) => {
      asked.push(city);
      return weather(city);
    },
  });
  const runner = chat.runTools({ model, messages: ASK, tools: [tool], stream: mode === "stream" });
  assert.equal(await runner.finalContent(), TOLD);
  assert.deepEqual(asked, Object.keys(DEGREES).map((city) => ({ city })));
  const finishes = runner.allChatCompletions().map(({ choices }) => choices[0].finish_reason);
  assert.deepEqual(finishes, ["tool_calls", "stop"]);
});

each("schema", pairs([...UPSTREAMS, "anthropic-older"], MODES), async ([model, mode]) => {
  const request = {
    model,
    messages: ASK,
    response_format: zodResponseFormat(Weather, "weather"),
  };
  const answer =
    mode === "stream" ? await chat.stream(request).finalChatCompletion() : await chat.parse(request);
  assert.deepEqual(answer.choices[0].message.parsed, IN_BERLIN);
  assert.equal(answer.choices[0].finish_reason, "stop");
});

each("image", UPSTREAMS, async (model) => {
  const content = [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
  ];
  const answer = await chat.create({ model, messages: [{ role: "user", content }] });
  assert.equal(answer.choices[0].message.content, SEEN);
});

errors(hello);
quota(hello);

test("wrong key", async () => {
  const stranger = client.withOptions({ apiKey: "wrong" }).chat.completions;
  const error = await failure(stranger.create({ model: "openai", messages: HELLO }));
  assert.equal(error.constructor, OpenAI.AuthenticationError);
});

test("a model that nobody serves", async () => {
  const error = await failure(hello("nobody"));
  assert.equal(error.constructor, OpenAI.NotFoundError);
  assert.equal(error.code, "model_not_found");
});

each("timeout of the SDK", pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
  const impatient = client.withOptions({ timeout: 300, maxRetries: 0 }).chat.completions;
  const request = { model: `${upstream}-hangs`, messages: HELLO, stream: mode === "stream" };
  const error = await failure(impatient.create(request));
  assert.equal(error.constructor, OpenAI.APIConnectionTimeoutError);
});

each("a stream that breaks", pairs(UPSTREAMS, ["cut", "overloaded-later"]), async ([upstream, fault]) => {
  const pieces = [];
  const read = async () => {
    for await (const { choices } of await hello(`${upstream}-${fault}`, { stream: true })) {
      assert.ok(!choices[0].finish_reason);
      pieces.push(choices[0].delta.content);
    }
  };
  const error = await failure(read());
  assert.equal(pieces.join(""), "One two");
  assert.equal(error.constructor, OpenAI.APIError);
  const kinds = { cut: "server_error", "overloaded-later": "service_unavailable_error" };
  assert.equal(error.type, kinds[fault]);
});

each("a stream that is carried on", UPSTREAMS, async (upstream) => {
  const carriesOn = client.withOptions({ baseURL: `${CARRIES_ON}/v1` }).chat.completions;
  const pieces = [];
  const stream = carriesOn
    .stream({ model: `${upstream}-half`, messages: HELLO })
    .on("content", (piece) => pieces.push(piece));
  const [choice] = (await stream.finalChatCompletion()).choices;
  assert.equal(choice.message.content, "One two three four.");
  assert.equal(pieces.join(""), choice.message.content);
  assert.equal(choice.finish_reason, "stop");
});

each("retries of the SDK cost nothing", MODES, async (mode) => {
  const error = await failure(hello("down", { stream: mode === "stream" }));
  assert.equal(error.constructor, OpenAI.InternalServerError);
});
