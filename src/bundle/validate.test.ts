import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseJson } from "../json/read.ts";
import { isIdentifier } from "./identifier.ts";
import { bundleDocument, contractDocument, irDocumentOf, json, nodeDocument } from "./source.fixture.ts";
import { validateBundle } from "./validate.ts";

function pathsOf(members: Record<string, unknown>): string[] {
  return validateBundle(json(bundleDocument(members))).map((issue) => issue.path);
}

const sha = "a".repeat(64);

test("the smallest bundle of each version has no issue, and unknown keys never are one", () => {
  for (const version of [1, 2, 3, 4]) {
    const schema = { schema_version: version, schema_id: `akc:runtime_bundle:v${version}` };
    expect(pathsOf({ ...schema, something_else: [1, { x: null }] })).toEqual([]);
  }
});

test("every fault is reported, with a pointer, sorted by path and then by message", () => {
  const issues = validateBundle(
    json(
      bundleDocument({
        tenant_id: "../x",
        deployment_intents: [1, {}],
        referenced_contracts: undefined,
        spec_hashes: { orchestration_spec_sha256: "x" },
        runtime_execution: { allow_subprocess: "false", subprocess_allowlist: [1] },
        runtime_action_routes: { "a/b~c": "shell" },
      }),
    ),
  );
  expect(issues.map((issue) => issue.path)).toEqual([
    "/deployment_intents/0",
    "/referenced_contracts",
    "/runtime_action_routes/a~1b~0c",
    "/runtime_execution/allow_subprocess",
    "/runtime_execution/subprocess_allowlist/0",
    "/spec_hashes/coordination_spec_sha256",
    "/spec_hashes/orchestration_spec_sha256",
    "/tenant_id",
  ]);
  expect(issues[1]?.message).toBe("is required");
});

test("what is no object is one issue", () => {
  for (const value of [null, true, 1, "x", [], 1.5]) expect(validateBundle(json(value))).toHaveLength(1);
});

describe("identifiers", () => {
  test("that become parts of a path follow one grammar, wherever they stand", () => {
    const hostile = [
      "",
      ".",
      "..",
      "a/b",
      "a\\b",
      "../x",
      "/etc",
      "a..b",
      " a",
      "a ",
      "a\n",
      "a\0",
      "-a",
      "é",
      "a".repeat(129),
    ];
    for (const id of hostile) {
      expect(isIdentifier(id)).toBe(false);
      for (const key of ["tenant_id", "repo_id", "run_id"])
        expect(pathsOf({ [key]: id })).toEqual([`/${key}`]);
    }
    const intent_ref = {
      intent_id: "../../secret",
      stable_intent_sha256: sha,
      semantic_fingerprint: "b".repeat(16),
      goal_text_fingerprint: "",
    };
    expect(pathsOf({ intent_ref })).toEqual(["/intent_ref/intent_id"]);
  });

  test("of up to 128 plain characters are accepted, and none of them can leave its folder", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."abZ09._-/\\ "), maxLength: 12 }), (id) => {
        if (isIdentifier(id)) expect(/^[A-Za-z0-9]/.test(id) && !/[/\\ ]|\.\./.test(id)).toBe(true);
      }),
    );
    expect(isIdentifier("a".repeat(128))).toBe(true);
    expect(pathsOf({ tenant_id: "A.b_c-9" })).toEqual([]);
  });
});

