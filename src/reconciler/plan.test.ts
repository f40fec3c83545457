/** What would be done, worked out from one look. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fingerprint } from "../json/fingerprint.ts";
import type { Observation, OwnedResource, Revision, Standing } from "../providers/contract.ts";
import { isActive, type PlanInput, planOf } from "./plan.ts";
import { revisionHash } from "./revision-hash.ts";

function revision(resourceId: string, v = 1, dependsOn: readonly string[] = []): Revision {
  const desiredHash = fingerprint({ resourceId, v });
  return { resourceId, resourceClass: "service", desiredHash, dependsOn, snapshot: {}, fields: { v } };
}

function owned(one: Revision): OwnedResource {
  const { resourceId, resourceClass, dependsOn } = one;
  return {
    providerId: "p",
    resourceId,
    resourceClass,
    desiredHash: revisionHash(one),
    dependsOn,
    handle: {},
  };
}

function present(v: number, more: Partial<Extract<Standing, { kind: "present" }>> = {}): Standing {
  const standing = {
    kind: "present",
    owner: "akc",
    version: `v${v}`,
    fields: { v },
    health: "healthy",
  } as const;
  return { ...standing, conditions: [], handle: {}, ...more };
}

const unobservable: Standing = { kind: "unobservable", reason: "unreachable", message: "nobody answers" };

const seen = (resourceId: string, standing: Standing): Observation => ({
  resourceId,
  resourceClass: "service",
  standing,
});

function plan(input: Partial<PlanInput>) {
  return planOf({
    scope: "acme/shop",
    providerId: "p",
    bundleSha256: "b",
    revisions: [],
    refused: [],
    owned: [],
    observations: [],
    ignoredOf: () => [],
    loops: () => false,
    hasStood: () => true,
    adopt: false,
    onlyLooks: false,
    ...input,
  });
}

/** What would be done with the only resource. */
function only(standing: Standing | undefined, input: Partial<PlanInput> = {}) {
  const observations = standing === undefined ? [] : [seen("a", standing)];
  return plan({ revisions: [revision("a")], observations, ...input }).changes[0];
}

describe("one resource", () => {
  test.each<[string, Standing | undefined, object]>([
    ["that is absent is created", { kind: "absent" }, { type: "create", expectedVersion: null }],
    [
      "that differs is updated, against the version seen",
      present(2),
      { type: "update", expectedVersion: "v2" },
    ],
    ["that is as it should be is left", present(1), { type: "noop" }],
    [
      "that bears the mark of another revision and does not differ is left",
      present(1, { markedHash: "x" }),
      { type: "noop" },
    ],
    [
      "that nobody can see is left, and says so",
      unobservable,
      { type: "noop", blocked: { reason: "unobservable" } },
    ],
    [
      "that the provider did not speak of is taken for unseen",
      undefined,
      { blocked: { reason: "unobservable" } },
    ],
    [
      "that is somebody else's is left, even where nothing differs",
      present(1, { owner: "other" }),
      { blocked: { reason: "not_owned" } },
    ],
  ])("%s", (_, standing, expected) => {
    expect(only(standing)).toMatchObject(expected);
  });

  test("that is somebody else's is taken over where a person said so", () => {
    const change = only(present(1, { owner: "other" }), { adopt: true });
    expect(change).toMatchObject({ type: "update", adopt: true });
    expect(change?.blocked).toBeUndefined();
  });

  test("is corrected only where that very revision was applied and has stood", () => {
    const mine = { owned: [owned(revision("a"))] };
    expect(only(present(2), mine)?.correction).toBe(true);
    expect(only({ kind: "absent" }, mine)?.correction).toBe(true);
    expect(only(present(2), { ...mine, hasStood: () => false })?.correction).toBe(false);
    expect(only(present(2), { owned: [owned(revision("a", 7))] })?.correction).toBe(false);
    expect(only(present(2))?.correction).toBe(false);
  });

  test("is left where its correction is undone again and again, but a new revision of it is not", () => {
    const mine = { owned: [owned(revision("a"))], loops: () => true };
    expect(only(present(2), mine)).toMatchObject({ blocked: { reason: "correction_loop" } });
    expect(only({ kind: "absent" }, mine)).toMatchObject({ blocked: { reason: "correction_loop" } });
    expect(only(present(2), { loops: () => true })?.blocked).toBeUndefined();
  });

  test("of which only the world knows how it should be is compared with what the world says", () => {
    const observation = { ...seen("a", present(2)), wanted: { v: 2 } };
    expect(plan({ revisions: [revision("a")], observations: [observation] }).changes[0]?.type).toBe("noop");
  });
});

