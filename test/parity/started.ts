/**
 * Runs a bundle as a compiler leaves it, in a fresh outputs root, and reads everything that the run left. Reads with an
 * ordinary JSON parser, as other tools do.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdapterRegistry } from "../../src/adapters/registry.ts";
import type { PolicyMode } from "../../src/bundle/model.ts";
import { type RunReport, startRun } from "../../src/run/start.ts";
import { type Clock, systemClock } from "../../src/system/clock.ts";
import { systemIds } from "../../src/system/ids.ts";

export type Row = Readonly<Record<string, unknown>>;

const fixtures = join(import.meta.dir, "../fixtures");

/** A file below `<tenant>/<repo>/.akc`, as text. */
export interface Layout {
  readonly tenantId: string;
  readonly repoId: string;
  readonly runId: string;
  readonly bundle: string;
  /** Path below `.akc` → content. */
  readonly files: Readonly<Record<string, string>>;
}

/** Example `letter` of the specification, with the file that it says must lie beside it. */
export async function example(letter: "a" | "b" | "c" | "d"): Promise<Layout> {
  const steps = [
    { step_id: "draft", role: "writer", inputs: { ir_node_id: "wf-a" } },
    { step_id: "review", role: "critic", inputs: { ir_node_id: "wf-a" } },
  ];
  const files = { "orchestration/run-d1.orchestration.json": JSON.stringify({ steps }) };
  return {
    tenantId: "acme",
    repoId: "billing",
    runId: `run-${letter}1`,
    bundle: await fixture(`bundles/example-${letter}.runtime_bundle.json`),
    files: letter === "d" ? files : {},
  };
}

/** The worked coordination bundle of the specification. */
export async function coordinated(dispatch: "parallel" | "sequential"): Promise<Layout> {
  return {
    tenantId: "acme",
    repoId: "shop",
    runId: "run-alpha",
    bundle: await fixture(`coordination/runtime_bundle_v2_${dispatch}.json`),
    files: {
      "agents/run-alpha.coordination.json": await fixture("coordination/coordination_spec_v2.json"),
      "orchestration/run-alpha.orchestration.json": await fixture("coordination/orchestration_v2.json"),
    },
  };
}

export interface Placed {
  readonly root: string;
  /** `<root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  readonly bundlePath: string;
  [Symbol.dispose](): void;
}

export async function placed(layout: Layout): Promise<Placed> {
  const root = mkdtempSync(join(tmpdir(), "akc-parity-"));
  const scopeRoot = join(root, layout.tenantId, layout.repoId);
  const bundlePath = join(scopeRoot, `.akc/runtime/${layout.runId}.runtime_bundle.json`);
  await Bun.write(bundlePath, layout.bundle);
  for (const [path, text] of Object.entries(layout.files))
    await Bun.write(join(scopeRoot, ".akc", path), text);
  return {
    root,
    scopeRoot,
    bundlePath,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

export interface StartChoices {
  readonly mode?: PolicyMode;
  readonly adapter?: string;
  readonly adapters?: AdapterRegistry;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** What a run left behind. */
export interface Left {
  readonly report: RunReport;
  readonly record: Row;
  readonly checkpoint: Row;
  readonly queue: Row;
  readonly trace: Row;
  readonly events: readonly Row[];
  readonly evidence: readonly Row[];
  readonly decisions: readonly Row[];
  readonly profile: Row;
  /** Empty when the run had no coordination. */
  readonly audit: readonly Row[];
  readonly otel: readonly Row[];
  /** Names in the run's own folder. */
  readonly names: readonly string[];
}

/** Starts it as `rt-1`, with what a shell has no say in. */
export async function started(
  layout: Layout,
  { scopeRoot, bundlePath }: Placed,
  { mode = "enforce", adapter = "auto", adapters, clock = systemClock, signal }: StartChoices = {},
): Promise<Left> {
  const report = await startRun(
    {
      bundlePath,
      mode,
      adapter,
      runtimeRunId: "rt-1",
      signal: signal ?? new AbortController().signal,
    },
    { clock, ids: systemIds, env: {}, ...(adapters === undefined ? {} : { adapters }) },
  );
  return { report, ...leftIn(report.scopeDir, join(scopeRoot, `.akc/run/${layout.runId}.otel.jsonl`)) };
}

export function leftIn(folder: string, otelPath: string): Omit<Left, "report"> {
  const object = (name: string): Row => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const list = (name: string): Row[] => JSON.parse(readFileSync(join(folder, name), "utf8"));
  return {
    record: object("runtime_run.json"),
    checkpoint: object("checkpoint.json"),
    queue: object("queue_snapshot.json"),
    trace: object("runtime_trace_spans.json"),
    events: list("events.json"),
    evidence: list("runtime_evidence.json"),
    decisions: list("policy_decisions.json"),
    profile: object("developer_profile_decisions.json"),
    audit: lines(join(folder, "evidence/coordination_audit.jsonl")),
    otel: lines(otelPath),
    names: readdirSync(folder).sort(),
  };
}

/** The member at the end of `keys`, or undefined. */
export function at(value: unknown, ...keys: readonly (string | number)[]): unknown {
  let here = value;
  for (const key of keys) {
    if (typeof here !== "object" || here === null) return undefined;
    here = Reflect.get(here, key);
  }
  return here;
}

export function types(events: readonly Row[]): string[] {
  return events.map((event) => String(event["event_type"]));
}

/** Evidence rows of one type. */
export function ofType(evidence: readonly Row[], type: string): Row[] {
  return evidence.filter((row) => row["evidence_type"] === type);
}

export function fixture(path: string): Promise<string> {
  return Bun.file(join(fixtures, path)).text();
}

/** Nobody waits: whoever would sleep finds the time gone by. */
export function hurriedClock(): Clock {
  let aheadMs = 0;
  return {
    nowMs: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    sleep: async (ms) => {
      await Bun.sleep(0);
      aheadMs += ms;
    },
  };
}

function lines(path: string): Row[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
