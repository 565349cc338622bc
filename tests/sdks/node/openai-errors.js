// What the `openai` package throws for each fault, whichever of its APIs is asked.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { MODES, UPSTREAMS, each, failure, pairs } from "./common.js";

const ERRORS = [
  ["rate-limited", OpenAI.RateLimitError, 429, "rate_limit_exceeded"],
  ["overloaded", OpenAI.InternalServerError, 503],
  ["broken", OpenAI.InternalServerError, 500],
  ["html", OpenAI.InternalServerError, 502],
  ["silent", OpenAI.InternalServerError, 504],
  ["invalid-key", OpenAI.AuthenticationError, 401, "invalid_api_key"],
  ["permission", OpenAI.PermissionDeniedError, 403],
  ["unknown-model", OpenAI.NotFoundError, 404, "model_not_found"],
  ["conflict", OpenAI.ConflictError, 409],
  ["invalid", OpenAI.BadRequestError, 400],
  ["too-long", OpenAI.BadRequestError, 400, "context_length_exceeded"],
  ["policy", OpenAI.BadRequestError, 400, "content_policy_violation"],
  ["unprocessable", OpenAI.UnprocessableEntityError, 422],
  ["too-large", OpenAI.APIError, 413],
];

/** One test for each, of what asks a model for anything. */
export function errors(hello) {
  for (const [fault, kind, status, code] of ERRORS) {
    each(`error: ${fault}`, pairs(UPSTREAMS, MODES), async ([upstream, mode]) => {
      const error = await failure(hello(`${upstream}-${fault}`, { stream: mode === "stream" }));
      assert.equal(error.constructor, kind, error);
      assert.equal(error.status, status);
      assert.ok(error.error.message && error.type);
      if (code) assert.equal(error.code, code);
      // What the user of the SDK is told to name to whoever runs the gateway.
      assert.ok(error.headers.get("x-buttress-request-id"));
    });
  }
}

export function quota(hello) {
  each("quota", UPSTREAMS, async (upstream) => {
    // With the status that the provider answered with: Anthropic's is 400.
    const first = upstream === "anthropic" ? OpenAI.BadRequestError : OpenAI.RateLimitError;
    // The second time the key is left alone, and the status is the one that fits.
    for (const expected of [first, OpenAI.RateLimitError]) {
      const error = await failure(hello(`${upstream}-quota`));
      assert.equal(error.constructor, expected);
      assert.equal(error.code, "insufficient_quota");
    }
  });
}
