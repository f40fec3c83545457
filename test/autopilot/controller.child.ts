/**
 * A controller that writes facts into the scopes it holds as fast as it can: `controller.child.ts OUTPUTS_ROOT BACKEND ID TTL_MS SCOPES`.
 * A line for each fact that it was told is durable: `<repo> <seq> <token>`. It ends with its standard input.
 */
import { createLeaseKeeper } from "../../src/autopilot/lease/keeper.ts";
import { leaseNames, newIdentity } from "../../src/autopilot/lease/name.ts";
import { createLeaseBackend } from "../../src/autopilot/lease/open.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { AkcError } from "../../src/errors.ts";
import { systemClock as clock } from "../../src/system/clock.ts";

const [outputsRoot = "", kind = "sqlite", id = "one", ttl = "600", repos = "shop"] = process.argv.slice(2);
const ttlMs = Number(ttl);
const lease = { backend: kind === "filesystem" ? ("filesystem" as const) : ("sqlite" as const), ttlMs };
const identity = newIdentity(id);
const store = await openAutopilotStore(outputsRoot);
const backend = createLeaseBackend(lease, { outputsRoot, identity, clock, env: {} });
const keeper = createLeaseKeeper({
  store,
  backend,
  holder: identity.holder,
  clock,
  ttlMs,
  nameOf: leaseNames(lease),
});
let ended = false;
void Bun.stdin.text().then(() => {
  ended = true;
});
process.stdout.write("ready\n");
while (!ended) {
  let worked = false;
  for (const repoId of repos.split(",")) {
    const scope = { tenantId: "acme", repoId };
    const held = await keeper.hold(scope);
    if (held === undefined) continue;
    for (let n = 0; n < 20 && !held.lost.aborted; n += 1) {
      try {
        const fact = { type: "visit_failed" as const, code: "X", message: `${id} ${n}` };
        const [entry] = await store.append(scope, [fact], held.fence, { nowMs: clock.nowMs() });
        process.stdout.write(`${repoId} ${entry?.seq} ${entry?.token}\n`);
        worked = true;
      } catch (cause) {
        const known = cause instanceof AkcError && ["LEASE_LOST", "STORE_BUSY"].includes(cause.code);
        if (!known) throw cause;
        break;
      }
      await Bun.sleep(1);
    }
  }
  if (!worked) await Bun.sleep(20);
}
await keeper.close();
await store.close();
