import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../errors.ts";
import { HandedOver } from "../../plugin-host/secrets.ts";
import type { ArtifactSink, ArtifactStore } from "../contract.ts";
import { AttemptOutput } from "./output.ts";

function memory() {
  const kept: Uint8Array[] = [];
  const sink: ArtifactSink = {
    write: (chunk) => void kept.push(chunk.slice()),
    finish: async () => ({ sha256: "", sizeBytes: 0 }),
    discard: () => {},
  };
  const refuse = () => Promise.reject(new Error("not asked for"));
  const store: ArtifactStore = { begin: () => sink, put: refuse, read: refuse, sizeOf: refuse };
  return { store, text: () => Buffer.concat(kept).toString() };
}

const secretsOf = (values: readonly string[]) => {
  const secrets = new HandedOver();
  for (const value of values) secrets.add(value);
  return secrets;
};

// Few letters, so that one secret often begins, ends or repeats another.
const word = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 4, maxLength: 8 });

test("however output is cut into pieces, what is kept is what it would be in one piece, without the secrets", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { minLength: 1, maxLength: 3 }),
      fc.array(fc.oneof(word, fc.constantFrom("-", "a", "b")), { maxLength: 12 }),
      fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 20 }),
      async (values, parts, cuts) => {
        const text = parts.join("");
        const { store, text: kept } = memory();
        const output = new AttemptOutput(store, secretsOf(values), 1_000_000);
        const bytes = Buffer.from(text);
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = 1 + (cuts[turn % cuts.length] ?? 0);
          output.write(bytes.subarray(at, at + size));
          at += size;
        }
        await output.finish();
        for (const value of values) expect(kept()).not.toContain(value);
        expect(kept().replaceAll("[REDACTED]", "")).not.toContain("REDACTED");
        if (!values.some((value) => text.includes(value))) expect(kept()).toBe(text);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("a secret is found as JSON, in a URL, in base64 and in hexadecimal", () => {
  const value = 'p"w/ö+1';
  const secrets = secretsOf([value]);
  const base64 = Buffer.from(value).toString("base64");
  const forms = [
    JSON.stringify(value),
    encodeURIComponent(value),
    base64,
    Buffer.from(value).toString("hex"),
  ];
  for (const form of forms) expect(secrets.text(form)).toContain("[REDACTED]");
  expect(secrets.json({ [value]: [value, { deep: value }, 1n] })).toEqual({
    "[REDACTED]": ["[REDACTED]", { deep: "[REDACTED]" }, 1n],
  });
});

test("output beyond the bound is refused", () => {
  const output = new AttemptOutput(memory().store, secretsOf([]), 3);
  output.write(Buffer.from("abc"));
  expect(() => output.write(Buffer.from("d"))).toThrow(AkcError);
});
