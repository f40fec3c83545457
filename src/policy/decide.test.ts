import { expect, test } from "bun:test";
import { bundleOf } from "./bundle.fixture.ts";
import { decide, decideDispatch, providerPermitted } from "./decide.ts";
import { derivePolicy } from "./derive.ts";

const envelope = { deny_actions: ["runtime.action.retry"], deny_action_types: ["workflow.execute"] };

test("an allowed action has the documented token, and canary enforces like enforce", () => {
  const modes = (["enforce", "canary", "simulate"] as const).map(
    (mode) => decide(derivePolicy(bundleOf(), mode), "runtime.action.dispatch").mode,
  );
  expect(modes).toEqual(["enforce", "enforce", "audit_only"]);
  expect(decide(derivePolicy(bundleOf(), "enforce"), "runtime.action.dispatch")).toEqual({
    action: "runtime.action.dispatch",
    allowed: true,
    reason: "policy.allowlist.allow",
    source: "allowlist",
    rule: "baseline",
    mode: "enforce",
  });
});

test("a denial names the rule that took the action away", () => {
  expect(decide(derivePolicy(bundleOf({ envelope }), "canary"), "runtime.action.retry")).toEqual({
    action: "runtime.action.retry",
    allowed: false,
    reason: "policy.default_deny.action_not_allowlisted",
    source: "envelope",
    rule: "/runtime_policy_envelope/deny_actions",
    mode: "enforce",
  });
});

test("what nobody listed is denied, and so is nothing", () => {
  const policy = derivePolicy(bundleOf(), "enforce");
  expect(decide(policy, "runtime.action.everything")).toMatchObject({
    allowed: false,
    reason: "policy.default_deny.action_not_allowlisted",
    rule: "baseline",
  });
  expect(decide(policy, " ")).toMatchObject({ action: "", allowed: false, reason: "policy.action_empty" });
  expect(decide(policy, " runtime.action.retry ").allowed).toBe(true);
});

test("a denied action type is refused at dispatch in every mode, other types are not", () => {
  for (const mode of ["simulate", "enforce", "canary"] as const) {
    const policy = derivePolicy(bundleOf({ envelope }), mode);
    expect(decideDispatch(policy, "workflow.execute")).toMatchObject({
      action: "runtime.action.dispatch",
      allowed: false,
      reason: "policy.envelope.action_type_denied",
      source: "envelope",
      rule: "/runtime_policy_envelope/deny_action_types",
    });
    expect(decideDispatch(policy, "agent.execute").allowed).toBe(true);
  }
});

test("an answer is made once a policy and cannot be changed", () => {
  const policy = derivePolicy(bundleOf({ envelope }), "enforce");
  for (const ask of [
    () => decide(policy, "runtime.action.retry"),
    () => decideDispatch(policy, "workflow.execute"),
    () => decideDispatch(policy, "agent.execute"),
  ]) {
    expect(ask()).toBe(ask());
    expect(Object.isFrozen(ask())).toBe(true);
  }
});

test("two policies never share an answer", () => {
  const [open, closed] = [
    derivePolicy(bundleOf(), "enforce"),
    derivePolicy(bundleOf({ envelope }), "enforce"),
  ];
  expect(decide(open, "runtime.action.retry").allowed).toBe(true);
  expect(decide(closed, "runtime.action.retry").allowed).toBe(false);
});

test("a provider is permitted unless the operator lists others", () => {
  const policy = (providers?: readonly string[]) =>
    derivePolicy(bundleOf(), "enforce", { path: "p", ...(providers === undefined ? {} : { providers }) });
  expect(providerPermitted(policy(), "docker_compose_apply")).toBe(true);
  expect(providerPermitted(policy(["in_memory"]), "in_memory")).toBe(true);
  expect(providerPermitted(policy(["in_memory"]), "docker_compose_apply")).toBe(false);
  expect(providerPermitted(policy([]), "in_memory")).toBe(false);
});
