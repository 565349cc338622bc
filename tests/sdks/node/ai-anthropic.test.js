import { createAnthropic } from "@ai-sdk/anthropic";
import { against } from "./ai.js";
import { CARRIES_ON, GATEWAY, KEY } from "./common.js";

const provider = (apiKey, at = GATEWAY) => createAnthropic({ baseURL: `${at}/v1`, apiKey });

against(provider(KEY), {
  wrongKey: provider("wrong")("anthropic"),
  carriesOn: provider(KEY, CARRIES_ON),
  // Of models that it knows it asks for output in JSON, of others for the call of a tool.
  schemaModels: ["claude-sonnet-4-5", "claude-sonnet-4-5-by-openai"],
  errors: [
    ["rate-limited", 429, "rate_limit_error"],
    ["overloaded", 529, "overloaded_error"],
    ["broken", 500, "api_error"],
    ["html", 502, "api_error"],
    ["silent", 504, "timeout_error"],
    ["invalid-key", 401, "authentication_error"],
    ["permission", 403, "permission_error"],
    ["unknown-model", 404, "not_found_error"],
    ["conflict", 409, "conflict_error"],
    ["invalid", 400, "invalid_request_error"],
    ["too-long", 400, "invalid_request_error"],
    ["policy", 400, "invalid_request_error"],
    ["unprocessable", 422, "invalid_request_error"],
    ["too-large", 413, "request_too_large"],
  ],
  broken: { cut: "api_error", "overloaded-later": "overloaded_error" },
});
