/**
 * 1 000 processes that do nothing, four at a time: the subprocess route against GNU make over the same targets, in one run.
 * Measures `run()` alone, contained and not; kernel and store come on top of it elsewhere.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainmentLevel, RunPolicy } from "../../src/policy/model.ts";
import { openPolicy, type World, world } from "../../test/containment/request.ts";
import type { BenchRow } from "./row.ts";

const processes = 1_000;
const width = 4;
const rounds = 5;

/** A makefile of independent targets. `/bin/true` is executed directly: make needs no shell for it. */
function makefile(folder: string): string {
  const targets = Array.from({ length: processes }, (_, index) => `t${index}`);
  const path = join(folder, "graph.mk");
  const rules = targets.map((target) => `${target}:\n\t@/bin/true\n`).join("");
  writeFileSync(path, `.PHONY: all ${targets.join(" ")}\nall: ${targets.join(" ")}\n${rules}`);
  return path;
}

async function make(path: string): Promise<number> {
  const startedAt = performance.now();
  const child = Bun.spawn(["make", "-s", `-j${width}`, "-f", path], { stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("make failed");
  return performance.now() - startedAt;
}

async function route(place: World): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const lane = async () => {
    while (next++ < processes) {
      const { status } = await place.run(["/bin/true"], { policy });
      if (status !== "succeeded") throw new Error(status);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return performance.now() - startedAt;
}

/** One object, as in a run: places of children are remembered by it. */
const policy: RunPolicy = {
  ...openPolicy,
  subprocess: { ...openPolicy.subprocess, allowlist: ["/bin/true"], containment: "none" },
};

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

export async function benchSubprocess(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-"));
  const path = makefile(folder);
  const levels: readonly ContainmentLevel[] = ["none", "limits", "landlock"];
  const places = levels.map((level) => ({ level, place: world({ containmentAtMost: level }), times: [0] }));
  const makeTimes: number[] = [];
  // Interleaved, so that whatever else the machine does hits all alike. The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) for (const one of places) one.times.length = 0;
    const made = await make(path);
    if (round > 0) makeTimes.push(made);
    for (const { place, times } of places) times.push(await route(place));
  }
  for (const { place } of places) await place.close();
  rmSync(folder, { recursive: true });
  const baseline = median(makeTimes);
  return [
    { name: `make -j${width}, ${processes} x /bin/true`, value: baseline, unit: "ms" },
    ...places.map(({ level, times }) => ({
      name: `subprocess route, ${processes} x /bin/true, ${width} wide, ${level}`,
      value: median(times),
      unit: "ms",
      baseline: `make -j${width}`,
      ratio: median(times) / baseline,
      goal: "<= 1.3",
    })),
  ];
}

if (import.meta.main) {
  for (const { name, value, unit, ratio } of await benchSubprocess()) {
    const against = ratio === undefined ? "" : `  ${ratio.toFixed(2)}x`;
    console.log(`${name.padEnd(64)} ${value.toFixed(0).padStart(6)} ${unit}${against}`);
  }
}
