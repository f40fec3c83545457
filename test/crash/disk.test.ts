/**
 * The disk is full, or fails, at every place where akc writes: the run ends with an error that says so, leaves nothing
 * running, and is gone on with once there is room. First by failpoints, then on file systems that really are full.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Failpoint } from "../../src/system/failpoint.ts";
import { scenarios } from "./bundles.ts";
import { type Counter, startCounter } from "./counter.ts";
import { type Death, diesAt, referenceOf, type Story, tellAll } from "./drive.ts";
import type { Undisturbed } from "./judge.ts";
import type { Ran } from "./stage.ts";

const full = process.env["AKC_CRASH"] === "full";
const timeoutMs = full ? 900_000 : 180_000;
const train = scenarios.find(({ name }) => name === "train");
if (train === undefined) throw new Error("there is no scenario");
const scenario = train;

/** Where akc writes, and the times to fail at: the first, and one in the middle of the run. */
const writes: readonly (readonly [Failpoint, readonly number[]])[] = [
  ["store.between_migrations", [1]],
  ["lease.inside_grant", [1]],
  ["commit.before_begin", [1, 4]],
  ["commit.begun", [2, 5]],
  ["commit.events_written", [1, 6]],
  ["commit.before_commit", [3, 11]],
  ["artifact.before_rename", [1]],
  ["artifact.kept", [1]],
  ["file.before_sync", [1, 5]],
  ["file.before_rename", [3, 9]],
  ["file.in_place", [9]],
  ["evidence.before_seal", [1]],
];

let counter: Counter;
let reference: Undisturbed;

beforeAll(async () => {
  counter = startCounter();
  reference = await referenceOf(scenario, counter);
}, 60_000);

afterAll(() => counter[Symbol.asyncDispose]());

for (const [act, codes] of [
  ["enospc", ["DISK_FULL"]],
  // Of the database, and of a file of evidence.
  ["eio", ["STORE_IO", "SYSTEM_REFUSED"]],
] as const) {
  test(
    `${act} at every place where akc writes: a clear error, and the run is gone on with`,
    async () => {
      const stories = writes.flatMap(([place, times]) =>
        times.flatMap((nth) =>
          // Once, and from then on.
          (full ? ["", "+"] : [act === "eio" ? "" : "+"]).map((plus) =>
            failing(`${place}:${nth}${plus}:${act}`, codes),
          ),
        ),
      );
      const told = await tellAll(stories, counter, { atOnce: 3, reproduce: ({ name }) => name });
      expect(told.deaths).toBe(stories.length);
    },
    timeoutMs,
  );
}

/** Kilobytes that the start finds free: from too few for a database to nearly enough for the whole run. */
const rooms = full ? [60, 120, 180, 240, 300, 360, 420, 500, 600] : [60, 180, 300, 420];
const disks: string[] = [];

afterAll(() => {
  for (const disk of disks) {
    Bun.spawnSync(["umount", "-l", disk]);
    rmSync(disk, { recursive: true, force: true });
  }
});

test.skipIf(!canMount())(
  "a disk that really is full: the same, with whatever room there is for the start",
  async () => {
    let broken = 0;
    const stories = rooms.map((kilobytes) => {
      const disk = mounted(16 * 1024);
      return {
        name: `${kilobytes} KB free`,
        scenario,
        reference,
        place: disk,
        prepare: () => leaveFree(disk, kilobytes),
        deaths: [diesForRoom(disk)],
        isDeath: (ran: Ran) => saysFault(ran, ["DISK_FULL"]),
        onDeath: () => {
          broken += 1;
        },
      };
    });
    await tellAll(stories, counter, { atOnce: 2, reproduce: ({ name }) => name });
    expect(broken).toBeGreaterThanOrEqual(2);
  },
  timeoutMs,
);

function failing(failpoint: string, codes: readonly string[]): Story {
  return {
    name: failpoint,
    scenario,
    reference,
    deaths: [diesAt(failpoint)],
    isDeath: (ran) => saysFault(ran, codes),
  };
}

/** Not a success, with the code that tells what is wrong. */
function saysFault({ code, report, stderr }: Ran, expected: readonly string[]): boolean {
  const said = report["code"];
  return code === 1 && typeof said === "string" && expected.includes(said) && stderr.includes(`[${said}]`);
}

/** Lets it meet the full disk, then makes room. */
function diesForRoom(disk: string): Death {
  return async (live) => {
    const ran = await live().ended;
    rmSync(join(disk, "ballast"));
    return ran;
  };
}

function leaveFree(disk: string, kilobytes: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "ballast"), new Uint8Array(Math.max(0, bavail * bsize - kilobytes * 1024)));
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "akc-crash-mount-"));
  const done = Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", folder]).exitCode === 0;
  if (done) Bun.spawnSync(["umount", folder]);
  rmSync(folder, { recursive: true, force: true });
  return done;
}

function mounted(kilobytes: number): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "akc-crash-disk-")));
  Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", folder]);
  disks.push(folder);
  return folder;
}
