/** Several scopes of one built autopilot: what is broken in one stays there, and the registry is read again. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { bundle, sh } from "../../e2e/bundle.ts";
import { jsonObject } from "../../e2e/world.ts";
import { inKeptWorld, type KeptWorld, listening } from "./kept-world.ts";

const work = bundle().started("work", sh("true"));
/** Provided by memory alone. */
const remembered = work.with({
  deployment_provider: { kind: "in_memory" },
  deployment_intents: [{ node_id: "web", kind: "service", name: "web" }],
  runtime_rollout: { strategy: "all_at_once" },
});

test("a scope with a torn manifest and one whose bundle is none stay behind, the others go on, and both come back when mended", async () => {
  await inKeptWorld(async (world) => {
    const { root, side } = world.world;
    const registry = join(side, "scopes.json");
    const names = ["shop", "mill", "bent", "torn"];
    await Bun.write(registry, JSON.stringify(names.map((name) => ({ tenant_id: "acme", repo_id: name }))));
    for (const name of ["shop", "mill"]) {
      await world.compile("run-1", remembered, { scope: `acme/${name}` });
    }
    const bent = await world.compile("run-1", work, { scope: "acme/bent" });
    const whole = await Bun.file(bent.manifestPath).text();
    await Bun.write(bent.manifestPath, whole.slice(0, 20));
    const torn = join(side, "torn.json");
    await Bun.write(torn, '{"schema_version": 4, ');
    const settings = ["rollout: {bake: 0s}", listening];
    const scopes = `scopes: {registry: ${registry}, overrides: {acme/torn: {bundle: ${torn}}}}`;
    world.configure(...settings, scopes);
    const autopilot = world.autopilot();
    for (const name of ["shop", "mill"]) {
      await world.fact("attempt_ended", ({ verdict }) => verdict === "kept", `acme/${name}`);
    }
    expect((await world.fact("visit_failed", undefined, "acme/bent")).code).toBe("MANIFEST_INVALID");
    await world.fact("visit_failed", undefined, "acme/torn");
    expect(await world.status("acme/bent")).toMatchObject({
      phase: "failing",
      fault: { code: "MANIFEST_INVALID" },
    });
    // Said once for as long as it lasts, and the others are visited all the same.
    await world.visitedAgain(3, "acme/shop");
    expect(await world.story("acme/bent")).toEqual(["visit_failed"]);

    await Bun.write(bent.manifestPath, whole);
    await world.fact("visit_recovered", undefined, "acme/bent");
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept", "acme/bent");

    // A registry that cannot be read names nobody, and takes nobody away; one that can be read again counts.
    await Bun.write(registry, "[{");
    await reloaded(world, autopilot);
    await autopilot.line((line) => JSON.stringify(line).includes("the scopes that it named before are kept"));
    await world.visitedAgain(1, "acme/shop");
    await world.compile("run-1", work, { scope: "acme/new" });
    const now = ["shop", "new"].map((name) => ({ tenant_id: "acme", repo_id: name }));
    await Bun.write(registry, JSON.stringify(now));
    await reloaded(world, autopilot);
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept", "acme/new");
    const status = await fetch("http://akc/v1/status", { unix: join(root, "../s.sock") });
    const watched = jsonObject(await status.text())["scopes"];
    expect(Array.isArray(watched) ? watched.map((scope) => scope["repo_id"]) : []).toEqual(["shop", "new"]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

async function reloaded(_world: KeptWorld, autopilot: ReturnType<KeptWorld["autopilot"]>): Promise<void> {
  const before = autopilot.lines.length;
  autopilot.kill("SIGHUP");
  await autopilot.line(({ event }) => event === "configuration_read", before);
}
