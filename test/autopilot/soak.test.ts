/**
 * A controller with much to do keeps its size: the real binary for AKC_SOAK_MINUTES (two, and thirty by `bun run test:soak`), looked at
 * from outside. In two minutes a leak of every visit or request shows; a slow one takes the long form.
 */
import { expect, test } from "bun:test";
import { lstatSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, until } from "../e2e/world.ts";
import { mixUntil } from "./soak/mix.ts";
import { figuresOf, type ProcessFigures } from "./soak/process-figures.ts";
import { floors, type Point, risePerHour } from "./soak/slope.ts";
import { type BusyHost, busyHost, scopes } from "./soak/world.ts";

const minutes = Number(process.env["AKC_SOAK_MINUTES"] ?? 2);
const lengthMs = minutes * 60_000;
/** In the long form a slope can be told; in the short one only what is great. */
const isLong = minutes >= 20;

interface Sample extends ProcessFigures {
  readonly ms: number;
  readonly databaseMb: number;
  /** Its write-ahead log, which is emptied again and again. */
  readonly walMb: number;
  readonly files: number;
  readonly filesMb: number;
  readonly journalMb: number;
}

test(
  `it keeps its size for ${minutes} minutes of much to do`,
  async () => {
    await using host = await busyHost();
    const over = new AbortController();
    const mixing = mixUntil(host, over.signal);
    const samples: Sample[] = [];
    const begunMs = performance.now();
    while (performance.now() - begunMs < lengthMs) {
      await Promise.race([Bun.sleep(1_000), mixing]);
      samples.push({ ...figuresOf(host.autopilot.pid), ...storedBy(host), ms: performance.now() - begunMs });
    }
    over.abort();
    const mixed = await mixing;
    const path = process.env["AKC_SOAK_SAMPLES"];
    if (path !== undefined)
      writeFileSync(path, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(""));
    expect(mixed.strange).toEqual([]);
    // All of it went on until the end: what was killed last stands again.
    await until("what was killed stands again", () => host.running("drifting") === 1, 120_000);
    const last = figuresOf(host.autopilot.pid);
    host.autopilot.kill("SIGTERM");
    expect(await host.autopilot.exited).toBe(0);

    const warm = samples.slice(Math.floor(samples.length / 3));
    const rss = pointsOf(warm, ({ rssMb }) => rssMb);
    const rise = risePerHour(rss);
    const report = reportOf(samples, warm, rise, { mixed, exported: host.exported });
    console.log(report);

    const low = floors(rss, 4).map(({ value }) => value);
    if (isLong) expect(rise).toBeLessThan(1);
    else expect((low.at(-1) ?? 0) - (low[0] ?? 0)).toBeLessThan(24);
    expect(last.rssMb).toBeLessThan(300);
    expect(rises(warm, ({ descriptors }) => descriptors)).toBeLessThan(10);
    expect(rises(warm, ({ threads }) => threads)).toBeLessThan(10);
    // Those that it has started anew stay its children; nothing else does.
    expect(last.children.length).toBeLessThan(2 * scopes.length);
    expect(
      warm.filter(({ zombies }, at) => zombies.some((pid) => warm[at + 5]?.zombies.includes(pid))),
    ).toEqual([]);
    expect(last.zombies.length).toBeLessThan(2);
    // Everything that is written is of something that happened.
    const perMinute = (of: (sample: Sample) => number) => rises(warm, of) / (minutes * (2 / 3));
    expect(perMinute(({ databaseMb }) => databaseMb)).toBeLessThan(2);
    expect(Math.max(...samples.map(({ walMb }) => walMb))).toBeLessThan(16);
    expect(perMinute(({ journalMb }) => journalMb)).toBeLessThan(0.3);
    for (const scope of scopes) expectBounded(join(host.outputsRoot, "acme", scope, ".akc/autopilot"));
    expect(mixed.kills).toBeGreaterThan(0);
  },
  lengthMs + 180_000,
);

function storedBy({ outputsRoot, journal }: BusyHost): Omit<Sample, keyof ProcessFigures | "ms"> {
  const database = join(outputsRoot, ".akc/autopilot/state.sqlite3");
  const exports = scopes.flatMap((scope) => {
    const folder = join(outputsRoot, "acme", scope, ".akc/autopilot");
    return listed(folder).map((name) => sizeOf(join(folder, name)));
  });
  return {
    databaseMb: sizeOf(database) / 2 ** 20,
    walMb: sizeOf(`${database}-wal`) / 2 ** 20,
    files: exports.length,
    filesMb: exports.reduce((sum, size) => sum + size, 0) / 2 ** 20,
    journalMb: journal.bytes / 2 ** 20,
  };
}

function listed(folder: string): readonly string[] {
  try {
    return filesBelow(folder);
  } catch {
    // Not there yet, or a file went away while it was looked at.
    return [];
  }
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function expectBounded(folder: string): void {
  const names = filesBelow(folder);
  const decisions = names.filter((name) => name.startsWith("decisions/"));
  expect(decisions.length).toBeLessThanOrEqual(20 + 1);
  const history = names.filter((name) => name.startsWith("history"));
  for (const name of history) expect(statSync(join(folder, name)).size).toBeLessThan(256 * 1024);
  expect(names.length).toBeLessThan(200);
}

function pointsOf(samples: readonly Sample[], of: (sample: Sample) => number): readonly Point[] {
  return samples.map((sample) => ({ ms: sample.ms, value: of(sample) }));
}

/** From the lowest of the first quarter to the lowest of the last. */
function rises(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const low = floors(pointsOf(samples, of), 4);
  return (low.at(-1)?.value ?? 0) - (low[0]?.value ?? 0);
}

function reportOf(samples: readonly Sample[], warm: readonly Sample[], rise: number, more: object): string {
  const shown = [samples[0], warm[0], warm[warm.length >> 1], warm.at(-1)].map((sample) => {
    if (sample === undefined) return "";
    const { ms, rssMb, descriptors, threads, children, zombies, cpuSeconds, ...stored } = sample;
    const of = [rssMb.toFixed(1), descriptors, threads, children.length, zombies.length, cpuSeconds];
    return `${(ms / 60_000).toFixed(1)} min: MB fds threads children zombies cpu-s ${of.join(" ")} ${JSON.stringify(stored)}`;
  });
  const low = floors(
    pointsOf(warm, ({ rssMb }) => rssMb),
    10,
  ).map(({ value }) => value.toFixed(1));
  return [...shown, `lowest MB: ${low.join(" ")}; ${rise.toFixed(2)} MB an hour`, JSON.stringify(more)].join(
    "\n",
  );
}
