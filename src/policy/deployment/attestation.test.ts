import { expect, test } from "bun:test";
import { attestationFingerprint } from "./attestation.ts";

test("the fingerprint of an attestation is the documented one: known members only, touched paths in order", () => {
  const documented = "9b556efef951629d9a2f1ebca2267b6ec4cceb7d8e74e1081b12c50c2cf71448";
  expect(attestationFingerprint({ touched_paths: ["b", "a"], applied: true, zzz: 1 })).toBe(documented);
  expect(attestationFingerprint({ applied: true, touched_paths: ["a", "b"] })).toBe(documented);
  expect(attestationFingerprint({ applied: false, touched_paths: ["a", "b"] })).not.toBe(documented);
});
