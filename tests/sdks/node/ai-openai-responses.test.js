import { createOpenAI } from "@ai-sdk/openai";
import { against } from "./ai.js";
import { CARRIES_ON, GATEWAY, KEY } from "./common.js";

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
