/**
 * How long it takes until a run that was killed does something new: the binary starts a run of many steps, is killed with
 * -9 once 100 000 events are durable, and is told to go on. Beside it, how long a start takes until its own first action.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoredEvent } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { writeNoopBundle } from "./noop-bundle.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const events = 100_000;
const steps = 60_000;
const samples = 3;
const binary = join(import.meta.dir, "../../dist/akc");
const allowed = "runtime.action.policy_allowed";

export async function benchResume(): Promise<BenchRow[]> {
  const started: number[] = [];
  const resumed: number[] = [];
  for (let turn = 0; turn < samples; turn += 1) {
    const folder = mkdtempSync(join(tmpdir(), "akc-bench-resume-"));
    try {
      const [start, resume] = await killedAndResumed(folder);
      started.push(start);
      resumed.push(resume);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return [
    { name: `start of ${steps} steps until the first action`, value: median(started), unit: "ms" },
    {
      name: `resume after ${events} events until the first new action`,
      value: median(resumed),
      unit: "ms",
      baseline: "start",
      ratio: median(resumed.map((ms, at) => ms / (started[at] ?? Number.NaN))),
      goal: "under 2000 ms",
    },
  ];
}

/** Milliseconds from the call of the binary to the first intent that it recorded: of the start, and of the resume. */
async function killedAndResumed(folder: string): Promise<readonly [number, number]> {
  const bundlePath = await writeNoopBundle(folder, { steps, width: 64 });
  const id = "bench-resume";
  const startedAtMs = Date.now();
  const first = akc([
    "runtime",
    "start",
    "--bundle",
    bundlePath,
    "--mode",
    "enforce",
    "--runtime-run-id",
    id,
  ]);
  const store = await storeOnceThere(scopeRoot(folder));
  while ((await lastSeq(store, id)) < events) await Bun.sleep(20);
  first.kill("SIGKILL");
  await first.exited;
  const killedAtSeq = await lastSeq(store, id);
  const resumedAtMs = Date.now();
  const second = akc(["runtime", "resume", id, "--outputs-root", folder]);
  let event: StoredEvent | undefined;
  while (event === undefined) {
    await Bun.sleep(20);
    event = await firstAfter(store, id, killedAtSeq);
  }
  second.kill("SIGKILL");
  await second.exited;
  const begun = await firstAfter(store, id, 0);
  await store.close();
  return [(begun?.atMs ?? Number.NaN) - startedAtMs, event.atMs - resumedAtMs];
}

function akc(args: readonly string[]) {
  return Bun.spawn([binary, ...args], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
}

function scopeRoot(folder: string): string {
  return join(folder, "bench", "bench");
}

async function storeOnceThere(root: string) {
  for (;;) {
    try {
      return await openStore(root, { create: false });
    } catch {
      await Bun.sleep(20);
    }
  }
}

type Store = Awaited<ReturnType<typeof openStore>>;

async function lastSeq(store: Store, id: string): Promise<number> {
  const rows = await store.listRuns();
  return rows.find((row) => row.context.runtimeRunId === id)?.lastSeq ?? 0;
}

async function firstAfter(store: Store, id: string, seq: number): Promise<StoredEvent | undefined> {
  const reader = await store.openRun(id);
  try {
    return (await reader.events(seq, 5_000)).find(({ type }) => type === allowed);
  } finally {
    await reader.close();
  }
}

if (import.meta.main) printRows(await benchResume());
