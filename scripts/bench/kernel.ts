/**
 * Steps that do nothing, through the whole kernel and the store, 64 in flight, intent and outcome durable: steps a second
 * against the bare insert loop with the same bytes, and the memory of the process. Each sample is a fresh process.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { runKernel } from "../../src/kernel/loop.ts";
import { newRunRow } from "../../src/run/parts.ts";
import { makeReady } from "../../src/run/ready.ts";
import type { RunWriter, Store } from "../../src/store/contract.ts";
import { createMemoryRun } from "../../src/store/memory.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import { collectIfLarge } from "../../src/system/heap-guard.ts";
import { systemIds } from "../../src/system/ids.ts";
import { bareLoop } from "./bare-loop.ts";
import { writeNoopBundle } from "./noop-bundle.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const sizes = [1_000, 10_000, 100_000] as const;
const width = 64;
const samples = 3;

const Sample = v.object({ kernel: v.number(), bare: v.number(), peakMegabytes: v.number() });
type Sample = v.InferOutput<typeof Sample>;

export async function benchKernel(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const steps of sizes) {
    const taken: Sample[] = [];
    for (let turn = 0; turn < samples; turn += 1) taken.push(await sampleInFreshProcess(steps));
    const kernel = median(taken.map((sample) => sample.kernel));
    const bare = median(taken.map((sample) => sample.bare));
    rows.push(
      { name: `bare insert loop, ${steps} steps`, value: Math.round(bare), unit: "steps/s" },
      {
        name: `kernel, ${steps} noop steps, 64 in flight`,
        value: Math.round(kernel),
        unit: "steps/s",
        baseline: "bare insert loop",
        ratio: median(taken.map((sample) => sample.bare / sample.kernel)),
        goal: "at most 2.5x",
      },
      {
        name: `kernel, ${steps} noop steps, memory at its peak`,
        value: median(taken.map((sample) => sample.peakMegabytes)),
        unit: "MB",
        ...(steps === 100_000 ? { goal: "under 300 MB" } : {}),
      },
    );
  }
  return rows;
}

/** The bundle is made here, so that the sample's memory is the run's alone. */
async function sampleInFreshProcess(steps: number): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-kernel-"));
  try {
    const bundlePath = await writeNoopBundle(folder, { steps, width });
    const argv = [process.execPath, import.meta.path, folder, bundlePath, String(steps)];
    const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit" });
    return v.parse(Sample, JSON.parse(await new Response(child.stdout).text()));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sample(folder: string, bundlePath: string, steps: number): Promise<Sample> {
  const kernel = await throughTheKernel(bundlePath, steps);
  const peakMegabytes = peakBytes() / 1e6;
  const texts = await payloadTexts(folder);
  return { kernel, peakMegabytes, bare: bareLoop(join(folder, "bare.sqlite3"), { steps, ...texts }) };
}

async function throughTheKernel(bundlePath: string, steps: number): Promise<number> {
  const ready = await readied(bundlePath);
  collectIfLarge();
  const store = await openStore(ready.place.scopeRoot);
  const writer = await store.createRun(
    newRunRow(ready.context, ready, "0".repeat(32), Date.now()),
    thisProcess(),
    Date.now(),
  );
  const startedMs = performance.now();
  await run(ready, writer, store);
  const tookMs = performance.now() - startedMs;
  await writer.close();
  await store.close();
  return (steps / tookMs) * 1_000;
}

/** The two payloads of a step, as the kernel writes them. */
async function payloadTexts(folder: string): Promise<{ intent: string; outcome: string }> {
  const memory = createMemoryRun("bench");
  await run(await readied(await writeNoopBundle(folder, { steps: 2, width: 1 })), memory);
  const of = (type: string) => memory.events.findLast((event) => event.type === type)?.payload ?? "";
  return { intent: of("runtime.action.policy_allowed"), outcome: of("runtime.action.completed") };
}

function readied(bundlePath: string) {
  const host = { clock: systemClock, ids: systemIds, env: {} };
  return makeReady({ bundlePath, mode: "enforce", adapter: "local_depth" }, host);
}

async function run(
  ready: Awaited<ReturnType<typeof readied>>,
  writer: RunWriter,
  store?: Store,
): Promise<void> {
  const { outcome } = await runKernel(ready.plan, {
    clock: systemClock,
    writer,
    adapter: ready.adapter,
    policy: ready.policy,
    context: ready.context,
    specSha256: ready.specSha256 ?? "",
    routeOf: ready.routeOf,
    hasEffect: () => false,
    workdirOf: () => ready.place.scopeDir,
    stopRequested: async () => (await store?.stopRequested(ready.context.runtimeRunId)) ?? false,
    signal: new AbortController().signal,
    budget: {},
  });
  if (outcome !== "succeeded") throw new Error(`the run ended ${outcome}`);
}

/** The most this process has had in memory since it began (proc(5), VmHWM). */
function peakBytes(): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

if (import.meta.main) {
  const [folder, bundlePath, steps] = process.argv.slice(2);
  if (folder === undefined || bundlePath === undefined) printRows(await benchKernel());
  else console.log(JSON.stringify(await sample(folder, bundlePath, Number(steps))));
}