describe("schema", () => {
  test("id and version must agree when both are there", () => {
    expect(pathsOf({ schema_version: 3 })).toEqual(["/schema_version"]);
    expect(pathsOf({ schema_version: undefined })).toEqual([]);
    expect(pathsOf({ schema_id: undefined })).toEqual(["/schema_id"]);
    expect(pathsOf({ schema_id: "akc:runtime_bundle:v4 " })).toEqual(["/schema_id"]);
  });

  test("keys of version 4 are not constrained before it, those of version 3 not before that", () => {
    const loose = {
      coordination_ref: { path: "" },
      reconcile_desired_state_source: "x",
      reconcile_deploy_targets_from_ir_only: "yes",
      deployment_intents_ir_alignment: "x",
      deployment_provider_contract: 1,
      embed_system_ir: 1,
    };
    const version = (n: number) => ({ schema_version: n, schema_id: `akc:runtime_bundle:v${n}` });
    expect(pathsOf({ ...loose, ...version(1) })).toEqual([]);
    expect(pathsOf({ ...loose, ...version(2) })).toEqual([]);
    expect(pathsOf({ ...loose, ...version(3) })).toEqual(["/embed_system_ir"]);
    expect(pathsOf(loose)).toEqual([
      "/coordination_ref/fingerprint",
      "/coordination_ref/path",
      "/deployment_intents_ir_alignment",
      "/deployment_provider_contract",
      "/embed_system_ir",
      "/reconcile_deploy_targets_from_ir_only",
      "/reconcile_desired_state_source",
    ]);
  });

  test("1.0 is a whole number, true is not, and a hash with a line break behind it is no hash", () => {
    const floating = JSON.stringify(bundleDocument()).replace('"schema_version":4', '"schema_version":4.0');
    expect(validateBundle(parseJson(floating))).toEqual([]);
    expect(pathsOf({ schema_version: true })).toEqual(["/schema_version", "/schema_version"]);
    const contract = (steps: unknown) => ({
      coordination_execution_contract: { max_in_flight_steps: steps },
    });
    expect(pathsOf(contract(2))).toEqual([]);
    for (const steps of [true, "2", 0, -1, 1.5, null]) {
      expect(pathsOf(contract(steps))).toEqual(["/coordination_execution_contract/max_in_flight_steps"]);
    }
    expect(
      pathsOf({ spec_hashes: { orchestration_spec_sha256: `${sha}\n`, coordination_spec_sha256: sha } }),
    ).toEqual(["/spec_hashes/orchestration_spec_sha256"]);
  });

  test("an intent without a goal text may say so", () => {
    const ref = { intent_id: "i", stable_intent_sha256: sha, semantic_fingerprint: "b".repeat(16) };
    expect(pathsOf({ intent_ref: { ...ref, goal_text_fingerprint: "" } })).toEqual([]);
    expect(pathsOf({ intent_ref: { ...ref, goal_text_fingerprint: "x" } })).toEqual([
      "/intent_ref/goal_text_fingerprint",
    ]);
    expect(pathsOf({ intent_ref: ref })).toEqual(["/intent_ref/goal_text_fingerprint"]);
  });
});

