/** Which bundle a scope offers: by its content, from the newest compile, and never from outside the scope. */
import { expect, test } from "bun:test";
import { rmSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import { standingRun } from "../../src/autopilot/offer/standing-run.ts";
import { createOffers } from "../../src/autopilot/offers.ts";
import { bundle, sh } from "../e2e/bundle.ts";
import { crashing, deploying, standing } from "../e2e/services.ts";
import { host, inScope, inScopes, never, type Placed } from "./scope-world.ts";

const small = (word: string) => bundle().started("work", sh(`echo ${word}`));
/** Long ago, so that stamps are believed. */
function aged(path: string, secondsAgo: number): void {
  const at = Date.now() / 1_000 - secondsAgo;
  utimesSync(path, at, at);
}
function ageBoth({ bundlePath, manifestPath }: Placed, secondsAgo: number): void {
  aged(bundlePath, secondsAgo);
  aged(manifestPath, secondsAgo);
}
/** Changing a file's times changes its stamp for a moment: later than that it is believed. */
const later = { nowMs: () => Date.now() + 60_000 };

test("the bundle that was written last is offered, though akc has written into an older one's manifest since", async () => {
  await inScope(async (world) => {
    const offers = createOffers({ clock: later });
    expect(await offers.newest(world.config())).toBeUndefined();
    const first = await world.place("run-1", small("one"));
    ageBoth(first, 100);
    expect(await offers.newest(world.config())).toEqual(first);
    const second = await world.place("run-2", small("two"));
    ageBoth(second, 50);
    expect(await offers.newest(world.config())).toEqual(second);
    aged(first.manifestPath, 10);
    expect(await offers.newest(world.config())).toEqual(second);
  });
});

test("a bundle that was compiled anew in the same place is another one, and the same bytes are the same one", async () => {
  await inScope(async (world) => {
    const offers = createOffers(host);
    const first = await world.place("run-1", small("one"));
    expect((await offers.newest(world.config()))?.bundleSha256).toBe(first.bundleSha256);
    const again = await world.place("run-1", small("two"));
    expect(again.bundleSha256).not.toBe(first.bundleSha256);
    expect((await offers.newest(world.config()))?.bundleSha256).toBe(again.bundleSha256);
    await world.place("run-1", small("two"));
    expect((await offers.newest(world.config()))?.bundleSha256).toBe(again.bundleSha256);
  });
});

test("the packet's word for where the bundle lies comes first, then the manifest's pass", async () => {
  await inScope(async (world) => {
    const packet = ".akc/promotion/p.packet.json";
    const placed = await world.place("run-1", small("one"), { promotion_packet_ref: { path: packet } });
    const elsewhere = await world.write("compiled/other.json", await Bun.file(placed.bundlePath).text());
    const offers = createOffers(host);
    // The packet is not there yet: a promotion is the gate's affair.
    expect((await offers.newest(world.config()))?.bundlePath).toBe(placed.bundlePath);
    await world.write(
      packet,
      JSON.stringify({ apply_target_metadata: { runtime_bundle_path: "compiled/other.json" } }),
    );
    expect((await offers.newest(world.config()))?.bundlePath).toBe(elsewhere);
    const ids = { tenant_id: "acme", repo_id: "shop", run_id: "run-1" };
    const pass = { name: "runtime_bundle", metadata: { runtime_bundle_path: elsewhere } };
    await world.write(".akc/run/run-1.manifest.json", JSON.stringify({ ...ids, passes: [pass] }));
    expect((await offers.newest(world.config()))?.bundlePath).toBe(elsewhere);
  });
});

test("a path that leads out of the scope is refused, by name and by link", async () => {
  await inScope(async (world) => {
    const ids = { tenant_id: "acme", repo_id: "shop", run_id: "run-1" };
    const naming = (runtime_bundle_path: string) =>
      JSON.stringify({ ...ids, passes: [{ name: "runtime_bundle", metadata: { runtime_bundle_path } }] });
    const offers = createOffers(host);
    for (const path of ["../../secret.json", "/etc/passwd", "link/secret.json"]) {
      rmSync(join(world.scopeRoot, "link"), { force: true });
      symlinkSync("/etc", join(world.scopeRoot, "link"));
      await world.write(".akc/run/run-1.manifest.json", naming(path));
      await expect(offers.newest(world.config())).rejects.toMatchObject({ code: "PATH_UNSAFE" });
    }
  });
});

test("a manifest that is half written is told as an error until it is whole", async () => {
  await inScope(async (world) => {
    const offers = createOffers({ clock: later });
    const placed = await world.place("run-1", small("one"));
    const whole = await Bun.file(placed.manifestPath).text();
    for (const broken of [whole.slice(0, whole.length / 2), "", "[]", '{"tenant_id":"acme"}', "\xff"]) {
      await Bun.write(placed.manifestPath, broken);
      for (let times = 0; times < 2; times += 1) {
        await expect(offers.newest(world.config())).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
      }
    }
    await Bun.write(placed.manifestPath, whole);
    expect(await offers.newest(world.config())).toEqual(placed);
    await Bun.write(placed.bundlePath, "{");
    await expect(offers.newest(world.config())).rejects.toMatchObject({ code: "JSON_SYNTAX" });
    // No bundle yet is nothing to offer yet.
    rmSync(placed.bundlePath);
    expect(await offers.newest(world.config())).toBeUndefined();
  });
});

test("a configured bundle is offered whatever was compiled, but not to another scope", async () => {
  await inScopes(["acme/shop", "acme/bank"], async ([shop, bank]) => {
    if (shop === undefined || bank === undefined) throw new Error("there are two");
    const offers = createOffers(host);
    await shop.place("run-9", small("newest"));
    const placed = await shop.place("run-1", small("one"));
    const bundlePath = await shop.write("release.json", await Bun.file(placed.bundlePath).text());
    expect(await offers.newest(shop.config({ bundlePath }))).toEqual({
      ...placed,
      bundlePath,
      source: "configured",
    });
    await expect(offers.newest(bank.config({ bundlePath }))).rejects.toMatchObject({
      code: "BUNDLE_SCOPE_MISMATCH",
    });
    await expect(offers.newest(shop.config({ bundlePath: `${bundlePath}.gone` }))).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });
});

test("what stands is what the last good run that deploys has made, whoever began it", async () => {
  await inScope(async (world) => {
    const offers = createOffers(host);
    const rollouts = createRollouts({ ...host, by: "test" });
    expect(await offers.standing(world.config())).toBeUndefined();
    const begun = async (runId: string, builder: ReturnType<typeof bundle>) => {
      const attempt = world.attempt(await world.place(runId, builder));
      await rollouts.begin(world.config(), attempt, never);
      return attempt;
    };
    const one = await begun("run-1", deploying([standing("web", 1)]));
    await begun("run-2", small("deploys nothing"));
    // Its services never come to stand, and it brings back what was before.
    await begun("run-3", deploying([crashing("web")]));
    const found = await offers.standing(world.config());
    expect(found).toEqual({
      bundlePath: one.bundlePath,
      bundleSha256: one.bundleSha256,
      runtimeRunId: one.runtimeRunId,
      atMs: expect.any(Number),
    });
  });
});

test("of a scope's runs only those are read again that have told something since", async () => {
  await inScope(async (world) => {
    const rollouts = createRollouts({ ...host, by: "test" });
    const placed = await world.place("run-1", deploying([standing("web", 1)]));
    const attempt = world.attempt(placed);
    await rollouts.begin(world.config(), attempt, never);
    const { found, stood } = await standingRun(world.scopeRoot);
    const [[runtimeRunId, read] = []] = stood;
    if (found === undefined || runtimeRunId === undefined || read === undefined)
      throw new Error("nothing stands");
    expect(found).toMatchObject({ runtimeRunId, atMs: read.atMs });
    const remembered = (changed: Partial<typeof read>) => new Map([[runtimeRunId, { ...read, ...changed }]]);
    // What is remembered is believed without a look, and only of just these events and facts.
    expect((await standingRun(world.scopeRoot, remembered({ atMs: 1 }))).found?.atMs).toBe(1);
    for (const other of [{ lastSeq: read.lastSeq - 1 }, { factsSha256: "0".repeat(64) }]) {
      const again = await standingRun(world.scopeRoot, remembered({ ...other, atMs: 1 }));
      expect(again).toEqual({ found, stood });
    }
  });
});
