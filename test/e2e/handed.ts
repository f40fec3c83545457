/** Bundles whose steps hand files and values on, for tests of the binary. Makes documents only. */
import { type BundleBuilder, bundle, type Json, type StepRoute, sh } from "./bundle.ts";

export interface Step {
  readonly id: string;
  readonly route: StepRoute;
  /** Steps whose output is handed to it. */
  readonly from: readonly string[];
  /** Steps that it only waits for. */
  readonly after?: readonly string[];
}

/** Every need of `from` is an edge of kind handoff. */
export function handing(...steps: readonly Step[]): BundleBuilder {
  const edges = steps.flatMap(({ id, from, after = [] }) => [
    ...from.map((src) => edge(src, id, "handoff", { handoff_id: `${src}-${id}` })),
    ...after.map((src) => edge(src, id, "depends_on")),
  ]);
  const nodes = steps.map(({ id }) => ({ node_id: id, kind: "step" }));
  return steps
    .reduce((builder, { id, route }) => builder.step(id, route), bundle())
    .coordination({ spec_version: 2, coordination_graph: { nodes, edges } });
}

function edge(src: string, dst: string, kind: string, metadata?: Json): Json {
  const names = { edge_id: `${src}-${dst}-${kind}`, kind, src_step_id: src, dst_step_id: dst };
  return metadata === undefined ? names : { ...names, metadata };
}

export function step(id: string, route: StepRoute, ...from: readonly string[]): Step {
  return { id, route, from };
}

/** A script that leaves these files. */
export function leaving(script: string, ...outputs: readonly string[]): StepRoute {
  return { ...sh(script), files: { outputs } };
}

/** A script that takes these files: `[step, path, as]`. */
export function taking(
  script: string,
  ...inputs: readonly (readonly [string, string, string?])[]
): StepRoute {
  return {
    ...sh(script),
    files: {
      inputs: inputs.map(([from, path, as]) => ({ step: from, path, ...(as === undefined ? {} : { as }) })),
    },
  };
}

/** The route with its placeholders switched on. */
export function filled(route: StepRoute): StepRoute {
  return { ...route, placeholders: true };
}