describe("a switch is a boolean and a list holds text, in every version", () => {
  const switches = [
    "/runtime_execution/allow_subprocess",
    "/runtime_execution/allow_http",
    "/coordination_execution_contract/parallel_dispatch_enabled",
    "/workflow_execution_contract/full_layer_replacement",
    "/coordination_inherit_http_allowlist",
    "/runtime_policy_envelope/knowledge_network_egress_forbidden",
    "/runtime_policy_envelope/require_reconcile_evidence",
    "/runtime_policy_envelope/allow_runtime_evidence_expectation_widening",
    "/runtime_policy_envelope/intent_authority_strict",
    "/runtime_policy_envelope/runtime_allow_subprocess",
    "/runtime_policy_envelope/runtime_allow_http",
    "/runtime_policy_envelope/runtime_http_allow_ambient_proxy_env",
    "/runtime_policy_envelope/allow_network",
    "/intent_policy_projection/operating_bounds_effective/allow_network",
  ];
  const lists = [
    "/runtime_execution/subprocess_allowlist",
    "/runtime_execution/http_allowlist",
    "/runtime_execution/http_method_allowlist",
    "/coordination_agent_worker_http_allowlist",
    "/runtime_evidence_expectations",
    "/runtime_policy_envelope/allow_actions",
    "/runtime_policy_envelope/allow_runtime_actions",
    "/runtime_policy_envelope/deny_actions",
    "/runtime_policy_envelope/deny_runtime_actions",
    "/runtime_policy_envelope/deny_action_types",
    "/runtime_policy_envelope/knowledge_derived_deny_actions",
    "/runtime_policy_envelope/runtime_evidence_expectations",
    "/runtime_policy_envelope/http_allowlist",
    "/runtime_policy_envelope/scoped_secret_keys",
  ];
  const at = (pointer: string, value: unknown): Record<string, unknown> => {
    const [first = "", ...rest] = pointer.slice(1).split("/");
    return { [first]: rest.length === 0 ? value : at(`/${rest.join("/")}`, value) };
  };
  for (const version of [1, 4]) {
    const schema = { schema_version: version, schema_id: `akc:runtime_bundle:v${version}` };
    test.each(switches)(`version ${version}: %s`, (pointer) => {
      expect(pathsOf({ ...schema, ...at(pointer, true) })).toEqual([]);
      for (const value of ["false", 1, [], {}])
        expect(pathsOf({ ...schema, ...at(pointer, value) })).toEqual([pointer]);
    });
    test.each(lists)(`version ${version}: %s`, (pointer) => {
      expect(pathsOf({ ...schema, ...at(pointer, ["x"]) })).toEqual([]);
      expect(pathsOf({ ...schema, ...at(pointer, "x") })).toEqual([pointer]);
      expect(pathsOf({ ...schema, ...at(pointer, ["x", 1]) })).toEqual([`${pointer}/1`]);
    });
  }

  test("bounds are numbers that are not negative", () => {
    for (const key of ["max_seconds", "max_steps", "max_input_tokens", "max_output_tokens"]) {
      const bounds = (value: unknown) => ({
        intent_policy_projection: { operating_bounds_effective: { [key]: value } },
      });
      expect(pathsOf(bounds(90))).toEqual([]);
      for (const value of ["90", true, -1]) {
        expect(pathsOf(bounds(value))).toEqual([
          `/intent_policy_projection/operating_bounds_effective/${key}`,
        ]);
      }
    }
  });

  test("a route is one of the four kinds, and a list of allowed ones is not empty", () => {
    expect(pathsOf({ runtime_action_routes: { "a.execute": " HTTP " } })).toEqual([]);
    expect(pathsOf({ runtime_action_routes: { "a.execute": null } })).toEqual([
      "/runtime_action_routes/a.execute",
    ]);
    const contract = (workflow_execution_contract: unknown) => pathsOf({ workflow_execution_contract });
    expect(contract({ allowed_routes: [] })).toEqual(["/workflow_execution_contract/allowed_routes"]);
    expect(contract({ allowed_routes: ["zzz"] })).toEqual(["/workflow_execution_contract/allowed_routes/0"]);
    expect(contract({ route_overrides: { x: 1 } })).toEqual([
      "/workflow_execution_contract/route_overrides/x",
    ]);
  });
});

describe("what agrees with what", () => {
  test("a file that is read must be pinned, one that is embedded need not be", () => {
    expect(pathsOf({ system_ir_ref: { path: ".akc/ir/x.json" } })).toEqual(["/system_ir_ref/fingerprint"]);
    const system_ir = irDocumentOf([]);
    expect(pathsOf({ system_ir_ref: { path: ".akc/ir/x.json" }, system_ir })).toEqual([]);
    const version1 = { schema_version: 1, schema_id: "akc:runtime_bundle:v1" };
    expect(pathsOf({ ...version1, coordination_ref: { path: "x.json" } })).toEqual([
      "/coordination_ref/fingerprint",
    ]);
    expect(pathsOf({ coordination_ref: { path: "x.json" } })).toEqual(["/coordination_ref/fingerprint"]);
  });

  test("a contract may be listed twice only if it is the same", () => {
    const twice = [contractDocument("c"), contractDocument("c")];
    expect(pathsOf({ referenced_contracts: twice })).toEqual([]);
    const changed = [...twice, contractDocument("c", { acceptance: {} })];
    expect(pathsOf({ referenced_contracts: changed })).toEqual(["/referenced_contracts/2/contract_id"]);
  });

  test("a node is referred to once", () => {
    expect(pathsOf({ referenced_ir_nodes: [nodeDocument("a"), nodeDocument(" a ")] })).toEqual([
      "/referenced_ir_nodes/1/id",
    ]);
  });
});

