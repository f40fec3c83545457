/** Runs that earlier versions recorded: every later one verifies and replays them, to the byte of what it shows. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { akc } from "../e2e/akc.ts";

const folder = join(import.meta.dir, "histories");
const names = readdirSync(folder).filter((name) => name.endsWith(".akcrun.gz"));
let unpacked = "";

beforeAll(async () => {
  unpacked = mkdtempSync(join(tmpdir(), "akc-histories-"));
  for (const name of names)
    writeFileSync(archiveOf(name), Bun.gunzipSync(await Bun.file(join(folder, name)).bytes()));
});
afterAll(() => rmSync(unpacked, { recursive: true, force: true }));

function archiveOf(name: string): string {
  return join(unpacked, name.replace(/\.gz$/, ""));
}

test("there are histories of every shape", () => {
  const shapes =
    "succeeded failed retried denied triggered http simulated stopped exhausted resumed cut_off reopened rerun rerun_after_failure waits refused wait_timed_out wait_resumed";
  for (const shape of shapes.split(" ")) expect(names).toContain(`0.1.0-${shape}.akcrun.gz`);
});

/** How each of them ended: the last event's outcome, and what its actions came to. */
const ends: Readonly<Record<string, readonly [health: string, succeeded: number]>> = {
  succeeded: ["healthy", 3],
  failed: ["failed", 1],
  retried: ["healthy", 2],
  denied: ["failed", 0],
  triggered: ["healthy", 2],
  http: ["healthy", 1],
  simulated: ["healthy", 2],
  stopped: ["healthy", 0],
  exhausted: ["degraded", 0],
  resumed: ["healthy", 3],
  cut_off: ["unknown", 1],
  reopened: ["healthy", 2],
  rerun: ["healthy", 3],
  rerun_after_failure: ["healthy", 3],
  waits: ["healthy", 3],
  refused: ["failed", 0],
  wait_timed_out: ["failed", 0],
  wait_resumed: ["healthy", 2],
};

for (const name of names) {
  const shape = name.replace(/^[\d.]+-/, "").replace(".akcrun.gz", "");
  test(`${name} is verified, replayed and stands where it stood`, async () => {
    const archive = archiveOf(name);
    const verified = await akc(["runtime", "verify", "--archive", archive, "-o", "json", "--all"]);
    const told: { verdict: string; divergences: unknown[]; events: number; chain_sha256: string } =
      JSON.parse(verified.stdout);
    expect(told.divergences).toEqual([]);
    expect(verified.exit).toBe(0);

    const args = ["runtime", "replay", "--archive", archive, "--mode", "runtime_replay"];
    const replayed = await akc([...args, "--until", String(told.events)]);
    expect(replayed.exit).toBe(0);
    const shown: { phases: Record<string, number>; transitions: unknown[]; [key: string]: unknown } =
      JSON.parse(replayed.stdout);
    const [health, succeeded] = ends[shape] ?? ["", -1];
    expect(shown).toMatchObject({
      verdict: "verified",
      verified_events: told.events,
      until_chain_sha256: told.chain_sha256,
      terminal_health_status: health,
    });
    expect(shown.phases["succeeded"]).toBe(succeeded);
    expect(shown.transitions.length).toBe(Number(shown["transition_count"]));

    // At the last event it is the checkpoint of now; at every other one it can be told too.
    const now = await akc(["runtime", "checkpoint", "--archive", archive]);
    const last = await akc(["runtime", "checkpoint", "--archive", archive, "--at", String(told.events)]);
    expect(last).toEqual(now);
    expect(new Bun.CryptoHasher("sha256").update(now.stdout).digest("hex")).toBe(
      String(shown["checkpoint_sha256"]),
    );
    for (const at of [0, 1, Math.floor(told.events / 2)]) {
      const then = await akc(["runtime", "checkpoint", "--archive", archive, "--at", String(at)]);
      expect(then.exit).toBe(0);
      expect(JSON.parse(then.stdout)).toHaveProperty("checkpoint_id");
    }
  }, 30_000);
}
