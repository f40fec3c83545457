/** What has to wait for what cannot be changed. */
import { expect, test } from "bun:test";
import { heldBack } from "./held-back.ts";
import type { PlannedChange } from "./plan.ts";

function change(resourceId: string, more: Partial<PlannedChange> = {}): PlannedChange {
  return {
    resourceId,
    resourceClass: "service",
    type: "update",
    operationId: resourceId,
    layer: 0,
    desiredHash: "",
    revisionHash: "",
    appliedHash: null,
    expectedVersion: "v1",
    diff: { changes: [], omitted: 0, ignored: [] },
    correction: false,
    adopt: false,
    ...more,
  };
}

const unseen = { blocked: { reason: "unobservable", message: "nobody answers" } } as const;
const looping = { blocked: { reason: "correction_loop", message: "undone" } } as const;
const chain = new Map([
  ["b", ["a"]],
  ["c", ["b"]],
]);
const reasons = (changes: readonly PlannedChange[], needs = chain) =>
  heldBack(changes, needs).map(({ resourceId, blocked }) => `${resourceId} ${blocked?.reason ?? "free"}`);

test("all that depends on it, however far, and nothing else", () => {
  expect(reasons([change("a", unseen), change("z"), change("b"), change("c")])).toEqual([
    "a unobservable",
    "z free",
    "b dependency_failed",
    "c dependency_failed",
  ]);
});

test("not what stands as it should, what was put there before, or what depends on those", () => {
  expect(reasons([change("a", unseen), change("b", { type: "noop" }), change("c")])[2]).toBe("c free");
  expect(reasons([change("a", unseen), change("b", { correction: true }), change("c")]).slice(1)).toEqual([
    "b free",
    "c free",
  ]);
});

test("not for what stands and is only disputed, but for what is not there at all", () => {
  expect(reasons([change("a", looping), change("b")])[1]).toBe("b free");
  const absent = change("a", { ...looping, type: "create", expectedVersion: null });
  expect(reasons([absent, change("b")])[1]).toBe("b dependency_failed");
});

test("a delete for what may still need it, and for nothing that is known to be gone or somebody else's", () => {
  const gone = (id: string, more = {}) => change(id, { type: "delete", ...more });
  expect(reasons([gone("c", unseen), gone("b"), gone("a")])).toEqual([
    "c unobservable",
    "b dependency_failed",
    "a dependency_failed",
  ]);
  const theirs = { blocked: { reason: "not_owned", message: "" } } as const;
  expect(reasons([gone("c", theirs), gone("b"), gone("a")]).slice(1)).toEqual(["b free", "a free"]);
});

test("what has a reason of its own keeps it", () => {
  expect(reasons([change("a", unseen), change("b", looping)])[1]).toBe("b correction_loop");
});
