/**
 * A wall clock for single processes that a test sets while they run; the monotonic clock goes on as it is. A machine that can have none
 * is told so loudly, never silently.
 *
 * Source: libfaketime's README ("Faking the date and time system-wide", FAKETIME_TIMESTAMP_FILE).
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface SetClock {
  /** For the process, and for nobody whom it starts with an environment of its own. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on, as far from the machine's clock as this. */
  set(byMs: number): void;
  /** Takes away what the library leaves of a process that has ended. */
  forget(pid: number): void;
}

/** @returns undefined where none can be had; else what makes one whose setting is kept at `path` */
export function findSetClock(): ((path: string) => SetClock) | undefined {
  const up = run("up");
  if (up.exitCode !== 0) {
    console.error(`SKIPPED: no libfaketime here: ${up.stderr.toString().trim()}`);
    return undefined;
  }
  const [, library = ""] = /^export LD_PRELOAD=(.*)$/m.exec(run("env").stdout.toString()) ?? [];
  return (path) => {
    // Put there whole: one who reads a half-written one has no time at all.
    const set = (byMs: number) => {
      writeFileSync(`${path}.new`, `${byMs < 0 ? "-" : "+"}${Math.abs(byMs) / 1_000}\n`);
      renameSync(`${path}.new`, path);
    };
    set(0);
    return {
      env: {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: path,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        // Times of files are the machine's.
        NO_FAKE_STAT: "1",
      },
      set,
      forget(pid) {
        for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])
          rmSync(join("/dev/shm", name), { force: true });
      },
    };
  };
}

function run(verb: string) {
  return Bun.spawnSync(["bash", join(import.meta.dir, "faketime.sh"), verb], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      AKC_TEST_INSTALL: process.env["AKC_TEST_INSTALL"] ?? "",
    },
    stdin: "ignore",
  });
}
