/**
 * Generated documents for benchmarks: the same for the same numbers, and shaped like what akc reads.
 * They are made in memory; nothing is read from a file.
 */
import type { JsonObject, JsonValue } from "../../src/json/value.ts";

const edgeKinds = ["depends_on", "parallel", "handoff"] as const;

/**
 * A compiled bundle with an inline coordination spec: `steps` steps, two edges a step (to its half and to a near neighbour), keys in
 * the order in which a compiler writes them.
 */
export function bundleOf(steps: number): JsonObject {
  const ids = Array.from({ length: steps }, (_, index) => `step_${String(index).padStart(6, "0")}`);
  const id = (index: number) => ids[index] ?? "";
  const nodes = ids.map((node_id, index) => ({
    node_id,
    kind: "step",
    label: `Step number ${index}`,
    tools: ["lint", "build"],
  }));
  const edges: JsonValue[] = [];
  for (let index = 1; index < steps; index += 1) {
    edges.push({
      edge_id: `e${index}a`,
      kind: "depends_on",
      src_step_id: id(index >> 1),
      dst_step_id: id(index),
    });
    const kind = edgeKinds[index % edgeKinds.length] ?? "depends_on";
    const edge = {
      edge_id: `e${index}b`,
      kind,
      src_step_id: id(Math.max(0, index - 7)),
      dst_step_id: id(index),
    };
    const metadata = { handoff_id: `handoff ${index}`, from_role: "builder", to_role: "checker" };
    edges.push(kind === "handoff" ? { ...edge, metadata } : edge);
  }
  return {
    schema_id: "akc:runtime_bundle:v4",
    schema_kind: "runtime_bundle",
    run_id: "bench",
    tenant_id: "acme",
    repo_id: "shop",
    coordination_spec: {
      spec_version: 2,
      run_id: "bench",
      tenant_id: "acme",
      repo_id: "shop",
      coordination_graph: { nodes, edges },
      orchestration_bindings: [{ role_name: "builder", agent_name: "one", orchestration_step_ids: ids }],
      agent_roles: [{ name: "builder", tools: ["lint", "build"] }],
    },
  };
}

/** Measurements: large and small integers, and doubles of full length. */
export function measurements(count: number): JsonValue {
  return Array.from({ length: count }, (_, index) => ({
    at_ms: 1_700_000_000_000 + index,
    value: Math.abs(Math.sin(index)) * 1_000,
    sequence: index,
    ok: index % 2 === 0,
  }));
}

/** Prose, one line in five with escapes. */
export function prose(count: number): JsonValue {
  return Array.from(
    { length: count },
    (_, index) =>
      `The quick brown fox jumps over the lazy dog ${index}${index % 5 === 0 ? ' and says "hi"\n' : ""}`,
  );
}

/** Spans of a trace: what `JSON.parse` loses stands in every line, as nanoseconds and as integral floats. */
export function spans(count: number): string {
  const rows = Array.from(
    { length: count },
    (_, index) =>
      `{"span_id":"${index.toString(16).padStart(16, "0")}","start_unix_nano":${1_760_000_000}${String(index).padStart(9, "0")},` +
      `"duration_s":${index % 100}.0,"weight":0.${(index % 8) + 1}25}`,
  );
  return `[${rows.join(",")}]`;
}
