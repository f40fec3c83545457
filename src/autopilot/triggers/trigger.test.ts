/** Triggers are small, on one line and free of secrets, whatever was found. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { canonicalJson } from "../../json/canonical.ts";
import { fromPlain } from "../../json/plain.ts";
import { isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { makeTrigger } from "./trigger.ts";

const about = { id: "t", kind: "webhook", severity: "med", key: "k", reason: "r", atMs: 1 } as const;

test("no secret that is known or marked as one stays in a trigger", () => {
  const details = {
    password: "hunter22",
    nested: { url: "https://u:pw123@h/x", text: "it said s3cr3t-value" },
  };
  const trigger = makeTrigger({ ...about, reason: "token=abcdef", details }, ["s3cr3t-value"]);
  const text = canonicalJson({ ...trigger });
  for (const secret of ["hunter22", "pw123", "s3cr3t-value", "abcdef"]) expect(text).not.toContain(secret);
  expect(trigger.details["password"]).toBe("[redacted]");
});

test("a trigger fits its bound as JSON text, and is one line, whatever is in it", () => {
  const large = fc.string({ maxLength: 40 }).map((text) => text.repeat(400));
  const values = fc.oneof(fc.jsonValue(), large);
  fc.assert(
    fc.property(fc.dictionary(large, values), fc.oneof(fc.string(), large), (plain, reason) => {
      const details = fromPlain(plain);
      if (!isJsonObject(details)) throw new Error("not an object");
      const trigger = makeTrigger({ ...about, reason, key: reason, details });
      expect(Buffer.byteLength(canonicalJson({ ...trigger }))).toBeLessThanOrEqual(
        limits.autopilotTriggerBytesMax,
      );
      expect(trigger.reason).not.toMatch(/[\n\r\u2028]/);
    }),
    { numRuns: 200 },
  );
});
