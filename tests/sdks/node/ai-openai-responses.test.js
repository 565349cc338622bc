import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import { against } from "./ai.js";
import { CARRIES_ON, GATEWAY, KEY, UPSTREAMS, each, failure } from "./common.js";

const provider = (apiKey, at = GATEWAY) => createOpenAI({ baseURL: `${at}/v1`, apiKey });

against(provider(KEY).responses, {
  wrongKey: provider("wrong").responses("responses"),
  carriesOn: provider(KEY, CARRIES_ON).responses,
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
});

/** What is said after an answer of this model. */
async function second(name, providerOptions) {
  // What the provider takes unless it is told to use chat.
  const model = provider(KEY)(name);
  const messages = [{ role: "user", content: "Hello, you there!" }];
  const first = await generateText({ model, messages, providerOptions });
  messages.push(...first.response.messages, { role: "user", content: "And you?" });
  return generateText({ model, maxRetries: 0, messages, providerOptions });
}

each("a conversation that is not stored", UPSTREAMS, async (model) => {
  const told = await second(model, { openai: { store: false } });
  assert.equal(told.text, " said: And you?");
});

each("a conversation that is stored elsewhere", ["openai", "anthropic", "gemini"], async (model) => {
  // Unless it is told otherwise, it names what the model said by an id alone.
  const error = await failure(second(model));
  assert.equal(error.statusCode, 400);
  assert.match(error.message, /stored/);
});
