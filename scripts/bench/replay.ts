/**
 * What verifying a run costs: events a second and the process's memory at two sizes, against a loop that only reads the same
 * events and follows their chain.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChainCheck } from "../../src/replay/chain-check.ts";
import { verifyRun } from "../../src/replay/verify.ts";
import type { RunReader } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { writeNoopBundle } from "./noop-bundle.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const akc = join(import.meta.dir, "../../dist/akc");
const sizes = [50_000, 200_000] as const;
const turns = 3;

export async function benchReplay(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-replay-"));
  try {
    const rows: BenchRow[] = [];
    for (const steps of sizes) rows.push(...(await measured(join(folder, `${steps}`), steps)));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(outputs: string, steps: number): Promise<BenchRow[]> {
  const bundle = await writeNoopBundle(outputs, { steps, width: 64 });
  await command([
    akc,
    "runtime",
    "start",
    "--bundle",
    bundle,
    "--mode",
    "enforce",
    "--quiet",
    "--outputs-root",
    outputs,
  ]);
  const scopeRoot = join(outputs, "bench", "bench");
  const store = await openStore(scopeRoot, { create: false });
  const [row] = await store.listRuns();
  const runtimeRunId = row?.context.runtimeRunId ?? "";
  const reader = await store.openRun(runtimeRunId);
  const plain: number[] = [];
  const whole: number[] = [];
  let events = 0;
  for (let turn = 0; turn <= turns; turn += 1) {
    const bare = await timed(() => readAndHash(reader));
    const checked = await timed(async () => {
      const found = await verifyRun(reader, { stored: { scopeRoot, runtimeRunId } });
      if (found.verdict !== "verified") throw new Error("the run is not what its events say");
      events = found.events;
    });
    if (turn > 0) {
      plain.push(bare);
      whole.push(checked);
    }
  }
  await reader.close();
  await store.close();
  const verify = [akc, "runtime", "verify", runtimeRunId, "--outputs-root", outputs];
  const { ms, peakMb } = await command(verify);
  const base = median(plain);
  const what = `${events} events`;
  return [
    { name: `read and hash ${what}`, value: (events / base) * 1_000, unit: "events/s" },
    {
      name: `verify ${what}: chain, tables, decisions, artifacts`,
      value: (events / median(whole)) * 1_000,
      unit: "events/s",
      baseline: "the time of read and hash",
      ratio: median(whole) / base,
      goal: "200 000 /s",
    },
    {
      name: `akc runtime verify, the whole command, evidence too`,
      value: (events / ms) * 1_000,
      unit: "events/s",
    },
    {
      name: "its memory at the peak",
      value: peakMb,
      unit: "MB",
      goal: "the same at both sizes, but for a row an action",
    },
  ];
}

async function readAndHash(reader: RunReader): Promise<void> {
  const chain = new ChainCheck(await reader.run());
  for (;;) {
    const page = await reader.events(chain.seq, 1_024);
    if (page.length === 0) return;
    for (const event of page) if (chain.next(event) !== undefined) throw new Error("the chain is broken");
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

async function command(argv: readonly string[]): Promise<{ readonly ms: number; readonly peakMb: number }> {
  const startedMs = performance.now();
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} failed`);
  return { ms: performance.now() - startedMs, peakMb: (child.resourceUsage()?.maxRSS ?? 0) / 1024 / 1024 };
}

if (import.meta.main) printRows(await benchReplay());
