/**
 * What the autopilot costs: idle with many scopes, for a visit that changes nothing, from a drift to its repair, and its memory with a
 * long history. Each beside something that does as little as can be.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { standingRun } from "../../src/autopilot/offer/standing-run.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { openSentry } from "../../src/run/deployment/sentry.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemIds } from "../../src/system/ids.ts";
import { type HistoryWorld, monthsOfHistory } from "./autopilot-history.ts";
import { residentMbOf, visitsIn, type Watching, watching } from "./autopilot-process.ts";
import { changing, deployedScopes, endIfThere, processesOf, type ScopesWorld } from "./autopilot-world.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const binary = join(import.meta.dir, "../../dist/akc");
const idleMs = 60_000;
/** Setting up a thousand takes minutes: only where it is asked for. */
const many = Number(process.env["AKC_BENCH_SCOPES"] ?? 0);

export async function benchAutopilot(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  {
    await using world = await deployedScopes(100, 10);
    rows.push(...(await idle(world)), await driftToRepair(world));
  }
  if (many > 0) {
    await using world = await deployedScopes(many, 20);
    rows.push(...(await held(world)));
  }
  await using history = await monthsOfHistory(1_000, 200);
  rows.push(...(await memory(history)), ...(await commands(history)), ...(await writes()));
  return rows;
}

async function idle(world: ScopesWorld): Promise<readonly BenchRow[]> {
  const floorMb = await emptyProcessMb();
  await using autopilot = await watching(world.base, "60s");
  await visited(autopilot, world.repos.length);
  // Until what is done often has been compiled; the first visits are dearer.
  await Bun.sleep(idleMs);
  const { cpuMs, visits } = await over(autopilot, idleMs);
  const bareMs = await bareLookMs(world);
  const visitMs = visits.sumMs / visits.count;
  const residentMb = autopilot.residentMb();
  return [
    { name: "100 scopes, 60 s each: of one core", value: (cpuMs / idleMs) * 100, unit: "%", goal: "1 %" },
    {
      name: "resident, with the binary's own pages",
      value: residentMb,
      unit: "MB",
      baseline: "an empty compiled process",
      ratio: residentMb / floorMb,
      goal: "120 MB",
    },
    {
      name: "a visit that changes nothing",
      value: visitMs,
      unit: "ms",
      baseline: "looking alone",
      ratio: visitMs / bareMs,
      goal: "5 ms beside looking",
    },
    { name: "CPU of a minute, by its visits", value: cpuMs / visits.count, unit: "ms" },
  ];
}

/** The same looks by a bare loop, a minute's worth, without anything that akc remembers. */
async function bareLookMs({ outputsRoot, repos }: ScopesWorld): Promise<number> {
  const host = { clock: systemClock, ids: systemIds, env: changing };
  const never = new AbortController().signal;
  const times: number[] = [];
  for (const repo of repos) {
    const scopeRoot = join(outputsRoot, "bench", repo);
    const { found: standing } = await standingRun(scopeRoot);
    if (standing === undefined) throw new Error(`nothing stands in ${repo}`);
    const sentry = await openSentry({ scopeRoot, pluginsDirs: [], ...standing }, host);
    await sentry?.look(never);
    const begunMs = performance.now();
    await sentry?.look(never);
    times.push(performance.now() - begunMs);
    await sentry?.close();
  }
  return times.reduce((sum, ms) => sum + ms, 0) / times.length;
}

