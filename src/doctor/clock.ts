/**
 * Whether the clock can be trusted: that somebody keeps it in time, that it does not jump, and that it is not behind what is written
 * already. Sets nothing.
 *
 * Source: adjtimex(2).
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { databasePath } from "../store/sqlite/open.ts";
import { kernelClock } from "../system/kernel-clock.ts";
import type { Host } from "./host.ts";
import type { Finding } from "./model.ts";

const check = "clock";
/** How long both clocks are looked at, and how far apart they may be then. */
const watchedMs = 50;
const apartMsMax = 50;
/** Files of another host's clock may be a little ahead. */
const aheadMsMax = 60_000;

export async function clock({ clock: time, outputsRoot, executable }: Host): Promise<readonly Finding[]> {
  const [wall, steady] = [time.nowMs(), time.monotonicMs()];
  await time.sleep(watchedMs);
  const apart = Math.round(time.nowMs() - wall - (time.monotonicMs() - steady));
  const findings: Finding[] = [];
  if (Math.abs(apart) > apartMsMax) {
    findings.push({
      check,
      severity: "warning",
      says: `the clock jumped by ${apart} ms within ${watchedMs} ms`,
      fix: "Somebody sets it by hand, or it steps: let one service slew it.",
    });
  }
  const newest = newestOf([...scopesOf(outputsRoot), ...(executable === undefined ? [] : [executable])]);
  if (newest !== undefined && newest.atMs - time.nowMs() > aheadMsMax) {
    findings.push({
      check,
      severity: "warning",
      says: `${newest.path} was written at ${new Date(newest.atMs).toISOString()}, which is still to come`,
      fix: "The clock was set back, or another host's is ahead: set it, and keep it by chrony or systemd-timesyncd.",
    });
  }
  return [...findings, synchronised()];
}

function synchronised(): Finding {
  const known = kernelClock();
  if (known === undefined) {
    return {
      check,
      severity: "note",
      says: "the kernel does not say whether its clock is synchronised",
      fix: "See that a time service runs: timedatectl, or chronyc tracking",
    };
  }
  if (known.synchronised) {
    const says = `the clock is synchronised, to ${Math.round(known.errorMs)} ms at worst`;
    return { check, severity: "ok", says, details: { error_ms: Math.round(known.errorMs) } };
  }
  return {
    check,
    severity: "warning",
    says: "nobody keeps the clock in time",
    fix: "Run chrony or systemd-timesyncd: leases, waits and expiries go by this clock.",
  };
}

/** The databases of the scopes that are found first: one of them is enough to see a clock that is behind. */
function scopesOf(outputsRoot: string): readonly string[] {
  const databases: string[] = [];
  for (const tenant of names(outputsRoot).slice(0, 20))
    for (const repo of names(join(outputsRoot, tenant)).slice(0, 20))
      databases.push(databasePath(join(outputsRoot, tenant, repo)));
  return databases;
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch {
    return [];
  }
}

function newestOf(paths: readonly string[]): { readonly path: string; readonly atMs: number } | undefined {
  return paths
    .flatMap((path) => {
      // Below a file there is nothing to ask about either.
      try {
        const found = statSync(path, { throwIfNoEntry: false });
        return found === undefined ? [] : [{ path, atMs: found.mtimeMs }];
      } catch {
        return [];
      }
    })
    .sort((one, other) => other.atMs - one.atMs)[0];
}
