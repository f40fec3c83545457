/**
 * A controller that follows the documented protocol of lease files in another language, and ours: on the same file neither works while
 * the other does.
 */
import { expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { leaseNames, newIdentity, scopeKey } from "../../src/autopilot/lease/name.ts";
import { createLeaseBackend } from "../../src/autopilot/lease/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import { outputs, shop } from "./memory-world.ts";

const ttlMs = 250;
const python = Bun.spawnSync(["python3", "-c", "import fcntl"], { stderr: "ignore" }).exitCode === 0;
if (!python) console.error("SKIPPED: there is no python3 here");

/** Takes the lease, works while it is valid and for a moment less, then leaves it alone for a while; says when it began and ended. */
const program = `
import fcntl, json, os, sys, time
path, scope, me, ttl, until = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])
def now(): return int(time.time() * 1000)
def acquire():
    with open(path.replace(".json", ".lock"), "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with open(path) as f: held = json.load(f)
        except Exception: held = {}
        at = now()
        mine = held.get("holder_controller_id") in (me, "", None)
        if not mine and at < int(held.get("expires_at_ms", 0)): return None
        record = {"scope": scope, "holder_controller_id": me, "acquired_at_ms": at, "renewed_at_ms": at, "expires_at_ms": at + ttl, "backend": "filesystem"}
        with open(path, "w") as f: f.write(json.dumps(record))
        return at
while time.time() < until:
    at = acquire()
    if at is not None:
        print(f"{me} {at} {at + ttl}", flush=True)
        time.sleep(ttl / 1000 + 0.15)
    time.sleep(0.02)
`;

test.skipIf(!python)(
  "an older controller and ours take turns, and their times never overlap",
  async () => {
    using place = outputs();
    const path = join(place.root, "acme/shop/.akc/autopilot/leases", `${scopeKey(shop)}.json`);
    mkdirSync(dirname(path), { recursive: true });
    const log = join(place.root, "log");
    writeFileSync(log, "");
    const untilMs = Date.now() + 3_000;
    const older = Bun.spawn(
      ["python3", "-c", program, path, scopeKey(shop), "ctl-1", String(ttlMs), String(untilMs / 1_000)],
      { stdin: "ignore", stdout: Bun.file(join(place.root, "older")), stderr: "inherit" },
    );
    const config = { backend: "filesystem" as const, ttlMs };
    const ours = createLeaseBackend(config, {
      outputsRoot: place.root,
      identity: newIdentity("ours"),
      clock: systemClock,
      env: {},
    });
    const name = leaseNames(config)(shop);
    let refused = 0;
    while (Date.now() < untilMs) {
      const answer = await ours.acquire(name, Date.now());
      if (answer.kind === "held") {
        appendFileSync(log, `ours ${Number(answer.expiresAtMs) - ttlMs} ${answer.expiresAtMs}\n`);
        await Bun.sleep(ttlMs + 150);
      } else refused += answer.kind === "taken" ? 1 : 0;
      await Bun.sleep(20);
    }
    expect(await older.exited).toBe(0);
    const turns = [readFileSync(log, "utf8"), readFileSync(join(place.root, "older"), "utf8")]
      .flatMap((text) => text.trim().split("\n"))
      .map((line) => line.split(" "))
      .map(([who = "", from, to]) => ({ who, from: Number(from), to: Number(to) }))
      .toSorted((one, other) => one.from - other.from);
    expect(new Set(turns.map(({ who }) => who))).toEqual(new Set(["ours", "ctl-1"]));
    expect(turns.length).toBeGreaterThan(3);
    expect(refused).toBeGreaterThan(3);
    for (const [at, turn] of turns.entries()) {
      const before = turns[at - 1];
      if (before !== undefined && before.who !== turn.who)
        expect(turn.from).toBeGreaterThanOrEqual(before.to);
    }
  },
  30_000,
);
