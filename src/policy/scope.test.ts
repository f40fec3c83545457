import { expect, test } from "bun:test";
import { strictIntentWanted } from "./envelope.ts";
import { sameScope, scopeMismatch } from "./scope.ts";

test("scopes are the same only when both ids are, letter for letter", () => {
  const scope = { tenantId: "acme", repoId: "shop" };
  expect(sameScope(scope, { ...scope })).toBe(true);
  expect(sameScope(scope, { ...scope, tenantId: "acme " })).toBe(false);
  expect(sameScope(scope, { ...scope, repoId: "Shop" })).toBe(false);
});

test("a mismatch tells what to do and nobody's ids", () => {
  const error = scopeMismatch("the run");
  expect(error.message).toContain("runtime scope mismatch");
  expect(error.hint).toContain("matching scope hints");
  expect([error.exitCode, error.details]).toEqual([2, { what: "the run" }]);
});

test("any side may demand strict intent authority, and none can take it back", () => {
  expect(strictIntentWanted({})).toBe(false);
  expect(strictIntentWanted({ intent_authority_strict: "true" })).toBe(false);
  expect(strictIntentWanted({ intent_authority_strict: true }, { flag: false, operator: false })).toBe(true);
  expect(strictIntentWanted({ intent_authority_strict: false }, { operator: true })).toBe(true);
  expect(strictIntentWanted({}, { flag: true })).toBe(true);
});
