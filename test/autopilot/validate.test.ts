/** The last word at the end of a bake: by the run's own criteria and by the configured bindings; only a pass holds. */
import { expect, test } from "bun:test";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import { bundle, sh } from "../e2e/bundle.ts";
import { answered, criterion, judged } from "../e2e/judged.ts";
import { host, inScope, never, type ScopeWorld } from "./scope-world.ts";

const rollouts = createRollouts({ ...host, by: "autopilot@test" });

/** Bindings whose programs end with these codes: 0 passes, 1 fails, 2 cannot tell, others are errors. */
async function exiting(world: ScopeWorld, codes: Readonly<Record<string, number>>): Promise<string> {
  const bindings = Object.fromEntries(
    Object.entries(codes).map(([id, code]) => [id, { kind: "command", argv: ["sh", "-c", `exit ${code}`] }]),
  );
  return world.write("bindings.json", JSON.stringify({ schema_kind: "validator_bindings", bindings }));
}

function asking(bindingsPath: string | undefined, bindings: readonly string[]): Partial<ScopeConfig> {
  return {
    ...(bindingsPath === undefined ? {} : { bindingsPath }),
    rollout: { bakeMs: 0, bakeLookMs: 1, bindings },
  };
}

test("where nobody is asked there is nothing that could not hold", async () => {
  await inScope(async (world) => {
    const attempt = world.attempt(await world.place("run-1", bundle().started("work", sh("true"))));
    await rollouts.begin(world.config(), attempt, never);
    expect(await rollouts.validate(world.config(), attempt, never)).toMatchObject({ holds: true });
  });
});

test("every configured binding has to pass, and one that nobody knows does not", async () => {
  await inScope(async (world) => {
    const attempt = world.attempt(await world.place("run-1", bundle().started("work", sh("true"))));
    await rollouts.begin(world.config(), attempt, never);
    const path = await exiting(world, { ok: 0, bad: 1, unsure: 2, broken: 7 });
    const ask = (bindings: readonly string[], bindingsPath: string | undefined = path) =>
      rollouts.validate(world.config(asking(bindingsPath, bindings)), attempt, never);
    expect(await ask(["ok"])).toEqual({ holds: true, message: "1 checks passed" });
    expect(await ask(["ok", "bad"])).toMatchObject({ holds: false, message: expect.stringContaining("bad") });
    expect(await ask(["unsure"])).toMatchObject({
      holds: false,
      message: expect.stringContaining("nobody can tell, and that does not hold"),
    });
    expect(await ask(["broken"])).toMatchObject({ holds: false });
    expect(await ask(["nobody"])).toMatchObject({ holds: false, message: expect.stringContaining("nobody") });
    expect(await ask(["ok"], `${path}.gone`)).toMatchObject({ holds: false });
  });
});

test("a run is judged anew by its own criteria, with what is so now", async () => {
  await inScope(async (world) => {
    const builder = judged(criterion("sc", answered("probe")));
    const bindingsPath = await exiting(world, { probe: 0 });
    const config = world.config({ bindingsPath });
    const attempt = world.attempt(await world.place("run-1", builder));
    const outcome = await rollouts.begin(config, attempt, never);
    const held = await rollouts.validate(config, attempt, never);
    expect({ validity: outcome.validity, holds: held.holds }).toEqual({ validity: "pass", holds: true });
    await exiting(world, { probe: 1 });
    const after = await rollouts.validate(config, attempt, never);
    expect(after).toMatchObject({ holds: false, message: expect.stringContaining("criteria") });
    // It is part of the run's own history.
    const [row] = await world.store((store) => store.listRuns());
    expect(row?.outcome).toBe("failed");
  });
});

test("judging ends with the signal, and is no verdict then", async () => {
  await inScope(async (world) => {
    const attempt = world.attempt(await world.place("run-1", bundle().started("work", sh("true"))));
    await rollouts.begin(world.config(), attempt, never);
    const bindings = { slow: { kind: "command", argv: ["sleep", "30"] } };
    const path = await world.write("b.json", JSON.stringify({ schema_kind: "validator_bindings", bindings }));
    const stop = new AbortController();
    const asked = rollouts.validate(world.config(asking(path, ["slow"])), attempt, stop.signal);
    setTimeout(() => stop.abort(new Error("told to stop")), 200);
    await expect(asked).rejects.toThrow("told to stop");
  });
});
