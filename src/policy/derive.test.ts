import { expect, test } from "bun:test";
import { AkcError } from "../errors.ts";
import { JsonFloat, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { type BundleParts, bundleOf } from "./bundle.fixture.ts";
import { derivePolicy } from "./derive.ts";
import { type OperatorPolicy, policyActions } from "./model.ts";

const operator = (rest: Omit<OperatorPolicy, "path">): OperatorPolicy => ({
  path: "/etc/akc/policy.yaml",
  ...rest,
});
const effective = (parts: BundleParts, mode: "enforce" | "canary" | "simulate" = "enforce") => {
  const policy = derivePolicy(bundleOf(parts), mode);
  return {
    allow: [...policy.allow].sort(),
    deny: [...policy.deny].sort(),
    unresolved: policy.unresolvedPolicyIds,
  };
};
const all = [...policyActions].sort();
const without = (...taken: string[]) => all.filter((action) => !taken.includes(action));
const thrownBy = (act: () => unknown): AkcError => {
  try {
    act();
  } catch (error) {
    if (error instanceof AkcError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

test("an empty envelope allows the eight actions", () => {
  expect(effective({})).toEqual({ allow: all, deny: [], unresolved: [] });
});

test("a list that is present is explicit, also when it is empty", () => {
  expect(effective({ envelope: { allow_actions: [] } }).allow).toEqual([]);
  expect(effective({ envelope: { allow_actions: ["nope"] } }).allow).toEqual([]);
  expect(
    effective({ envelope: { allow_actions: [], allow_runtime_actions: [" runtime.action.retry "] } }).allow,
  ).toEqual(["runtime.action.retry"]);
});

test("the text of a policy is never searched for words", () => {
  for (const policy of [
    { id: "p1", requirement: "prevent data loss" },
    { id: "policy.network" },
    { id: "deploy" },
  ]) {
    expect(effective({ policies: [policy] }, "simulate")).toEqual({
      allow: all,
      deny: [],
      unresolved: [policy.id],
    });
  }
});

test("a policy without an explicit list stops enforce and canary with every id, and only warns in simulate", () => {
  const policies = [{ id: "z" }, { id: "a" }, { id: "a" }, { requirement: "x" }];
  for (const mode of ["enforce", "canary"] as const) {
    const error = thrownBy(() => derivePolicy(bundleOf({ policies }), mode));
    expect(error.code).toBe("POLICY_UNKNOWN");
    expect(error.details).toEqual({ policyIds: ["/intent_policy_projection/policies/3", "a", "z"] });
    expect(error.message).toContain("a, z");
    expect(error.hint).toContain("acknowledge");
    expect(error.issues.map((issue) => issue.path)).toEqual(
      [0, 1, 2, 3].map((index) => `/intent_policy_projection/policies/${index}`),
    );
  }
  expect(effective({ policies }, "simulate").unresolved).toEqual([
    "/intent_policy_projection/policies/3",
    "a",
    "z",
  ]);
});

test("the operator resolves a policy by its id: with lists, or by acknowledging it", () => {
  const bundle = bundleOf({ policies: [{ id: "p1" }, { id: "p2" }] });
  const policy = derivePolicy(
    bundle,
    "enforce",
    operator({
      policies: new Map([
        ["p1", { acknowledge: true }],
        ["p2", { denyActions: ["runtime.action.retry"] }],
      ]),
    }),
  );
  expect([...policy.allow].sort()).toEqual(without("runtime.action.retry"));
  expect(policy.deniedBy.get("runtime.action.retry")).toEqual({
    rule: "operator:/policies/p2/deny_actions",
    source: "operator",
  });
});

test("lists of intent policies and of IR nodes narrow, wherever they may stand", () => {
  const policy = derivePolicy(
    bundleOf({
      policies: [{ id: "keep", metadata: { runtime_deny_actions: ["service.reconcile.rollback"] } }],
      irPolicies: {
        "pol-http": {
          policy_id: "pol.no-http",
          metadata: { deny_runtime_actions: ["runtime.action.execute.http"] },
        },
        "pol/flat": { runtime_deny_actions: ["runtime.action.retry"] },
      },
    }),
    "enforce",
  );
  expect([...policy.allow].sort()).toEqual(
    without("service.reconcile.rollback", "runtime.action.execute.http", "runtime.action.retry"),
  );
  expect(Object.fromEntries([...policy.deniedBy].map(([action, by]) => [action, by.rule]))).toEqual({
    "service.reconcile.rollback": "/intent_policy_projection/policies/0/metadata/runtime_deny_actions",
    "runtime.action.execute.http": "/system_ir/nodes/0/properties/metadata/deny_runtime_actions",
    "runtime.action.retry": "/system_ir/nodes/1/properties/runtime_deny_actions",
  });
});

test("a policy node of an IR file beside the bundle is named by its id", () => {
  const policy = derivePolicy(
    bundleOf({ embedded: false, irPolicies: { "a/b": { runtime_allow_actions: [] } } }),
    "enforce",
  );
  expect(policy.deniedBy.get("runtime.action.retry")).toEqual({
    rule: "ir:/nodes/a~1b/properties/runtime_allow_actions",
    source: "ir",
  });
});

test("a policy node that only the bundle references counts too", () => {
  const policy = derivePolicy(
    bundleOf({ referencedPolicies: { pol: { deny_runtime_actions: ["runtime.action.retry"] } } }),
    "enforce",
  );
  expect(policy.deniedBy.get("runtime.action.retry")?.rule).toBe(
    "/referenced_ir_nodes/0/properties/deny_runtime_actions",
  );
});

test("an egress ban and derived denials take their actions away", () => {
  const envelope = {
    knowledge_network_egress_forbidden: true,
    knowledge_derived_deny_actions: ["runtime.action.execute.subprocess"],
  };
  expect(effective({ envelope })).toEqual({
    allow: without(
      "runtime.action.execute.subprocess",
      "runtime.action.execute.http",
      "service.reconcile.apply",
      "service.reconcile.rollback",
    ),
    deny: [
      "runtime.action.execute.http",
      "runtime.action.execute.subprocess",
      "service.reconcile.apply",
      "service.reconcile.rollback",
    ],
    unresolved: [],
  });
});

test("unknown names in a deny list are kept", () => {
  expect(effective({ envelope: { deny_actions: ["x.y"] } })).toEqual({
    allow: all,
    deny: ["x.y"],
    unresolved: [],
  });
});

test("a route that needs an action which is taken away is closed, and so is what needs that route", () => {
  const policy = derivePolicy(
    bundleOf({
      envelope: { deny_actions: ["service.reconcile.apply"] },
      metadata: {
        workflow_execution_contract: {
          required_policy_actions_by_route: {
            subprocess: ["runtime.action.execute.http"],
            http: ["runtime.action.execute.http", "service.reconcile.apply"],
            noop: [],
          },
        },
      },
    }),
    "enforce",
  );
  expect([...policy.allow].sort()).toEqual(
    without("service.reconcile.apply", "runtime.action.execute.http", "runtime.action.execute.subprocess"),
  );
  expect(policy.deniedBy.get("runtime.action.execute.subprocess")).toEqual({
    rule: "/workflow_execution_contract/required_policy_actions_by_route/subprocess",
    source: "contract",
  });
});

test("every value of a wrong type is an issue with its place, never a truth", () => {
  const error = thrownBy(() =>
    derivePolicy(
      bundleOf({
        envelope: {
          allow_actions: "runtime.action.retry",
          deny_actions: ["ok", 1],
          allow_network: "yes",
          runtime_allow_http: 1,
          intent_authority_strict: null,
        },
        policies: [1, { id: 7, metadata: { runtime_deny_actions: {} } }, { id: "p", metadata: [] }],
        projection: { operating_bounds_effective: { max_seconds: 0 }, success_criteria_summary: [] },
        metadata: {
          runtime_execution: { allow_subprocess: "true", http_max_body_bytes: "4096" },
          coordination_inherit_http_allowlist: "true",
          runtime_evidence_expectations: ["a", false],
          workflow_execution_contract: { required_policy_actions_by_route: { http: "x" } },
        },
      }),
      "simulate",
    ),
  );
  expect(error.code).toBe("BUNDLE_INVALID");
  expect(error.issues.map((issue) => issue.path).sort()).toEqual([
    "/coordination_inherit_http_allowlist",
    "/intent_policy_projection/operating_bounds_effective/max_seconds",
    "/intent_policy_projection/policies/0",
    "/intent_policy_projection/policies/1/id",
    "/intent_policy_projection/policies/1/metadata/runtime_deny_actions",
    "/intent_policy_projection/policies/2/metadata",
    "/intent_policy_projection/success_criteria_summary",
    "/runtime_evidence_expectations/1",
    "/runtime_execution/allow_subprocess",
    "/runtime_execution/http_max_body_bytes",
    "/runtime_policy_envelope/allow_actions",
    "/runtime_policy_envelope/allow_network",
    "/runtime_policy_envelope/deny_actions/1",
    "/runtime_policy_envelope/intent_authority_strict",
    "/runtime_policy_envelope/runtime_allow_http",
    "/workflow_execution_contract/required_policy_actions_by_route/http",
  ]);
});

test("the effective envelope carries the three sorted lists, and its digest covers them", () => {
  const envelope: JsonObject = { tenant_id: "acme", deny_actions: ["b", "a", "\u{1F600}", "\uFFEE"] };
  const policy = derivePolicy(bundleOf({ envelope, policies: [{ id: "p1" }] }), "simulate");
  expect(policy.effectiveEnvelope).toEqual({
    ...envelope,
    effective_allow_actions: all,
    effective_deny_actions: ["a", "b", "\uFFEE", "\u{1F600}"],
    unresolved_intent_policy_ids: ["p1"],
  });
  expect(policy.envelopeSha256).toMatch(/^[0-9a-f]{64}$/);
});

test("the bundle's switches enable a lane; a denied action closes the agent worker's as well, which nobody asks for", () => {
  const metadata = {
    runtime_execution: {
      allow_http: true,
      subprocess_allowlist: ["echo"],
      http_allowlist: ["http://127.0.0.1:8099"],
      http_method_allowlist: ["get", "post"],
      http_max_body_bytes: 1024,
      http_max_response_bytes: new JsonFloat(4096),
    },
  };
  const envelope = { runtime_allow_subprocess: true, http_allowlist: ["127.0.0.1"], allow_network: true };
  const open = derivePolicy(bundleOf({ envelope, metadata }), "enforce");
  expect(open.subprocess).toEqual({
    enabled: true,
    allowlist: ["echo"],
    containment: "limits",
    readOnlyRoots: [],
    outputBytesMax: limits.subprocessOutputBytesDefault,
    processesMax: limits.rlimitProcesses,
    openFilesMax: limits.rlimitOpenFiles,
    fileBytesMax: limits.rlimitFileBytes,
  });
  expect(open.http).toEqual({
    enabled: true,
    allowlist: ["http://127.0.0.1:8099"],
    narrowedBy: [["127.0.0.1"]],
    methods: ["GET", "POST"],
    bodyBytesMax: 1024,
    responseBytesMax: 4096,
  });
  expect(open.allowNetwork).toBe(true);
  const worker = (extra: JsonObject) =>
    derivePolicy(
      bundleOf({
        envelope: { ...envelope, ...extra },
        metadata: { ...metadata, coordination_inherit_http_allowlist: true },
      }),
      "enforce",
    );
  expect(worker({}).agentWorkerHttp).toBeDefined();
  const denied = worker({ knowledge_network_egress_forbidden: true });
  expect([denied.http.enabled, denied.agentWorkerHttp]).toEqual([true, undefined]);
});

test("without a word in the bundle every lane is closed and holds the documented defaults", () => {
  const { http, subprocess, agentWorkerHttp, allowNetwork, runDeadlineMs } = derivePolicy(
    bundleOf(),
    "enforce",
  );
  expect(http).toEqual({
    enabled: false,
    allowlist: [],
    narrowedBy: [],
    methods: ["GET"],
    bodyBytesMax: limits.httpBodyBytesDefault,
    responseBytesMax: limits.httpResponseBytesDefault,
  });
  expect([subprocess.enabled, subprocess.allowlist, agentWorkerHttp, allowNetwork, runDeadlineMs]).toEqual([
    false,
    [],
    undefined,
    false,
    undefined,
  ]);
});

test("a body bound of 0 or less forbids the body, and the response bound stays within its own", () => {
  const lane = (execution: JsonObject) =>
    derivePolicy(bundleOf({ metadata: { runtime_execution: execution } }), "enforce").http;
  expect(lane({ http_max_body_bytes: 0 }).bodyBytesMax).toBe(0);
  expect(lane({ http_max_body_bytes: -5 }).bodyBytesMax).toBe(0);
  expect(lane({ http_max_response_bytes: 1 }).responseBytesMax).toBe(limits.httpResponseBytesMin);
  expect(lane({ http_max_response_bytes: 2n ** 70n }).responseBytesMax).toBe(limits.httpResponseBytesMax);
});

test("the operator's lists bind every lane, and an empty one permits nothing", () => {
  const metadata = {
    runtime_execution: { allow_http: true, http_allowlist: ["a.example"], allow_subprocess: true },
    coordination_inherit_http_allowlist: true,
  };
  const lists = { http: ["b.example"], subprocess: ["/bin/sh"], readOnlyRoots: ["/opt"] };
  const policy = derivePolicy(
    bundleOf({ metadata, envelope: { http_allowlist: [] } }),
    "enforce",
    operator({ ...lists, containment: "landlock" }),
  );
  expect(policy.http.narrowedBy).toEqual([[], ["b.example"]]);
  expect(policy.agentWorkerHttp?.narrowedBy).toEqual([[], ["b.example"]]);
  expect(policy.subprocess).toMatchObject({
    operatorPaths: ["/bin/sh"],
    readOnlyRoots: ["/opt"],
    containment: "landlock",
  });
  const none = derivePolicy(bundleOf({ metadata }), "enforce", operator({ http: [], subprocess: [] }));
  expect([none.http.narrowedBy, none.subprocess.operatorPaths]).toEqual([[[]], []]);
});

test("the agent worker has a lane only by its own list, or by a list inherited in as many words", () => {
  const execution = { allow_http: true, http_allowlist: ["https://api.example.com"] };
  const worker = (metadata: JsonObject) =>
    derivePolicy(bundleOf({ metadata: { runtime_execution: execution, ...metadata } }), "enforce")
      .agentWorkerHttp;
  expect(worker({})).toBeUndefined();
  expect(worker({ coordination_inherit_http_allowlist: false })).toBeUndefined();
  expect(worker({ coordination_inherit_http_allowlist: true })?.allowlist).toEqual([
    "https://api.example.com",
  ]);
  expect(
    worker({
      coordination_agent_worker_http_allowlist: ["https://worker"],
      coordination_inherit_http_allowlist: true,
    })?.allowlist,
  ).toEqual(["https://worker"]);
  expect(
    worker({ coordination_agent_worker_http_allowlist: [], coordination_inherit_http_allowlist: true }),
  ).toBeUndefined();
  expect(
    worker({
      runtime_execution: { ...execution, allow_http: false },
      coordination_inherit_http_allowlist: true,
    }),
  ).toBeUndefined();
});

test("a deadline is the smaller of the intent's and the operator's", () => {
  const deadline = (maxSeconds: JsonObject, runSeconds?: number) =>
    derivePolicy(
      bundleOf({ projection: { operating_bounds_effective: maxSeconds } }),
      "enforce",
      operator(runSeconds === undefined ? {} : { limits: { runSeconds } }),
    ).runDeadlineMs;
  expect(deadline({ max_seconds: new JsonFloat(120) })).toBe(120_000);
  expect(deadline({ max_seconds: 120 }, 60)).toBe(60_000);
  expect(deadline({ max_seconds: 0.5 }, 60)).toBe(500);
  expect(deadline({ max_seconds: null }, 60)).toBe(60_000);
  expect(deadline({ max_seconds: 1e300 })).toBe(limits.runDeadlineMsMax);
  expect(deadline({})).toBeUndefined();
});

test("the operator's limits only ever make a bound smaller", () => {
  const derived = (bounds: NonNullable<OperatorPolicy["limits"]>) =>
    derivePolicy(bundleOf(), "enforce", operator({ limits: bounds }));
  const small = derived({
    actionSeconds: 2,
    actionsInFlight: 3,
    outputBytes: 10,
    memoryBytes: 11,
    processes: 12,
  });
  expect([small.actionDeadlineMsMax, small.actionsInFlightMax]).toEqual([2_000, 3]);
  expect(small.subprocess).toMatchObject({ outputBytesMax: 10, memoryBytesMax: 11, processesMax: 12 });
  const large = derived({ actionSeconds: 1e12, actionsInFlight: 1e12, outputBytes: 1e15, openFiles: 1e12 });
  expect([large.actionDeadlineMsMax, large.actionsInFlightMax]).toEqual([
    limits.routeTimeoutMsMax,
    limits.actionsInFlightMax,
  ]);
  expect(large.subprocess).toMatchObject({
    outputBytesMax: limits.subprocessOutputBytesDefault,
    openFilesMax: limits.rlimitOpenFiles,
  });
});

test("effects are required when the operator or the caller says so", () => {
  const required = (file: boolean, flag: boolean) =>
    derivePolicy(bundleOf(), "enforce", operator({ requireEffects: file }), { requireEffects: flag })
      .requireEffects;
  expect([required(false, false), required(true, false), required(false, true)]).toEqual([false, true, true]);
});
