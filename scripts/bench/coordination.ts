/**
 * What `akc runtime coordination-plan` costs on a large graph, without starting up and without printing: read the file, parse it,
 * fingerprint the inline spec, parse that, order it, write the plan. Each sample is a fresh process, because that is how the
 * command is used: nothing is compiled yet, and the memory is its own.
 *
 * Run it alone with `bun scripts/bench/coordination.ts`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { parseCoordination } from "../../src/coordination/parse.ts";
import { planJson } from "../../src/coordination/plan-json.ts";
import { schedule } from "../../src/coordination/schedule.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonObject } from "../../src/json/value.ts";
import { bundleOf } from "./documents.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const steps = 100_000;
const samples = 5;

const Sample = v.object({ ms: v.record(v.string(), v.number()), peakMegabytes: v.number() });
type Sample = v.InferOutput<typeof Sample>;

export async function benchCoordination(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-"));
  try {
    const file = join(folder, "bundle.json");
    await Bun.write(file, JSON.stringify(bundleOf(steps)));
    const engine: Sample[] = [];
    const plan: Sample[] = [];
    for (let turn = 0; turn < samples; turn += 1) {
      engine.push(await sampleInFreshProcess("engine", file));
      plan.push(await sampleInFreshProcess("plan", file));
    }
    return rows(engine, plan);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rows(engine: readonly Sample[], plan: readonly Sample[]): BenchRow[] {
  const base = median(engine.map((sample) => total(sample)));
  const parts = Object.keys(plan[0]?.ms ?? {}).map((part): BenchRow => {
    const value = median(plan.map((sample) => sample.ms[part] ?? Number.NaN));
    return {
      name: `coordination-plan, ${part}`,
      value,
      unit: "ms",
      baseline: "JSON.parse",
      ratio: value / base,
    };
  });
  const whole = median(plan.map(total));
  return [
    { name: "coordination-plan, JSON.parse alone", value: base, unit: "ms" },
    ...parts,
    {
      name: `coordination-plan of ${steps} steps, ${2 * steps - 2} edges`,
      value: whole,
      unit: "ms",
      baseline: "JSON.parse",
      ratio: whole / base,
      goal: "at most 8x",
    },
    {
      name: "coordination-plan, memory at its peak",
      value: median(plan.map((sample) => sample.peakMegabytes)),
      unit: "MB",
      goal: "under 700 MB",
    },
  ];
}

function total(sample: Sample): number {
  return Object.values(sample.ms).reduce((sum, ms) => sum + ms, 0);
}

async function sampleInFreshProcess(work: "engine" | "plan", file: string): Promise<Sample> {
  const child = Bun.spawn([process.execPath, import.meta.path, work, file], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`the ${work} sample failed`);
  return v.parse(Sample, JSON.parse(text));
}

/** Runs the parts one after the other, each on what the one before it made. */
async function measure(work: string, file: string): Promise<Sample> {
  const ms: Record<string, number> = {};
  const timed = <Made>(part: string, make: () => Made): Made => {
    const start = performance.now();
    const made = make();
    ms[part] = performance.now() - start;
    return made;
  };
  if (work === "engine") {
    const text = await Bun.file(file).text();
    timed("JSON.parse", () => JSON.parse(text));
  } else {
    const start = performance.now();
    const bytes = await Bun.file(file).bytes();
    ms["read"] = performance.now() - start;
    const bundle = timed("parseJson", () => parseJson(bytes));
    const spec = isJsonObject(bundle) ? (bundle["coordination_spec"] ?? null) : null;
    const sha256 = timed("fingerprint", () => fingerprint(spec));
    const parsed = timed("parseCoordination", () => parseCoordination(spec));
    const plan = timed("schedule", () => schedule(parsed));
    timed("planJson", () => planJson(plan, sha256));
  }
  return { ms, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}

if (import.meta.main) {
  const [work, file] = process.argv.slice(2);
  if (work !== undefined && file !== undefined) console.log(JSON.stringify(await measure(work, file)));
  else printRows(await benchCoordination());
}
