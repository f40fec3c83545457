import { expect, test } from "bun:test";
import fc from "fast-check";
import { bundleOf } from "./bundle.fixture.ts";
import { decide } from "./decide.ts";
import { derivePolicy } from "./derive.ts";
import { explainDecision, policyDenialExplain } from "./explain.ts";
import { type OperatorPolicy, policyActions } from "./model.ts";

const bundle = bundleOf({
  envelope: {
    allow_actions: ["runtime.action.dispatch", "runtime.action.execute.http", "service.reconcile.apply"],
    deny_action_types: ["workflow.execute"],
    runtime_allow_http: true,
  },
  policies: [{ id: "calm", metadata: { runtime_deny_actions: ["runtime.action.execute.http"] } }],
  irPolicies: { pol: { policy_id: "pol.calm", deny_runtime_actions: ["runtime.action.execute.http"] } },
  metadata: {
    workflow_execution_contract: {
      required_policy_actions_by_route: { http: ["service.reconcile.rollback"] },
    },
  },
});
const operator: OperatorPolicy = { path: "/etc/akc/policy.yaml", denyActions: ["service.reconcile.apply"] };

test("the chain is told in order, with what each rule did to the action", () => {
  const policy = derivePolicy(bundle, "enforce", operator);
  const { steps, rule, decision, lane } = explainDecision(bundle, policy, "runtime.action.execute.http", {
    operator,
  });
  expect(steps.map(({ rule, says, effect, subject }) => [rule, says, effect, subject ?? ""])).toEqual([
    ["baseline", "baseline", "grants", ""],
    ["/runtime_policy_envelope/allow_actions", "allow_only", "keeps", ""],
    ["/intent_policy_projection/policies/0/metadata/runtime_deny_actions", "deny", "removes", "calm"],
    ["/system_ir/nodes/0/properties/deny_runtime_actions", "deny", "gone", "pol.calm"],
    ["operator:/deny_actions", "deny", "gone", ""],
    ["/workflow_execution_contract/required_policy_actions_by_route/http", "needs", "gone", ""],
  ]);
  expect(rule).toBe("/intent_policy_projection/policies/0/metadata/runtime_deny_actions");
  expect(decision).toBe(decide(policy, "runtime.action.execute.http"));
  expect(lane).toEqual({
    kind: "http",
    open: true,
    switches: ["/runtime_policy_envelope/runtime_allow_http"],
    bounds: policy.http,
  });
});

test("a dispatch is explained for the type of its action", () => {
  const policy = derivePolicy(bundle, "enforce");
  const explain = (actionType?: string) =>
    explainDecision(
      bundle,
      policy,
      "runtime.action.dispatch",
      actionType === undefined ? {} : { actionType },
    );
  expect(explain("workflow.execute")).toMatchObject({
    rule: "/runtime_policy_envelope/deny_action_types",
    decision: { allowed: false },
  });
  expect(explain("agent.execute").steps[0]).toMatchObject({ says: "deny_action_types", effect: "keeps" });
  expect(explain().steps[0]).toMatchObject({ says: "baseline", effect: "grants" });
});

test("a route's needs are told only of the action that carries the route out", () => {
  const { steps } = explainDecision(bundle, derivePolicy(bundle, "enforce"), "runtime.action.retry");
  expect(steps.some((step) => step.says === "needs")).toBe(false);
});

test("a policy node that stands in the IR and among the referenced nodes is one rule", () => {
  const lists = { pol: { deny_runtime_actions: ["runtime.action.retry"] } };
  const twice = bundleOf({ irPolicies: lists, referencedPolicies: lists });
  const { steps } = explainDecision(twice, derivePolicy(twice, "enforce"), "runtime.action.retry");
  expect(steps.map((step) => step.rule)).toEqual([
    "baseline",
    "/system_ir/nodes/0/properties/deny_runtime_actions",
  ]);
});

test("an action that nobody knows is taken away by the baseline", () => {
  const { steps, decision } = explainDecision(bundle, derivePolicy(bundle, "enforce"), "x.y");
  expect(decision.allowed).toBe(false);
  expect(steps[0]).toMatchObject({ rule: "baseline", effect: "removes" });
  expect(steps.slice(1).every((step) => step.effect === "gone")).toBe(true);
});

test("the step that removes is the rule of the decision, for every action", () => {
  const lists = () => fc.uniqueArray(fc.constantFrom(...policyActions), { maxLength: 8 });
  fc.assert(
    fc.property(lists(), lists(), lists(), lists(), (allow, deny, intent, denied) => {
      const bundle = bundleOf({
        envelope: { allow_actions: allow, deny_actions: deny },
        policies: [{ id: "p", metadata: { runtime_allow_actions: intent } }],
        metadata: {
          workflow_execution_contract: { required_policy_actions_by_route: { http: denied, noop: deny } },
        },
      });
      const operator = { path: "p", denyActions: denied };
      const policy = derivePolicy(bundle, "enforce", operator);
      for (const action of policyActions) {
        const { steps, decision, rule } = explainDecision(bundle, policy, action, { operator });
        const removals = steps.filter((step) => step.effect === "removes").map((step) => step.rule);
        expect(removals).toEqual(decision.allowed ? [] : [rule]);
      }
    }),
  );
});

test("a denial is explained with the decision's own action, reason, source and rule", () => {
  const policy = derivePolicy(bundle, "enforce", operator);
  const decision = decide(policy, "service.reconcile.apply");
  expect(
    policyDenialExplain(
      { kind: "decision", decision },
      { runId: "run-1", runtimeRunId: "rr-1", bundlePath: "/tmp/it's.json", policyGitSha: "abc" },
    ),
  ).toEqual({
    schema_id: "akc:policy_denial_explain:v1",
    run_kind: "runtime",
    run_id: "run-1",
    runtime_run_id: "rr-1",
    decision_path: "data.akc.allow",
    opa_policy_path: null,
    opa_decision_path: "data.akc.allow",
    reason: "policy.default_deny.action_not_allowlisted",
    action: "service.reconcile.apply",
    source: "operator",
    rule: "operator:/deny_actions",
    decision_code: null,
    policy_bundle_id: null,
    policy_git_sha: "abc",
    rego_pack_version: null,
    policy_bundle_fingerprint_sha256: null,
    policy_envelope_sha256: null,
    doc_anchor_suggestion: "docs/policy.md#reading-a-denial",
    control_followup_cli: "akc policy explain --bundle '/tmp/it'\\''s.json' --action service.reconcile.apply",
  });
});

test("a refusal without a decision says so, and names no engine that does not exist", () => {
  const explained = policyDenialExplain(
    { kind: "refusal", reason: "the bundle names policies that akc cannot apply", source: "intent" },
    { runtimeRunId: "rr-1" },
  );
  expect(explained).toMatchObject({
    run_id: "rr-1",
    action: null,
    source: "intent",
    decision_code: "runtime.permission_denied",
  });
});
