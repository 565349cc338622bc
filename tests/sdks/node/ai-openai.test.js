import { createOpenAI } from "@ai-sdk/openai";
import { OPENAI, against } from "./ai.js";
import { CARRIES_ON, GATEWAY, KEY } from "./common.js";

const provider = (apiKey, at = GATEWAY) => createOpenAI({ baseURL: `${at}/v1`, apiKey });

against(provider(KEY).chat, {
  wrongKey: provider("wrong").chat("openai"),
  carriesOn: provider(KEY, CARRIES_ON).chat,
  ...OPENAI,
});