describe("what is wanted no more", () => {
  const gone = revision("gone");

  test.each<[string, Standing | undefined, string | undefined]>([
    ["and stands is deleted", present(1), undefined],
    ["and is gone already is forgotten by a delete", { kind: "absent" }, undefined],
    ["and cannot be seen is not deleted", unobservable, "unobservable"],
    ["and is not spoken of is not deleted", undefined, "unobservable"],
    ["and bears no mark any more is not deleted", present(1, { owner: "other" }), "not_owned"],
  ])("%s", (_, standing, reason) => {
    const observations = standing === undefined ? [] : [seen("gone", standing)];
    const [change] = plan({ owned: [owned(gone)], observations }).changes;
    expect(change).toMatchObject({ type: "delete", desiredHash: "absent" });
    expect(`${change?.blocked?.reason}`).toBe(`${reason}`);
  });

  test("and bears the mark goes, though the inventory misses it; of somebody else's nothing is said", () => {
    const observations = [seen("lost", present(1)), seen("theirs", present(1, { owner: "other" }))];
    expect(plan({ observations }).changes).toMatchObject([{ resourceId: "lost", type: "delete" }]);
  });

  test("is not what could only not be worked out", () => {
    const refused = [{ resourceId: "gone", message: "no such image" }];
    const { changes } = plan({ owned: [owned(gone)], refused, observations: [seen("gone", present(1))] });
    expect(changes).toMatchObject([{ type: "noop", blocked: { reason: "provider_refused" } }]);
  });
});

describe("the order", () => {
  const ids = ["a", "b", "c", "d", "e"];
  const graphs = fc.tuple(
    ...ids.map((id, index) =>
      fc
        .tuple(fc.subarray(ids.slice(0, index)), fc.boolean())
        .map(([needs, stays]) => ({ id, needs, stays })),
    ),
  );

  test("is along the dependencies, and deletes come last against them", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const stays = graph.filter((one) => one.stays).map(({ id, needs }) => revision(id, 2, needs));
        const goes = graph.filter((one) => !one.stays).map(({ id, needs }) => revision(id, 1, needs));
        const observations = graph.map(({ id }) => seen(id, present(1)));
        const { changes } = plan({ revisions: stays, owned: goes.map(owned), observations });
        const at = new Map(changes.map(({ resourceId }, index) => [resourceId, index]));
        expect(changes.filter(isActive).length).toBe(ids.length);
        expect(changes.map(({ type }) => type === "delete").lastIndexOf(false)).toBe(stays.length - 1);
        for (const { resourceId, dependsOn } of stays)
          for (const id of dependsOn)
            if (stays.some((one) => one.resourceId === id))
              expect(at.get(id) ?? 99).toBeLessThan(at.get(resourceId) ?? -1);
        for (const { resourceId, dependsOn } of goes)
          for (const id of dependsOn)
            if (goes.some((one) => one.resourceId === id))
              expect(at.get(id) ?? -1).toBeGreaterThan(at.get(resourceId) ?? 99);
      }),
    );
  });
});

describe("the id of a plan", () => {
  const base = (): Partial<PlanInput> => ({
    revisions: [revision("a"), revision("b")],
    observations: [seen("a", present(2)), seen("b", present(1))],
  });

  test("is the same for the same facts, in whatever order they are told, and whatever is not changed looks like", () => {
    const { revisions = [], observations = [] } = base();
    const id = plan(base()).planId;
    const turned = { revisions: revisions.toReversed(), observations: observations.toReversed() };
    expect(plan(turned).planId).toBe(id);
    const ill = [seen("a", present(2)), seen("b", present(1, { version: "other", health: "failed" }))];
    expect(plan({ ...base(), observations: ill }).planId).toBe(id);
  });

  test.each<[string, Partial<PlanInput>]>([
    [
      "another version of what is changed",
      { observations: [seen("a", present(2, { version: "w" })), seen("b", present(1))] },
    ],
    [
      "another difference",
      { observations: [seen("a", present(3, { version: "v2" })), seen("b", present(1))] },
    ],
    ["one more change", { observations: [seen("a", present(2)), seen("b", { kind: "absent" })] }],
    ["something out of sight", { observations: [seen("a", present(2)), seen("b", unobservable)] }],
    ["another scope", { scope: "acme/other" }],
    ["another provider", { providerId: "q" }],
    ["another bundle", { bundleSha256: "c" }],
  ])("is another one for %s", (_, other) => {
    expect(plan({ ...base(), ...other }).planId).not.toBe(plan(base()).planId);
  });
});