/** A process that sleeps, compiled as akc is: the floor of what any can have. */
async function emptyProcessMb(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-empty-"));
  try {
    writeFileSync(join(folder, "empty.ts"), "setInterval(() => {}, 60_000);");
    const outfile = join(folder, "empty");
    await Bun.build({ entrypoints: [join(folder, "empty.ts")], compile: { outfile } });
    const child = Bun.spawn([outfile], { stdin: "ignore", stdout: "ignore" });
    await Bun.sleep(3_000);
    const megabytes = residentMbOf(child.pid);
    child.kill();
    await child.exited;
    return megabytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From the end of a process to the first process of its repair. */
async function driftToRepair({ base, outputsRoot, withProcess }: ScopesWorld): Promise<BenchRow> {
  // Of ten scopes at a time: neither a bake nor the number at once is what is measured.
  await using autopilot = await watching(
    base,
    "5s",
    "rollout: {bake: 0s}\nbudgets: {concurrent_rollouts: 10}\n",
  );
  await visited(autopilot, 100);
  const times: number[] = [];
  for (const repo of withProcess) {
    const folder = join(outputsRoot, "bench", repo);
    const [before] = processesOf(folder);
    if (before === undefined) continue;
    const begunMs = performance.now();
    endIfThere(before);
    while (!processesOf(folder).some((pid) => pid !== before)) await Bun.sleep(20);
    times.push(performance.now() - begunMs);
  }
  return {
    name: "longest from a death to the repair's process",
    value: Math.max(...times) / 1_000,
    unit: "s",
    baseline: "the interval",
    ratio: Math.max(...times) / 5_000,
    goal: "5 s and 1 s",
  };
}

/** How late visits are when there are many of them, and what that costs. */
async function held(world: ScopesWorld): Promise<readonly BenchRow[]> {
  await using autopilot = await watching(world.base, "60s");
  const begunMs = performance.now();
  await visited(autopilot, world.repos.length);
  const firstMs = performance.now() - begunMs;
  await Bun.sleep(idleMs);
  const lateMs: number[] = [];
  const { cpuMs, visits } = await over(autopilot, idleMs, async () => {
    lateMs.push(...overdueIn(JSON.parse(await autopilot.ask("/v1/status"))));
  });
  const what = `${world.repos.length} scopes`;
  return [
    { name: `${what}: all visited first after`, value: firstMs / 1_000, unit: "s" },
    { name: `${what}: visits in a minute`, value: visits.count, unit: "", goal: `${world.repos.length}` },
    { name: `${what}: a visit`, value: visits.sumMs / visits.count, unit: "ms" },
    { name: `${what}: latest visit seen to be due`, value: Math.max(0, ...lateMs), unit: "ms" },
    { name: `${what}: of one core`, value: (cpuMs / idleMs) * 100, unit: "%" },
    { name: `${what}: resident`, value: autopilot.residentMb(), unit: "MB" },
  ];
}

/** Of the scopes that are due and were not begun, by how much. */
function overdueIn(status: {
  readonly scopes: readonly { readonly next_visit_at_ms?: number }[];
}): readonly number[] {
  const nowMs = Date.now();
  return status.scopes.flatMap(({ next_visit_at_ms: dueMs }) =>
    dueMs === undefined || dueMs === null || dueMs >= nowMs ? [] : [nowMs - dueMs],
  );
}

async function visited(autopilot: Watching, scopes: number): Promise<void> {
  while (visitsIn(await autopilot.ask("/metrics")).count < scopes) await Bun.sleep(200);
}

async function over(autopilot: Watching, lengthMs: number, look: () => Promise<void> = async () => {}) {
  const before = { cpuMs: autopilot.cpuMs(), visits: visitsIn(await autopilot.ask("/metrics")) };
  const endMs = performance.now() + lengthMs;
  while (performance.now() < endMs) {
    await Bun.sleep(Math.min(2_000, Math.max(0, endMs - performance.now())));
    await look();
  }
  const after = visitsIn(await autopilot.ask("/metrics"));
  return {
    cpuMs: autopilot.cpuMs() - before.cpuMs,
    visits: { count: after.count - before.visits.count, sumMs: after.sumMs - before.visits.sumMs },
  };
}

/** Opening the memory, and what every scope's state takes at first and afterwards. */
async function memory({ outputsRoot, scopes, facts }: HistoryWorld): Promise<readonly BenchRow[]> {
  const begunMs = performance.now();
  const store = await openAutopilotStore(outputsRoot);
  for (const scope of scopes) await store.state(scope);
  const firstMs = performance.now() - begunMs;
  const againMs = performance.now();
  for (const scope of scopes) await store.state(scope);
  const laterMs = performance.now() - againMs;
  await store.close();
  return [
    { name: `${scopes.length} scopes with ${facts} facts: opened, every state`, value: firstMs, unit: "ms" },
    { name: "every state again", value: laterMs, unit: "ms", baseline: "at first", ratio: laterMs / firstMs },
  ];
}

async function commands({ outputsRoot }: HistoryWorld): Promise<readonly BenchRow[]> {
  const timed = async (...args: readonly string[]) => {
    const times: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      const begunMs = performance.now();
      await Bun.spawn([binary, ...args], { stdout: "ignore", stderr: "ignore", cwd: tmpdir() }).exited;
      times.push(performance.now() - begunMs);
    }
    return median(times);
  };
  const bareMs = await timed("--version");
  const row = async (name: string, ...args: readonly string[]): Promise<BenchRow> => {
    const value = await timed(...args, "--outputs-root", outputsRoot);
    return { name, value, unit: "ms", baseline: "akc --version", ratio: value / bareMs };
  };
  return [
    await row("akc autopilot status, 1000 scopes", "autopilot", "status"),
    await row(
      "akc autopilot scoreboard, one of them",
      "autopilot",
      "scoreboard",
      "--tenant-id",
      "bench",
      "--repo-id",
      "repo-0001",
    ),
  ];
}

/** Facts one by one, against one row a commit by SQLite alone with the same settings. */
async function writes(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-facts-"));
  try {
    const count = 300;
    const store = await openAutopilotStore(folder);
    const scope = { tenantId: "bench", repoId: "one" };
    const fence = await store.raiseFence(scope, "bench", 1);
    const begunMs = performance.now();
    for (let at = 0; at < count; at += 1) {
      const message = `the ${at}th`;
      await store.append(scope, [{ type: "visit_failed", code: "INTERNAL", message }], fence, {
        nowMs: at + 2,
      });
    }
    const factsPerSecond = count / ((performance.now() - begunMs) / 1_000);
    await store.close();
    const bare = new Database(join(folder, "bare.sqlite3"));
    bare.run("PRAGMA journal_mode = WAL");
    bare.run("PRAGMA synchronous = FULL");
    bare.run("CREATE TABLE fact (seq INTEGER PRIMARY KEY, payload TEXT)");
    const put = bare.query("INSERT INTO fact (payload) VALUES (?)");
    const bareBegunMs = performance.now();
    for (let at = 0; at < count; at += 1) put.run(`the ${at}th`);
    const rowsPerSecond = count / ((performance.now() - bareBegunMs) / 1_000);
    bare.close(true);
    return [
      {
        name: "facts, each durable by itself",
        value: factsPerSecond,
        unit: "/s",
        baseline: "of a bare row",
        ratio: factsPerSecond / rowsPerSecond,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) printRows(await benchAutopilot());
