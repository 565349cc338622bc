import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import { OPENAI, against } from "./ai.js";
import { CARRIES_ON, GATEWAY, KEY, UPSTREAMS, each, failure } from "./common.js";

const provider = (apiKey, at = GATEWAY) => createOpenAI({ baseURL: `${at}/v1`, apiKey });

against(provider(KEY).responses, {
  wrongKey: provider("wrong").responses("responses"),
  carriesOn: provider(KEY, CARRIES_ON).responses,
  ...OPENAI,
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
