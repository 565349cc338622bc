// What all SDKs are asked with; the models are described in tests/tests/sdks/upstreams.rs.
import { test } from "node:test";
import { z } from "zod";

export const GATEWAY = process.env.GATEWAY;
export const KEY = process.env.GATEWAY_KEY;
// The same, but it carries on streams that break.
export const CARRIES_ON = process.env.GATEWAY_THAT_CARRIES_ON;

// Whoever answers speaks the SDK's own dialect, or another one.
export const UPSTREAMS = ["openai", "responses", "anthropic", "gemini"];
export const FALLBACKS = UPSTREAMS.flatMap((first) =>
  UPSTREAMS.filter((then) => then !== first).map((then) => `${first}-then-${then}`));
export const MODES = ["whole", "stream"];

export const DEGREES = { Berlin: 21, Paris: 24 };
export const TOLD = "The results are 21 degrees in Berlin and 24 degrees in Paris.";
export const weather = ({ city }) => `${DEGREES[city]} degrees in ${city}`;

export const City = z.object({ city: z.string() });
export const Weather = z.object({ city: z.string(), degrees: z.number() });
export const IN_BERLIN = { city: "Berlin", degrees: 21 };

// One black pixel.
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";
export const SEEN = `I see image/png of ${Buffer.from(PNG, "base64").length} bytes.`;

/** One test for each of these values. */
export function each(name, values, run) {
  for (const value of values) test(`${name}: ${[value].flat().join(", ")}`, () => run(value));
}

/** All pairs. */
export const pairs = (some, others) => some.flatMap((a) => others.map((b) => [a, b]));

/** What a promise fails with. */
export async function failure(promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it went well: ${JSON.stringify(answer)}`);
}
