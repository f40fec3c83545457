/**
 * The gates of deployment providers: what the operator's environment and policy leave closed stays closed, whatever a bundle says.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../src/errors.ts";
import { fromPlain } from "../../src/json/plain.ts";
import type { JsonObject } from "../../src/json/value.ts";
import { bundleOf } from "../../src/policy/bundle.fixture.ts";
import { derivePolicy } from "../../src/policy/derive.ts";
import type { OperatorPolicy, RunPolicy } from "../../src/policy/model.ts";
import { deniedBeforehand, type GatesInput, refuseClosedGates } from "../../src/run/deployment/gates.ts";
import { inPromotedScope, nowMs, refusal } from "./promoted.ts";

const lookGate = "AKC_ENABLE_EXTERNAL_DEPLOYMENT_PROVIDER";
const changeGate = "AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER";
const observeKinds = ["docker_compose_observe", "kubernetes_observe", "systemd_observe"];
const ownChangingKinds = ["process", "systemd"];
const changingKinds = [
  ...ownChangingKinds,
  "docker_compose_apply",
  "kubernetes_apply",
  "acme/fleet",
  "acme/fleet_observe",
];
const nowhere = "/nonexistent/acme/shop";

interface Asked extends Partial<Omit<GatesInput, "bundle" | "policy">> {
  readonly metadata?: JsonObject;
  readonly operator?: Partial<OperatorPolicy>;
  readonly envelope?: JsonObject;
}

function ask({ metadata = {}, operator, envelope = {}, ...input }: Asked): Promise<void> {
  const bundle = bundleOf({ metadata, envelope });
  const policy = derivePolicy(bundle, "enforce", operator && { path: "/etc/akc/policy.yaml", ...operator });
  return refuseClosedGates({
    bundle,
    policy,
    env: {},
    kind: "process",
    scopeRoot: nowhere,
    mutating: true,
    nowMs,
    ...input,
  });
}

describe("a gate", () => {
  test("is closed for a kind that the operator's file does not name, whatever the environment says", async () => {
    const env = { [lookGate]: "1", [changeGate]: "1" };
    const operator = { providers: ["in_memory"] };
    for (const kind of [...observeKinds, ...changingKinds]) {
      const error = await refusal(ask({ kind, env, operator }));
      expect(error).toMatchObject({ code: "POLICY_DENIED", exitCode: 2, details: { provider: kind } });
      expect(error.message).toContain(kind);
    }
    expect(await refusal(ask({ kind: "in_memory", operator: { providers: [] } }))).toMatchObject({
      code: "POLICY_DENIED",
    });
  });

  test.each(observeKinds)("for %s is the external one, in every mode", async (kind) => {
    for (const mutating of [true, false]) {
      const error = await refusal(ask({ kind, mutating, env: { [changeGate]: "1" } }));
      expect(error).toMatchObject({ code: "PROVIDER_GATED", exitCode: 2, details: { gate: lookGate } });
      expect(error.message).toContain(lookGate);
      await ask({ kind, mutating, env: { [lookGate]: "1" } });
    }
  });

  test.each(changingKinds)("for %s is the mutating one, when the run may change things", async (kind) => {
    const error = await refusal(ask({ kind, env: { [lookGate]: "1" } }));
    expect(error).toMatchObject({ code: "PROVIDER_GATED", exitCode: 2, details: { gate: changeGate } });
    expect(error.message).toContain(changeGate);
  });

  test.each(ownChangingKinds)("for %s opens by the variable, and by the operator's file", async (kind) => {
    await ask({ kind, env: { [changeGate]: "1" } });
    await ask({ kind, operator: { providers: [kind] } });
  });

  test("named by the operator's file is open for kinds that only look", async () => {
    for (const kind of observeKinds) await ask({ kind, operator: { providers: [kind] } });
  });

  test("is not passed by looking with a kind that could also change", async () => {
    for (const kind of changingKinds) {
      const error = await refusal(ask({ kind, mutating: false }));
      expect(error).toMatchObject({ code: "PROVIDER_GATED", details: { gate: lookGate } });
      await ask({ kind, mutating: false, env: { [lookGate]: "1" } });
      await ask({ kind, mutating: false, env: { [changeGate]: "1" } });
    }
  });

  test("opens by 1 and by nothing else", async () => {
    for (const value of ["", "0", "true", "yes", " 1", "1 ", "11", undefined]) {
      expect(await refusal(ask({ env: { [changeGate]: value } }))).toMatchObject({ code: "PROVIDER_GATED" });
    }
  });

  test("is not needed by the provider that reaches nothing", async () => {
    for (const mutating of [true, false]) await ask({ kind: "in_memory", mutating });
  });
});

describe("no value of any bundle key opens a gate that the operator leaves closed", () => {
  const kinds = [...observeKinds, ...changingKinds];
  const notOne = fc.constantFrom(undefined, "", "0", "true", "yes", " 1");
  const word = fc.constantFrom("full", "FULL", "1", "observe_only", "none", lookGate, changeGate, ...kinds);
  const value = fc
    .oneof(word, fc.constant(true), fc.array(word, { maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }))
    .map(fromPlain);
  const section = fc.dictionary(
    fc.constantFrom(
      ..."kind mutation_mode rollback_mode required_env_flags required_policy_actions providers env gate".split(
        " ",
      ),
      "full_layer_replacement",
      "rollback_apply_manifest_by_desired_hash",
      lookGate,
      changeGate,
    ),
    value,
    { noNullPrototype: true },
  );
  const metadata = fc
    .record(
      {
        layer_replacement_mode: value,
        deployment_provider: section,
        deployment_provider_contract: section,
        providers: value,
        operator: section,
        env: section,
        promotion_readiness: section,
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    .map((members): JsonObject => ({ ...members }));

  test("PROVIDER_GATED names the variable, for every kind but in_memory", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...kinds),
        metadata,
        fc.boolean(),
        notOne,
        notOne,
        fc.boolean(),
        async (kind, said, mutating, look, change, otherGateOpen) => {
          const looks = observeKinds.includes(kind);
          // The gate of the other sort may be open: it opens nothing here.
          const env = {
            [lookGate]: otherGateOpen && !looks && mutating ? "1" : look,
            [changeGate]: otherGateOpen && looks ? "1" : change,
          };
          const error = await refusal(ask({ kind, metadata: said, mutating, env }));
          expect(error.code).toBe("PROVIDER_GATED");
          expect(error.details["gate"]).toBe(looks || !mutating ? lookGate : changeGate);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the bundle's own contract", () => {
  const env = { [changeGate]: "1", SHOP_READY: "1", SHOP_OFF: "0" };
  const at = "/deployment_provider_contract";
  const contracted = (deployment_provider_contract: JsonObject | string | null, input: Asked = {}) =>
    ask({ env, metadata: { deployment_provider_contract }, ...input });

  test("that is met, or absent, stands in nobody's way", async () => {
    await contracted(null);
    await contracted({
      kind: " process ",
      mutation_mode: "scoped",
      required_env_flags: ["SHOP_READY", " "],
      required_policy_actions: ["service.reconcile.apply"],
    });
    await contracted({ kind: null, mutation_mode: null, required_env_flags: null });
  });

  test.each<[string, JsonObject | string, Asked, readonly string[]]>([
    ["needs its variables", { required_env_flags: ["SHOP_MISSING"] }, {}, ["required_env_flags"]],
    ["needs its variables to be 1", { required_env_flags: ["SHOP_OFF"] }, {}, ["required_env_flags"]],
    [
      "needs variables and finds no others",
      { required_env_flags: ["constructor"] },
      {},
      ["required_env_flags"],
    ],
    [
      "needs its actions to be allowed",
      { required_policy_actions: ["service.reconcile.rollback"] },
      { envelope: { deny_actions: ["service.reconcile.rollback"] } },
      ["required_policy_actions"],
    ],
    [
      "needs its actions to be known",
      { required_policy_actions: ["service.reconcile.everything"] },
      {},
      ["required_policy_actions"],
    ],
    ["is for the provider that is used", { kind: "in_memory" }, {}, ["kind"]],
    ["that only lets look refuses a change", { mutation_mode: " Observe_Only " }, {}, ["mutation_mode"]],
    ["is an object", "none", {}, [""]],
    ["has lists of texts", { required_env_flags: "SHOP_READY" }, {}, ["required_env_flags"]],
    [
      "tells everything that is not met",
      { kind: "systemd", mutation_mode: "observe_only", required_env_flags: ["A", "B", "A"] },
      {},
      ["kind", "mutation_mode", "required_env_flags", "required_env_flags"],
    ],
  ])("%s", async (_, contract, input, keys) => {
    const error = await refusal(contracted(contract, input));
    expect(error).toMatchObject({ code: "PROVIDER_CONTRACT_UNMET", exitCode: 2 });
    expect(error.issues.map(({ path }) => path)).toEqual(
      keys.map((key) => (key === "" ? at : `${at}/${key}`)),
    );
  });

  test("does not matter to a run that only looks, nor observe_only to kinds that only look", async () => {
    await contracted({ kind: "systemd", required_env_flags: ["SHOP_MISSING"] }, { mutating: false });
    await contracted(
      { mutation_mode: "observe_only" },
      { kind: "kubernetes_observe", env: { [lookGate]: "1" } },
    );
    await contracted({ kind: "in_memory", mutation_mode: "observe_only" }, { kind: "in_memory" });
  });

  test("is asked before the packet is looked for", async () => {
    await inPromotedScope({ without: "manifest" }, async (scopeRoot) => {
      const input = { kind: "docker_compose_apply", scopeRoot };
      expect(await refusal(contracted({ kind: "systemd" }, input))).toMatchObject({
        code: "PROVIDER_CONTRACT_UNMET",
      });
    });
  });
});

test("the policy of a simulation never carries a change", async () => {
  const bundle = bundleOf();
  const policy = derivePolicy(bundle, "simulate");
  const env = { [changeGate]: "1" };
  const input = { bundle, policy, env, kind: "process", scopeRoot: nowhere, nowMs };
  expect(await refusal(refuseClosedGates({ ...input, mutating: true }))).toMatchObject({ code: "INTERNAL" });
  await refuseClosedGates({ ...input, mutating: false });
});

describe("a denial that is known beforehand", () => {
  const policyOf = (mode: RunPolicy["mode"], envelope: JsonObject = {}) =>
    derivePolicy(bundleOf({ envelope }), mode);
  const denies = { deny_actions: ["service.reconcile.apply"] };

  test.each(["enforce", "canary"] as const)("is the policy's own decision in %s", (mode) => {
    expect(deniedBeforehand(policyOf(mode, denies))).toEqual({
      action: "service.reconcile.apply",
      allowed: false,
      reason: "policy.default_deny.action_not_allowlisted",
      source: "envelope",
      rule: "/runtime_policy_envelope/deny_actions",
      mode: "enforce",
    });
    expect(deniedBeforehand(policyOf(mode))).toBeUndefined();
    expect(
      deniedBeforehand(policyOf(mode, { deny_actions: ["service.reconcile.rollback"] })),
    ).toBeUndefined();
  });

  test("is none for a simulation, nor for a kind that changes nothing", () => {
    expect(deniedBeforehand(policyOf("simulate", denies))).toBeUndefined();
    expect(deniedBeforehand(policyOf("enforce", denies), "systemd_observe")).toBeUndefined();
    expect(deniedBeforehand(policyOf("enforce", denies), "in_memory")).toBeDefined();
    expect(deniedBeforehand(policyOf("enforce", denies), "systemd")).toBeDefined();
  });
});

test("a refusal is an error of akc's, with what to do", async () => {
  const error = await refusal(ask({ kind: "systemd" }));
  expect(error).toBeInstanceOf(AkcError);
  expect(error.hint).toContain(`${changeGate}=1`);
  expect(error.hint).toContain("providers");
});