describe("contracts are strict", () => {
  const at = "/referenced_contracts/0";
  const faults = (members: Record<string, unknown>) =>
    pathsOf({ referenced_contracts: [contractDocument("c", members)] });

  test("unknown keys are issues at every level", () => {
    expect(faults({ extra: 1 })).toEqual([`${at}/extra`]);
    expect(faults({ triggers: [{ trigger_id: "a", source: "s", extra: 1 }] })).toEqual([
      `${at}/triggers/0/extra`,
    ]);
    expect(faults({ io_contract: { input_keys: ["a"], output_keys: ["b"], x: 1 } })).toEqual([
      `${at}/io_contract/x`,
    ]);
    expect(faults({ runtime_budget: { max_seconds: 1, x: 1 } })).toEqual([`${at}/runtime_budget/x`]);
  });

  test("optional members may be absent but not null, and lists may not be empty", () => {
    for (const key of ["state_machine", "runtime_budget", "acceptance"]) {
      expect(faults({ [key]: null })).toEqual([`${at}/${key}`]);
    }
    expect(faults({ triggers: [] })).toEqual([`${at}/triggers`]);
    expect(faults({ io_contract: { input_keys: [], output_keys: ["a"] } })).toEqual([
      `${at}/io_contract/input_keys`,
    ]);
    expect(faults({ runtime_budget: {} })).toEqual([`${at}/runtime_budget`]);
  });

  test("ids are unique, and a transition names a trigger that is there", () => {
    const trigger = { trigger_id: "a", source: "s" };
    expect(faults({ triggers: [trigger, trigger] })).toEqual([`${at}/triggers/1/trigger_id`]);
    const move = { transition_id: "t", from_state: "x", to_state: "y" };
    const machine = (...transitions: unknown[]) => ({ state_machine: { initial_state: "x", transitions } });
    expect(faults(machine(move))).toEqual([]);
    expect(faults(machine())).toEqual([`${at}/state_machine/transitions`]);
    expect(faults(machine(move, move))).toEqual([`${at}/state_machine/transitions/1/transition_id`]);
    expect(faults(machine({ ...move, trigger_id: "nope" }))).toEqual([
      `${at}/state_machine/transitions/0/trigger_id`,
    ]);
  });

  test("only a runtime contract has a state machine on a node", () => {
    const state_machine = {
      initial_state: "x",
      transitions: [{ transition_id: "t", from_state: "x", to_state: "y" }],
    };
    const contract = contractDocument("c", { contract_category: "Deployment", state_machine });
    const node = nodeDocument("n", { contract });
    expect(pathsOf({ referenced_ir_nodes: [node] })).toEqual([
      "/referenced_ir_nodes/0/contract/state_machine",
    ]);
    expect(pathsOf({ referenced_contracts: [contract] })).toEqual([]);
  });
});

test("the issues of an embedded IR and an inline coordination spec are listed with all others", () => {
  const paths = pathsOf({ tenant_id: "", system_ir: irDocumentOf([{ id: "x" }]), coordination_spec: 1 });
  expect(paths).toContain("/tenant_id");
  expect(paths).toContain("/coordination_spec");
  expect(paths).toContain("/system_ir/nodes/0/properties");
});

test("a document full of faults is judged in bounded memory", () => {
  const issues = validateBundle(
    json(bundleDocument({ deployment_intents: Array.from({ length: 30_000 }, () => 1) })),
  );
  expect(issues.length).toBe(10_000);
});
