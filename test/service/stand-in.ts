/**
 * A controller with nothing to control, under the real supervision: what systemd and signals are tried on without scopes and stores.
 * Its environment says how it behaves; files in its runtime directory change that while it runs.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Controller, ControllerPhase, Telling } from "../../src/autopilot/contract.ts";
import { createJournal, stderrSink, styleOfStderr } from "../../src/service/journal.ts";
import { supervise } from "../../src/service/supervise.ts";
import { systemClock } from "../../src/system/clock.ts";

const { env } = process;
const folder = env["RUNTIME_DIRECTORY"] ?? env["STAND_IN_FOLDER"] ?? "/nowhere";
const there = (name: string) => existsSync(join(folder, name));
const clock = systemClock;
const format = env["STAND_IN_FORMAT"] === "json" ? "json" : "text";
const journal = createJournal({
  sink: stderrSink(),
  style: styleOfStderr(env, { format, color: false, pid: process.pid }),
  clock,
  level: "info",
  secrets: () => ["open-sesame"],
});

let phase: ControllerPhase = "starting";
let turns = 0;
let lastTurn = 0;
let lastProof = clock.monotonicMs();
let reloadFault: string | undefined;
const done = Promise.withResolvers<void>();
const listeners = new Set<(told: Telling) => void>();
const become = (next: ControllerPhase) => {
  phase = next;
  for (const listener of listeners) listener({ kind: "phase", phase, atMs: clock.nowMs() });
};

const controller: Controller = {
  status: () => ({
    holder: "stand-in open-sesame",
    phase,
    startedAtMs: 0,
    observedAtMs: clock.nowMs(),
    turns,
    lastTurnMonotonicMs: lastTurn,
    lastStoreProofMonotonicMs: lastProof,
    config: { loadedAtMs: 0, reloadFault },
    scopes: [],
  }),
  listen(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  wake: () => undefined,
  async reload() {
    const path = join(folder, "config");
    const text = existsSync(path) ? readFileSync(path, "utf8").trim() : "good";
    reloadFault = text === "good" ? undefined : text;
    return { ok: reloadFault === undefined, message: text };
  },
  async drain() {
    become("draining");
    await clock.sleep(Number(env["STAND_IN_DRAIN_MS"] ?? 0));
    done.resolve();
    await done.promise;
  },
  abort: () => {
    if (env["STAND_IN_DEAF"] === undefined) done.resolve();
  },
};

const supervision = supervise(controller, {
  clock,
  env: process.env,
  journal,
  secrets: () => ["open-sesame"],
  drainMs: () => Number(env["STAND_IN_DRAIN_MAX_MS"] ?? 60_000),
  die: (code) => process.exit(code),
});
const loop = setInterval(() => {
  if (phase === "starting") become("running");
  if (there("stuck")) return;
  turns += 1;
  lastTurn = clock.monotonicMs();
  if (!there("disk-gone")) lastProof = lastTurn;
}, 50);
if (env["STAND_IN_CHILD"] !== undefined) {
  const child = Bun.spawnSync(["env"], { env: { ...process.env } });
  journal.always({ level: "info", event: "child_environment", keys: { env: child.stdout.toString() } });
}
await done.promise;
clearInterval(loop);
supervision.end();
process.exitCode = supervision.exitCode();
setTimeout(() => process.exit(supervision.exitCode()), 50);
