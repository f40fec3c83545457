import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../errors.ts";
import type { BundleFacts } from "./facts.ts";
import { noBundleFacts } from "./facts.ts";
import { factsOf, factsText, readFacts } from "./facts-text.ts";

const texts = fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 });
const members = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
  noNullPrototype: true,
});

const facts: fc.Arbitrary<BundleFacts> = fc.record(
  {
    policyEnvelopeSha256: fc.string(),
    stableIntentSha256: fc.string(),
    otelQueryStubs: texts,
    traceTags: texts,
    coordination: fc.record(
      {
        specSha256: fc.string(),
        specVersion: fc.nat(),
        orchestrationSha256: fc.string(),
        loweredPrecedenceSha256: fc.string(),
        layers: fc.array(texts, { maxLength: 3 }),
        graph: fc.record(
          {
            roles: texts,
            stepRoles: fc.array(fc.nat()),
            stepNodes: fc.array(fc.integer({ min: -1 })),
            edges: fc.array(
              fc.record({ kinds: texts, pairs: fc.array(fc.nat()) }, { noNullPrototype: true }),
              { maxLength: 3 },
            ),
          },
          { noNullPrototype: true },
        ),
      },
      {
        requiredKeys: ["specSha256", "specVersion", "loweredPrecedenceSha256", "layers"],
        noNullPrototype: true,
      },
    ),
    nodes: fc.array(
      fc.record(
        {
          nodeId: fc.string(),
          kind: fc.string(),
          contractId: fc.string(),
          initialState: fc.string(),
          name: fc.string(),
          route: fc.string(),
          dependsOn: texts,
        },
        { requiredKeys: ["nodeId", "kind", "contractId", "initialState"], noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
    providerId: fc.string(),
    providerContract: members,
    deliveryHandoff: members,
    expectations: texts,
    desiredResources: fc.nat(),
    executionPolicy: members,
  },
  {
    requiredKeys: [
      "policyEnvelopeSha256",
      "otelQueryStubs",
      "traceTags",
      "nodes",
      "providerId",
      "providerContract",
      "deliveryHandoff",
      "expectations",
      "desiredResources",
    ],
    noNullPrototype: true,
  },
);

test("facts that were kept are read back as they were", () => {
  fc.assert(
    fc.property(facts, (kept) => {
      expect(readFacts(factsText(kept))).toEqual(kept);
      expect(factsText(readFacts(factsText(kept)))).toBe(factsText(kept));
    }),
  );
});

test("a text that is not what was kept is refused, never half believed", () => {
  const text = factsText(noBundleFacts);
  for (const other of [
    "",
    "{}",
    "[]",
    text.slice(1),
    text.replace(":v1", ":v2"),
    text.replace('"nodes":[]', '"nodes":[1]'),
  ]) {
    expect(() => readFacts(other)).toThrow(AkcError);
  }
});

test("a run of before facts were kept has none", async () => {
  const never = {
    read: () => Promise.reject(new Error("asked")),
    sizeOf: () => Promise.reject(new Error("asked")),
  };
  expect(await factsOf({ artifacts: never }, { factsSha256: null })).toEqual(noBundleFacts);
});
