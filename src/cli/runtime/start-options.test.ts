import { expect, test } from "bun:test";
import { AkcError } from "../../errors.ts";
import { startOptions } from "./start-options.ts";

const flags = { bundle: "b.json", mode: "enforce" };

test("what a flag says wins over the environment, and that over the project file; each is told with its source", () => {
  const project = { outputsRoot: "from-project", developerRoleProfile: "emerging" };
  const env = { AKC_OUTPUTS_ROOT: "from-env", AKC_DEVELOPER_ROLE_PROFILE: "classic" };
  const rootOf = (...args: Parameters<typeof startOptions>) => {
    const { outputsRoot, resolved } = startOptions(...args);
    return [outputsRoot, resolved["outputs_root"]];
  };
  expect(rootOf({ ...flags, outputsRoot: "flag" }, env, project)).toEqual([
    "flag",
    { value: "flag", source: "cli" },
  ]);
  expect(rootOf(flags, env, project)).toEqual(["from-env", { value: "from-env", source: "env" }]);
  expect(rootOf(flags, {}, project)).toEqual([
    "from-project",
    { value: "from-project", source: "project_file" },
  ]);
  // Where nobody says anything the place follows from the bundle's.
  expect(rootOf(flags, { AKC_OUTPUTS_ROOT: " " }, {})).toEqual([
    undefined,
    { value: null, source: "legacy_default" },
  ]);
  expect(startOptions(flags, env, project).roleProfile).toBe("classic");
  expect(startOptions(flags, {}, project).resolved["developer_role_profile"]).toEqual({
    value: "emerging",
    source: "project_file",
  });
  expect(startOptions(flags, {}, { adoptionLevel: 3 }).resolved["developer_role_profile"]).toEqual({
    value: "emerging",
    source: "profile_default",
  });
});

test("the emerging profile supplies a mode and runs steps side by side, unless flags say otherwise", () => {
  const env = { AKC_DEVELOPER_ROLE_PROFILE: "emerging" };
  const all = startOptions({ bundle: "b.json" }, env, {});
  expect(all.mode).toBe("simulate");
  expect(all.coordinationOverrides).toEqual({
    parallelDispatchEnabled: true,
    maxInFlightSteps: 2,
    maxInFlightPerRole: 1,
  });
  expect(all.resolved).toMatchObject({
    mode: { value: "simulate", source: "profile_default" },
    coordination_parallel_dispatch: { value: "enabled", source: "profile_default" },
    coordination_max_in_flight_steps: { value: 2, source: "profile_default" },
    coordination_max_in_flight_per_role: { value: 1, source: "profile_default" },
  });
  const some = startOptions({ ...flags, coordinationMaxInFlightSteps: "8" }, env, {});
  expect(some.resolved).toMatchObject({
    mode: { value: "enforce", source: "cli" },
    coordination_max_in_flight_steps: { value: 8, source: "cli" },
    coordination_max_in_flight_per_role: { value: 1, source: "profile_default" },
  });
  const off = startOptions({ ...flags, coordinationParallelDispatch: "disabled" }, env, {});
  expect(off.coordinationOverrides).toEqual({ parallelDispatchEnabled: false });
  expect(off.resolved).toMatchObject({
    coordination_parallel_dispatch: { value: "disabled", source: "cli" },
    coordination_max_in_flight_steps: { value: null, source: "legacy_default" },
  });
});

test("without a profile the bundle's own word on coordination stays, and a mode must be named", () => {
  const { coordinationOverrides, resolved } = startOptions(flags, {}, {});
  expect(coordinationOverrides).toEqual({});
  expect(resolved["coordination_parallel_dispatch"]).toEqual({ value: "inherit", source: "legacy_default" });
  expect(() => startOptions({ bundle: "b.json" }, {}, {})).toThrow(AkcError);
});
