/**
 * Takes a scope's lease and appends batches of facts, three at a time with a cursor: `memory-dying.child.ts OUTPUTS_ROOT BACKEND`. It is
 * started with failpoints and says on a line each what it was told is durable. A fault is said by its code, and gone on after.
 */
import { createLeaseKeeper } from "../../src/autopilot/lease/keeper.ts";
import { leaseNames, newIdentity } from "../../src/autopilot/lease/name.ts";
import { createLeaseBackend } from "../../src/autopilot/lease/open.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { AkcError } from "../../src/errors.ts";
import { systemClock as clock } from "../../src/system/clock.ts";
import { failed, shop } from "./memory-world.ts";

const [outputsRoot = "", kind = "sqlite"] = process.argv.slice(2);
const lease = { backend: kind === "filesystem" ? ("filesystem" as const) : ("sqlite" as const), ttlMs: 600 };
const identity = newIdentity("dying");
const store = await openAutopilotStore(outputsRoot);
const backend = createLeaseBackend(lease, { outputsRoot, identity, clock, env: {} });
const keeper = createLeaseKeeper({
  store,
  backend,
  holder: identity.holder,
  clock,
  ttlMs: lease.ttlMs,
  nameOf: leaseNames(lease),
});
const held = await keeper.hold(shop);
console.log(held === undefined ? "not held" : `held ${held.fence.token}`);
for (let n = 1; n <= 3 && held !== undefined; n += 1) {
  try {
    const cursors = [{ runtimeRunId: "r", seq: n }];
    await store.append(shop, [failed, failed, failed], held.fence, { nowMs: clock.nowMs(), cursors });
    console.log(`appended ${n}`);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    console.log(cause.code);
  }
}
await keeper.close();
await store.close();
