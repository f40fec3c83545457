/**
 * The autopilot as a process, for its benchmarks: started from the binary, looked at through /proc and its own metrics, and ended.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { changing } from "./autopilot-world.ts";

const binary = join(import.meta.dir, "../../dist/akc");

export interface Watching extends AsyncDisposable {
  readonly pid: number;
  /** Until it could be looked at. */
  readonly startMs: number;
  /** User and system time since it began. */
  cpuMs(): number;
  residentMb(): number;
  /** The server's answer. */
  ask(path: string): Promise<string>;
}

/** @param folder holds `out`; the configuration and the socket are put there */
export async function watching(folder: string, interval: string, more = ""): Promise<Watching> {
  const config = join(folder, "autopilot.yaml");
  const socket = join(folder, "s.sock");
  writeFileSync(
    config,
    `version: 1\noutputs_root: out\nenv_profile: dev\nprofile: living_loop_unattended_v1\ninterval: ${interval}\nlisten: {unix: s.sock}\n${more}`,
  );
  rmSync(join(folder, "log"), { force: true });
  const begunMs = performance.now();
  const child = Bun.spawn([binary, "runtime", "autopilot", "--config", config, "-o", "json"], {
    cwd: folder,
    env: changing,
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, "log")),
  });
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error(readFileSync(join(folder, "log"), "utf8"));
    await Bun.sleep(2);
  }
  return {
    pid: child.pid,
    startMs: performance.now() - begunMs,
    cpuMs: () => cpuMsOf(child.pid),
    residentMb: () => residentMbOf(child.pid),
    ask: async (path) => (await fetch(`http://akc${path}`, { unix: socket })).text(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

export function residentMbOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // proc(5): utime and stime are fields 14 and 15, in hundredths of a second.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export interface Visits {
  readonly count: number;
  readonly sumMs: number;
  /** Upper bounds in milliseconds, with how many visits took no longer. */
  readonly buckets: readonly (readonly [number, number])[];
}

/** `akc_visit_duration_seconds` of a scrape. */
export function visitsIn(metrics: string): Visits {
  const number = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1] ?? 0);
  const buckets = [...metrics.matchAll(/^akc_visit_duration_seconds_bucket\{le="([\d.]+)"\} (\d+)$/gm)];
  return {
    count: number("akc_visit_duration_seconds_count"),
    sumMs: number("akc_visit_duration_seconds_sum") * 1_000,
    buckets: buckets.map(([, bound, count]) => [Number(bound) * 1_000, Number(count)] as const),
  };
}
