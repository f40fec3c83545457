/**
 * `akc runtime graph`: the graph of a run with what became of each step, for terminals, for Mermaid and Graphviz, and as data with
 * the critical path. Reads only.
 */
import { drawPlan } from "../../coordination/draw.ts";
import { criticalLegs } from "../../picture/critical-path.ts";
import type { PicturedStep, RunPicture } from "../../picture/model.ts";
import { command } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Plain } from "../render/output.ts";
import { drawGraph } from "../render/run-graph/drawing.ts";
import { listGraph } from "../render/run-graph/list.ts";
import { tally } from "../render/run-graph/signs.ts";
import { type Style, styleOf } from "../render/style.ts";
import { counted, printable } from "../render/text.ts";
import { elapsed } from "../render/time.ts";
import { locatingEnvironment } from "./locate.ts";
import { withPicture } from "./pictured.ts";
import { shownRunArgs } from "./read-run.ts";

const drawings = ["text", "mermaid", "dot"] as const;

export const graph = command({
  path: "runtime graph",
  summary: "Draw the graph of a run with what became of each step.",
  notes: [
    "Layers stand from left to right, as wide as the terminal allows; a graph that does not fit is told as a list of its layers, and large layers are folded. Names in bold are on the critical path: the chain of steps that the run's length came from.",
  ],
  examples: [
    { command: "akc runtime graph 0193f2c1", says: "To read it." },
    {
      command: "akc runtime graph 0193f2c1 --format dot | dot -Tsvg >run.svg",
      says: "To draw it elsewhere.",
    },
    {
      command: "akc runtime graph 0193f2c1 -o json | jq .critical_path",
      says: "Which steps did the run's length come from?",
    },
  ],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: {
    ...shownRunArgs,
    format: {
      type: "enum",
      options: [...drawings],
      valueHint: "FORMAT",
      description: "text, mermaid or dot; as text when it is absent.",
    },
  },
  async run(args, { io, print, format }) {
    return withPicture(io, args, { verify: false }, async (picture): Promise<ExitCode> => {
      const drawing = drawings.find((known) => known === args.format) ?? "text";
      if (drawing !== "text" && (format === undefined || format === "text")) {
        await io.out(drawPlan(planOf(picture), drawing));
        return 0;
      }
      const style = styleOf(io.stdout.color);
      await print({ data: graphData(picture), text: () => graphText(picture, io.stdout.columns(), style) });
      return 0;
    });
  },
});

function graphText(picture: RunPicture, columns: number, style: Style): string {
  const { run, steps, criticalPath, asOfMs } = picture;
  const took = elapsed((run.finishedAtMs ?? asOfMs) - run.startedAtMs);
  const head = `${style.strong(printable(run.runId))}  ${printable(`${run.tenantId}/${run.repoId}`)}  ${run.standing}  ${took}`;
  const lines = drawGraph(picture, columns, style) ?? listGraph(picture, columns, style);
  const names = criticalPath.map((number) => printable(steps[number]?.name ?? ""));
  const named =
    names.length <= 8 ? names : [...names.slice(0, 4), `${names.length - 7} more`, ...names.slice(-3)];
  return [
    head,
    "",
    ...lines,
    "",
    `${counted(steps.length, "step")}  ${tally(steps, style)}`,
    ...(names.length === 0 ? [] : [`critical path: ${named.join(" → ")}`]),
  ].join("\n");
}

/** What became of a step is part of its name where only names are drawn. */
function planOf({ steps, edges }: RunPicture) {
  const names = uniqueNames(steps);
  const layers: string[][] = [];
  for (const [number, { layer }] of steps.entries()) {
    while (layers.length <= layer) layers.push([]);
    layers[layer]?.push(names[number] ?? "");
  }
  return {
    layers,
    stepOrder: names,
    precedence: edges.map(({ from, to, kinds }) => ({
      src: names[from] ?? "",
      dst: names[to] ?? "",
      edgeIds: [],
      kinds,
    })),
    loweredPrecedenceSha256: "",
  };
}

function uniqueNames(steps: readonly PicturedStep[]): string[] {
  const seen = new Set<string>();
  return steps.map(({ name, phase, actionId }) => {
    const wanted = `${name} (${phase})`;
    const own = seen.has(wanted) ? `${wanted} ${actionId}` : wanted;
    seen.add(own);
    return own;
  });
}

/** The shape `RunGraph` of docs/json-output.md. */
function graphData(picture: RunPicture): Plain {
  const { run, steps, edges, criticalPath, asOfMs, lastSeq } = picture;
  const legs = criticalLegs(criticalPath, steps, run.startedAtMs, asOfMs);
  const nameOf = (number: number) => steps[number]?.name ?? "";
  return {
    kind: "RunGraph",
    runtime_run_id: run.runtimeRunId,
    tenant_id: run.tenantId,
    repo_id: run.repoId,
    run_id: run.runId,
    standing: run.standing,
    outcome: run.outcome ?? null,
    as_of_ms: asOfMs,
    event_count: lastSeq,
    nodes: steps.map((step) => ({
      action_id: step.actionId,
      name: step.name,
      label: step.label,
      layer: step.layer,
      role: step.role ?? null,
      route: step.route ?? null,
      phase: step.phase,
      attempts: step.attempts.length,
      started_at_ms: step.attempts[0]?.startedAtMs ?? null,
      ended_at_ms: step.attempts.at(-1)?.endedAtMs ?? null,
      reason: step.reason ?? null,
      code: step.code ?? null,
    })),
    edges: edges.map(({ from, to, kinds }) => ({ from: nameOf(from), to: nameOf(to), kinds: [...kinds] })),
    critical_path: legs.map(({ step, readyAtMs, startedAtMs, endedAtMs }) => ({
      name: nameOf(step),
      ready_at_ms: readyAtMs,
      started_at_ms: startedAtMs,
      ended_at_ms: endedAtMs,
    })),
  };
}
