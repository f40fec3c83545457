import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../errors.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { compareCodePoints } from "../json/order.ts";
import type { CoordinationEdge, CoordinationPlan, CoordinationSpec } from "./model.ts";
import { planJson, precedenceRows } from "./plan-json.ts";
import { schedule } from "./schedule.ts";

describe("a plan", () => {
  test("is the one that a naive Kahn makes, or there is a cycle for both", () => {
    fc.assert(
      fc.property(specs(), (spec) => {
        expect(layersOrCycle(spec)).toEqual(naiveLayers(spec) ?? "cycle");
      }),
      { numRuns: 500 },
    );
  });

  test("does not depend on the order in which nodes and edges are written down", () => {
    fc.assert(
      fc.property(acyclicSpecs(), fc.infiniteStream(fc.nat()), (spec, numbers) => {
        const shuffled = {
          ...spec,
          nodes: shuffle(spec.nodes, numbers),
          edges: shuffle(spec.edges, numbers),
        };
        expect(planJson(schedule(shuffled), "0")).toBe(planJson(schedule(spec), "0"));
      }),
    );
  });

  test("puts every source in an earlier layer than its destination, and no step later than it must be", () => {
    fc.assert(
      fc.property(acyclicSpecs(), (spec) => {
        const plan = schedule(spec);
        const layer = layerNumbers(plan);
        for (const { src, dst } of spec.edges) {
          if (src !== dst) expect(layer.get(src) ?? 0).toBeLessThan(layer.get(dst) ?? 0);
        }
        for (const [stepId, index] of layer) {
          const before = spec.edges.filter(({ src, dst }) => dst === stepId && src !== dst);
          expect(index).toBe(Math.max(-1, ...before.map(({ src }) => layer.get(src) ?? 0)) + 1);
        }
      }),
    );
  });

  test("names a real cycle, step by step, when there is one", () => {
    fc.assert(
      fc.property(specs(), (spec) => {
        if (naiveLayers(spec) !== undefined) return;
        const error = caught(() => schedule(spec));
        expect(error.code).toBe("COORDINATION_CYCLE");
        expect(error.message).toBe("coordination precedence graph has a cycle");
        expect(error.details["errorClass"]).toBe("CoordinationCycleError");
        const cycle = error.details["cycle"];
        if (!Array.isArray(cycle)) throw new Error("no cycle in the details");
        expect(cycle.length).toBeGreaterThan(1);
        expect(error.details["steps"]).toBe(cycle.length);
        expect(new Set(cycle).size).toBe(cycle.length);
        for (const [at, src] of cycle.entries()) {
          const dst = cycle[(at + 1) % cycle.length];
          expect(spec.edges.some((edge) => edge.src === src && edge.dst === dst)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("of a chain of 20 000 steps has a layer a step, and a ring of as many is reported in few words", () => {
    const ids = Array.from({ length: 20_000 }, (_, index) => `s${(index * 7919) % 20_000}`);
    const edges = ids.slice(1).map((id, index) => arc(ids[index] ?? "", id));
    expect(schedule(specOf(ids, edges)).stepOrder).toEqual(ids);
    const ring = caught(() => schedule(specOf(ids, [...edges, arc(ids.at(-1) ?? "", "s0")])));
    expect(ring.details).toMatchObject({ steps: 20_000, cycle: ids.slice(0, 50) });
    expect(ring.hint.length).toBeLessThan(300);
  });

  test("orders ids by code point, not by UTF-16 unit or locale", () => {
    const ids = ["z", "é", "\u{1f600}", "\uffee", "-x", "10", "9", "B", "Z", "_x", "a", "b"];
    const plan = schedule(specOf(ids, []));
    expect(plan.stepOrder).toEqual([
      "-x",
      "10",
      "9",
      "B",
      "Z",
      "_x",
      "a",
      "b",
      "z",
      "é",
      "\uffee",
      "\u{1f600}",
    ]);
  });

  test("takes ids that are names of every object's members for plain ids", () => {
    const plan = schedule(specOf(["__proto__", "constructor", "a"], [arc("constructor", "__proto__")]));
    expect(plan.layers).toEqual([["a", "constructor"], ["__proto__"]]);
  });

  test("merges arcs of several edges and keeps where each came from, without repetitions", () => {
    const edges = [
      arc("a", "b", "e2", "barrier"),
      arc("a", "b", "e1", "depends_on"),
      arc("a", "b", "e2", "barrier"),
      arc("a", "a", "e3"),
    ];
    const { precedence } = schedule(specOf(["a", "b"], edges));
    expect(precedence).toEqual([
      { src: "a", dst: "b", edgeIds: ["e1", "e2"], kinds: ["barrier", "depends_on"] },
    ]);
  });

  test("carries the fingerprint of its arcs, which is taken of their rows", () => {
    fc.assert(
      fc.property(acyclicSpecs(), (spec) => {
        const plan = schedule(spec);
        const rows = precedenceRows(plan.precedence);
        expect(plan.loweredPrecedenceSha256).toBe(fingerprint({ lowered_precedence_edges: rows }));
      }),
      { numRuns: 20 },
    );
  });
});

describe("a printed plan", () => {
  test("of no steps leaves out reasons and arcs", () => {
    expect(planJson(schedule(specOf([], [])), "ab")).toBe(
      '{\n  "coordination_spec_sha256": "ab",\n  "layers": [],\n  "step_order": []\n}\n',
    );
  });

  test("is ASCII whatever the ids are", () => {
    const printed = planJson(schedule(specOf(["é\u007f\u{1f600}"], [])), "ab");
    expect(printed).toContain('"\\u00e9\\u007f\\ud83d\\ude00"');
    expect(printed).toMatch(/^[\n -~]*$/);
  });
});

describe("an edge that its version does not allow", () => {
  test.each([
    [
      1,
      arc("a", "b", "e", "barrier"),
      "edge kind 'barrier' requires spec_version or coordination_spec_version >= 2",
    ],
    [
      0,
      arc("a", "b", "e", "zzz"),
      "unsupported coordination edge kind 'zzz'; spec_version 0 allows ['depends_on'] only",
    ],
    [
      2,
      arc("a", "b", "e", "zzz"),
      "unsupported coordination edge kind 'zzz'; spec_version 2 allows ['barrier', 'delegate', 'depends_on', 'handoff', 'parallel'] only",
    ],
    [2, arc("a", "b", "it's", "handoff"), `coordination edge "it's" (handoff): metadata object is required`],
    [
      2,
      { ...arc("a", "a", "e", "handoff"), metadata: { handoff_id: " " } },
      "coordination edge 'e' (handoff): metadata.handoff_id must be a non-empty string",
    ],
    [
      2,
      { ...arc("a", "b", "e", "delegate"), metadata: { delegate_target: 7 } },
      "coordination edge 'e' (delegate): metadata.delegate_target must be a non-empty string",
    ],
  ])("of version %p is refused with the documented text", (version, edge, message) => {
    expect(caught(() => schedule({ ...specOf([], [edge]), version })).message).toBe(message);
  });

  test("is found before the metadata of any edge is looked at", () => {
    const spec = specOf([], [arc("a", "b", "e1", "handoff"), arc("a", "b", "e2", "zzz")]);
    expect(caught(() => schedule(spec)).details["errorClass"]).toBe("CoordinationUnsupportedEdgeKind");
  });
});

function layersOrCycle(spec: CoordinationSpec): CoordinationPlan["layers"] | "cycle" {
  try {
    return schedule(spec).layers;
  } catch (error) {
    if (error instanceof AkcError && error.code === "COORDINATION_CYCLE") return "cycle";
    throw error;
  }
}

/** Kahn's algorithm as it is told: quadratic, on names, without a trick. */
function naiveLayers({ nodes, edges }: CoordinationSpec): string[][] | undefined {
  const left = new Set(nodes.filter(({ kind }) => kind === "step").map(({ nodeId }) => nodeId));
  for (const { src, dst } of edges) left.add(src).add(dst);
  const layers: string[][] = [];
  while (left.size > 0) {
    const waits = (id: string): boolean =>
      edges.some(({ src, dst }) => dst === id && src !== id && left.has(src));
    const layer = [...left].filter((id) => !waits(id)).sort(compareCodePoints);
    if (layer.length === 0) return undefined;
    for (const id of layer) left.delete(id);
    layers.push(layer);
  }
  return layers;
}

function layerNumbers({ layers }: CoordinationPlan): Map<string, number> {
  return new Map(layers.flatMap((stepIds, index) => stepIds.map((stepId) => [stepId, index] as const)));
}

function caught(work: () => unknown): AkcError {
  try {
    work();
  } catch (error) {
    if (error instanceof AkcError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const idPool = [
  "a",
  "b",
  "c",
  "10",
  "9",
  "Z",
  "é",
  "\uffee",
  "\u{1f600}",
  "__proto__",
  "workflow_000",
  'q"\\',
];
const kinds = ["depends_on", "barrier", "parallel"];

function specs(): fc.Arbitrary<CoordinationSpec> {
  const id = fc.constantFrom(...idPool);
  const edge = fc
    .tuple(id, id, fc.nat(30), fc.constantFrom(...kinds))
    .map(([src, dst, number, kind]) => arc(src, dst, `e${number}`, kind));
  return fc
    .tuple(fc.uniqueArray(id), fc.array(edge, { maxLength: 16 }))
    .map(([ids, edges]) => specOf(ids, edges));
}

/** Edges that run against the order of the pool are dropped. */
function acyclicSpecs(): fc.Arbitrary<CoordinationSpec> {
  return specs().map((spec) => ({
    ...spec,
    edges: spec.edges.filter(({ src, dst }) => idPool.indexOf(src) <= idPool.indexOf(dst)),
  }));
}

function shuffle<Item>(items: readonly Item[], numbers: fc.Stream<number>): readonly Item[] {
  const keyed = items.map((item) => ({ item, key: numbers.next().value ?? 0 }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

function specOf(ids: readonly string[], edges: readonly CoordinationEdge[]): CoordinationSpec {
  const nodes = ids.map((nodeId) => ({ nodeId, kind: "step", tools: [] }));
  const scope = { tenantId: "t", repoId: "p" };
  return { version: 2, scope, runId: "r", nodes, edges, bindings: [], roles: [] };
}

function arc(src: string, dst: string, edgeId = `${src}-${dst}`, kind = "depends_on"): CoordinationEdge {
  return { edgeId, kind, src, dst };
}
