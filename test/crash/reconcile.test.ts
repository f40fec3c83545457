/**
 * Dies at every place of a change of a service, while a run starts and while somebody reconciles, and again while another goes on. Then all
 * stands, each service was started once, and what was recorded is still there.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Failpoint, failpointPlaces } from "../../src/system/failpoint.ts";
import { changing, deploying, inShop, type Shop, type Wanted } from "../e2e/services.ts";
import type { RecordedEvent } from "../e2e/world.ts";
import { binaries } from "./stage.ts";

const places = Object.keys(failpointPlaces).filter(
  (place): place is Failpoint => place.startsWith("reconcile.") && Object.hasOwn(failpointPlaces, place),
);

const ids = ["db", "web"];

/** Says that it began, then stands. */
function counted(version: number): readonly Wanted[] {
  return ids.map((id, index) => ({
    id,
    command: ["sh", "-c", `echo v${version} >>begun; exec sleep ${70_000 + version * 10 + index}`],
    needs: index === 0 ? [] : ["db"],
  }));
}

/** How often each version of a service has begun. */
function begun(shop: Shop, id: string): readonly string[] {
  const path = join(shop.world.scope, ".akc/services", id, "work/begun");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
}

/** The binary with failpoints, which dies there. */
async function dies(shop: Shop, failpoint: string, ...args: readonly string[]): Promise<void> {
  const child = Bun.spawn([binaries.failpoints, ...args, "--outputs-root", shop.world.root, "-o", "json"], {
    env: { ...changing, AKC_FAILPOINT: failpoint },
    stdio: ["ignore", "ignore", "ignore"],
  });
  expect({ failpoint, args: args.slice(0, 2), exit: await child.exited }).toMatchObject({ exit: 137 });
}

const running = (version: number) => ids.map((_, index) => `sleep ${70_000 + version * 10 + index}`);

async function expectWhole(shop: Shop, run: string, before: readonly RecordedEvent[]): Promise<void> {
  const after = shop.world.events(run);
  expect(after.slice(0, before.length)).toEqual([...before]);
  expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
  expect((await shop.akc("runtime", "replay", run, "--mode", "reconcile_replay")).report).toMatchObject({
    divergence_count: 0,
  });
  const idle = await shop.akc("runtime", "reconcile", run, "--apply", "--exit-code");
  expect({ code: idle.code, ...idle.report }).toMatchObject({ code: 0, converged: true, rollout: null });
}

describe("akc dies during `runtime start`", () => {
  const start = (path: string) => [
    "runtime",
    "start",
    "--bundle",
    path,
    "--mode",
    "enforce",
    "--runtime-run-id",
    "r1",
  ];
  for (const place of places) {
    for (const nth of [1, 2]) {
      test(`at ${place}, time ${nth}: a resume makes all stand, each started once`, () =>
        inShop(async (shop) => {
          await dies(shop, `${place}:${nth}:kill`, ...start(await shop.write("v1", deploying(counted(1)))));
          const before = shop.world.events("r1");
          const resumed = await shop.akc("runtime", "resume", "r1");
          expect({ code: resumed.code, ...resumed.report }).toMatchObject({
            ...{ code: 0, outcome: "succeeded", converged: true },
          });
          await shop.expectRunning(running(1));
          for (const id of ids) expect({ id, begun: begun(shop, id) }).toEqual({ id, begun: ["v1"] });
          await expectWhole(shop, "r1", before);
        }));
    }
  }

  test("and again at every place while another goes on", () =>
    inShop(async (shop) => {
      const path = await shop.write("v1", deploying(counted(1)));
      await dies(shop, `${places[0]}:1:kill`, ...start(path));
      for (const place of places) await dies(shop, `${place}:1:kill`, "runtime", "resume", "r1");
      const before = shop.world.events("r1");
      const last = await shop.akc("runtime", "resume", "r1");
      expect({ code: last.code, ...last.report }).toMatchObject({
        code: 0,
        outcome: "succeeded",
        converged: true,
      });
      await shop.expectRunning(running(1));
      for (const id of ids) expect({ id, begun: begun(shop, id) }).toEqual({ id, begun: ["v1"] });
      await expectWhole(shop, "r1", before);
    }));
});

describe("akc dies during `runtime reconcile --apply`", () => {
  for (const place of places) {
    for (const nth of [1, 2]) {
      test(`at ${place}, time ${nth}: the next one makes all stand, each started once`, () =>
        inShop(async (shop) => {
          const first = await shop.start(await shop.write("v1", deploying(counted(1))));
          const run = String(first.report["runtime_run_id"]);
          await shop.start(await shop.write("v2", deploying(counted(2))));
          await shop.expectRunning(running(2));
          const reconcile = ["runtime", "reconcile", run, "--apply"];
          await dies(shop, `${place}:${nth}:kill`, ...reconcile);
          const before = shop.world.events(run);
          const next = await shop.akc(...reconcile);
          expect({ code: next.code, ...next.report }).toMatchObject({ code: 0, converged: true });
          await shop.expectRunning(running(1));
          for (const id of ids)
            expect({ id, begun: begun(shop, id) }).toEqual({ id, begun: ["v1", "v2", "v1"] });
          await expectWhole(shop, run, before);
        }));
    }
  }
});
