import { describe, expect, test } from "bun:test";
import { AkcError, type ErrorCode } from "../errors.ts";
import { loadCoordinationOnly } from "./coordination-handoff.ts";
import { type LoadOptions, loadBundle } from "./load.ts";
import {
  bundleDocument,
  contractDocument,
  coordinatedBundle,
  coordinationDocument,
  hashOf,
  irDocumentOf,
  memorySource,
  nodeDocument,
  orchestrationDocument,
  zeros,
} from "./source.fixture.ts";

const enforce: LoadOptions = { mode: "enforce" };

function load(document: unknown, files: Record<string, unknown> = {}, options: Partial<LoadOptions> = {}) {
  return loadBundle(memorySource(document, files), { ...enforce, ...options });
}

async function failure(attempt: Promise<unknown>): Promise<AkcError> {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof AkcError) return error;
  throw new Error(`no AkcError but ${String(error)}`);
}

async function expectCode(attempt: Promise<unknown>, code: ErrorCode): Promise<AkcError> {
  const error = await failure(attempt);
  expect(error.code).toBe(code);
  return error;
}

describe("identity", () => {
  test("a bundle whose fingerprint is not the expected one is refused before anything else is said about it", async () => {
    await expectCode(load([], {}, { expectedSha256: "f".repeat(64) }), "BUNDLE_HASH_MISMATCH");
    const document = bundleDocument();
    const bundle = await load(document, {}, { expectedSha256: hashOf(document).toUpperCase() });
    expect(bundle.sha256).toBe(hashOf(document));
  });

  test("what is no object, and a schema that is not known, have codes of their own", async () => {
    await expectCode(load([]), "BUNDLE_NOT_OBJECT");
    await expectCode(
      load(bundleDocument({ schema_id: "akc:runtime_bundle:v5" })),
      "BUNDLE_SCHEMA_UNSUPPORTED",
    );
    await expectCode(load(bundleDocument({ schema_id: undefined })), "BUNDLE_SCHEMA_UNSUPPORTED");
  });

  test("an envelope written for another bundle grants nothing", async () => {
    for (const key of ["tenant_id", "repo_id", "run_id"]) {
      const envelope = { [key]: "other" };
      const error = await expectCode(
        load(bundleDocument({ runtime_policy_envelope: envelope })),
        "BUNDLE_SCOPE_MISMATCH",
      );
      expect(JSON.stringify(error.details)).not.toContain("other");
    }
  });

  test("issues that all lie in the embedded IR say so by their code", async () => {
    const error = await expectCode(load(bundleDocument({ system_ir: { nodes: 1 } })), "IR_PARSE");
    expect(error.issues.map((issue) => issue.path)).toContain("/system_ir/nodes");
  });
});

describe("the IR", () => {
  const ir = irDocumentOf([nodeDocument("wf", { contract: contractDocument("c") })]);
  // The normal form adds what the file leaves out.
  const sha256 = hashOf(
    irDocumentOf([
      nodeDocument("wf", {
        provenance: [],
        contract: contractDocument("c", { triggers: [{ trigger_id: "boot", source: "go", details: {} }] }),
      }),
    ]),
  );
  const ref = { path: ".akc/ir/run-1.json", fingerprint: sha256 };

  test("is read from beside the bundle, and its nodes count over the bundle's own copies", async () => {
    const stale = [{ id: "wf", kind: "workflow", name: "stale" }];
    const document = bundleDocument({ system_ir_ref: ref, referenced_ir_nodes: stale });
    const bundle = await load(document, { ".akc/ir/run-1.json": ir });
    expect(bundle.desiredStateSource).toBe("ir");
    expect(bundle.nodes.map((node) => node.name)).toEqual(["wf"]);
    expect(bundle.ir?.sha256).toBe(sha256);
  });

  test("is found relative to the bundle's folder when its path does not begin with .akc/", async () => {
    const document = bundleDocument({ system_ir_ref: { ...ref, path: "parts\\ir.json" } });
    const bundle = await load(document, { ".akc/runtime/parts/ir.json": ir });
    expect(bundle.ir?.sha256).toBe(sha256);
  });

  test("must be the one that the bundle was made with, embedded or not", async () => {
    const wrong = { ...ref, fingerprint: "a".repeat(64) };
    await expectCode(
      load(bundleDocument({ system_ir_ref: wrong }), { ".akc/ir/run-1.json": ir }),
      "IR_FINGERPRINT_MISMATCH",
    );
    await expectCode(
      load(bundleDocument({ system_ir: ir, system_ir_ref: wrong })),
      "IR_FINGERPRINT_MISMATCH",
    );
  });

  test("must belong to the bundle's scope, and the other scope is not named", async () => {
    const foreign = irDocumentOf([], { repo_id: "elsewhere" });
    const error = await expectCode(load(bundleDocument({ system_ir: foreign })), "BUNDLE_SCOPE_MISMATCH");
    expect(JSON.stringify([error.message, error.details])).not.toContain("elsewhere");
  });

  test("that is referred to but missing stops the bundle unless deployment intents say what should stand", async () => {
    const document = bundleDocument({ system_ir_ref: ref });
    await expectCode(load(document), "IR_REQUIRED_NOT_LOADED");
    await expectCode(
      load(bundleDocument({ reconcile_desired_state_source: "ir" })),
      "IR_REQUIRED_NOT_LOADED",
    );
    const bundle = await load({ ...document, reconcile_desired_state_source: "deployment_intents" });
    expect(bundle.warnings.map((warning) => warning.path)).toEqual(["/system_ir_ref/path"]);
  });

  test("is never read from outside the repository", async () => {
    for (const path of ["/etc/passwd", "../x.json", ".akc/../../x.json", "C:\\x.json", "a\0b"]) {
      await expectCode(load(bundleDocument({ system_ir_ref: { ...ref, path } })), "PATH_UNSAFE");
    }
  });
});

describe("coordination", () => {
  test("is verified, ordered and resolved to nodes", async () => {
    const { document, files } = coordinatedBundle();
    const { coordination } = await load(document, files);
    expect(coordination?.plan.stepOrder).toEqual(["one", "two"]);
    expect([...(coordination?.nodeOfStep ?? [])]).toEqual([
      ["one", "wf"],
      ["two", "wf"],
    ]);
    expect(coordination?.orchestrationSha256).toBe(hashOf(orchestrationDocument()));
  });

  test("inline must match spec_hashes, and a reference beside it too", async () => {
    const { document, files } = coordinatedBundle();
    const spec_hashes = { coordination_spec_sha256: zeros, orchestration_spec_sha256: zeros };
    await expectCode(load({ ...document, spec_hashes }, files), "COORDINATION_HASH_MISMATCH");
    const coordination_ref = { path: ".akc/agents/run-1.coordination.json", fingerprint: "b".repeat(64) };
    await expectCode(load({ ...document, coordination_ref }, files), "COORDINATION_HASH_MISMATCH");
  });

  test("by reference must be there, be an object, and be the pinned one", async () => {
    const spec = coordinationDocument();
    const { document, files } = coordinatedBundle({ coordination_spec: undefined });
    const at = ".akc/agents/run-1.coordination.json";
    const coordination_ref = { path: at, fingerprint: hashOf(spec) };
    const referring = { ...document, coordination_ref };
    const bundle = await load(referring, { ...files, [at]: spec });
    expect(bundle.coordination?.sha256).toBe(hashOf(spec));
    await expectCode(load(referring, files), "COORDINATION_FILE_MISSING");
    const other = {
      coordination_spec_sha256: zeros,
      orchestration_spec_sha256: hashOf(orchestrationDocument()),
    };
    const unmatched = load({ ...referring, spec_hashes: other }, { ...files, [at]: spec });
    await expectCode(unmatched, "COORDINATION_HASH_MISMATCH");
    await expectCode(load(referring, { ...files, [at]: [] }), "COORDINATION_INVALID");
    const changed = coordinationDocument({ extra: 1 });
    await expectCode(load(referring, { ...files, [at]: changed }), "COORDINATION_HASH_MISMATCH");
    for (const path of ["/etc/x", "../x"]) {
      await expectCode(load({ ...document, coordination_ref: { ...coordination_ref, path } }), "PATH_UNSAFE");
    }
  });

  test("of another tenant, repository or run is refused without naming it", async () => {
    for (const key of ["tenant_id", "repo_id", "run_id"]) {
      const coordination_spec = coordinationDocument({ [key]: "elsewhere" });
      const { document, files } = coordinatedBundle({
        coordination_spec,
        spec_hashes: {
          coordination_spec_sha256: hashOf(coordination_spec),
          orchestration_spec_sha256: hashOf(orchestrationDocument()),
        },
      });
      const error = await expectCode(load(document, files), "BUNDLE_SCOPE_MISMATCH");
      expect(JSON.stringify([error.message, error.details])).not.toContain("elsewhere");
    }
  });

  test("needs no orchestration file, but one that is there must match its hash", async () => {
    const { document, files } = coordinatedBundle({
      system_ir: irDocumentOf([nodeDocument("wf", { contract: contractDocument("c") })]),
    });
    const unresolved = await expectCode(load(document), "COORDINATION_STEP_UNRESOLVED");
    expect(unresolved.details).toEqual({
      orchestration_file: "/out/acme/shop/.akc/orchestration/run-1.orchestration.json is not there",
    });
    expect(unresolved.hint).toContain("orchestration file");
    expect(unresolved.issues.map(({ path }) => path)).toEqual([
      "/coordination_spec/coordination_graph/nodes/0",
      "/coordination_spec/coordination_graph/nodes/1",
    ]);
    const changed = {
      ".akc/orchestration/run-1.orchestration.json": orchestrationDocument("wf", { extra: 1 }),
    };
    await expectCode(load(document, changed), "ORCHESTRATION_HASH_MISMATCH");
    const spec_hashes = {
      coordination_spec_sha256: hashOf(coordinationDocument()),
      orchestration_spec_sha256: zeros,
    };
    const error = await expectCode(load({ ...document, spec_hashes }, files), "ORCHESTRATION_HASH_MISMATCH");
    expect(error.message).toContain("made without one");
  });

  test("that names steps its orchestration lacks, or nodes the bundle lacks, is refused with every one of them", async () => {
    const orchestration = { steps: [{ step_id: "one", inputs: { ir_node_id: "wf" } }] };
    const hashes = (of: unknown) => ({
      coordination_spec_sha256: hashOf(coordinationDocument()),
      orchestration_spec_sha256: hashOf(of),
    });
    const { document } = coordinatedBundle({ spec_hashes: hashes(orchestration) });
    const at = ".akc/orchestration/run-1.orchestration.json";
    const lacking = await expectCode(load(document, { [at]: orchestration }), "COORDINATION_INVALID");
    expect(lacking.issues).toHaveLength(2);
    const nowhere = orchestrationDocument("nowhere");
    const unresolved = await expectCode(
      load({ ...document, spec_hashes: hashes(nowhere) }, { [at]: nowhere }),
      "COORDINATION_STEP_UNRESOLVED",
    );
    expect(unresolved.details).toEqual({ orchestration_file: `/out/acme/shop/${at}` });
  });

  test("gives no role a name that cannot be a folder", async () => {
    const coordination_spec = coordinationDocument({
      orchestration_bindings: [{ role_name: "../x", agent_name: "a", orchestration_step_ids: ["one"] }],
    });
    const { document, files } = coordinatedBundle({
      coordination_spec,
      spec_hashes: {
        coordination_spec_sha256: hashOf(coordination_spec),
        orchestration_spec_sha256: hashOf(orchestrationDocument()),
      },
    });
    const error = await expectCode(load(document, files), "COORDINATION_INVALID");
    expect(error.issues.map((issue) => issue.path)).toEqual([
      "/coordination_spec/orchestration_bindings/0/role_name",
    ]);
  });

  test("runs one step at a time unless bundle or operator say otherwise, and caps below 1 are refused", async () => {
    expect((await load(bundleDocument())).coordinationContract).toEqual({
      parallelDispatchEnabled: false,
      maxInFlightSteps: 1,
      maxInFlightPerRole: 1,
      completionFoldOrder: "coordination_step_id",
    });
    const document = bundleDocument({
      coordination_execution_contract: { parallel_dispatch_enabled: true, max_in_flight_steps: 4 },
    });
    const coordinationOverrides = { parallelDispatchEnabled: false, maxInFlightPerRole: 2 };
    const { coordinationContract } = await load(document, {}, { coordinationOverrides });
    expect(coordinationContract).toMatchObject({
      parallelDispatchEnabled: false,
      maxInFlightSteps: 4,
      maxInFlightPerRole: 2,
    });
    for (const maxInFlightSteps of [0, -1, 1.5, Number.NaN]) {
      await expectCode(
        load(document, {}, { coordinationOverrides: { maxInFlightSteps } }),
        "COORD_CONTRACT_INVALID",
      );
    }
  });
});

describe("the plan alone", () => {
  const only = (document: unknown, files: Record<string, unknown> = {}) =>
    loadCoordinationOnly(memorySource(document, files));

  test("is shown for a bundle whose schema nobody knows", async () => {
    const { coordination } = await only({ schema_id: "x", coordination_spec: coordinationDocument() });
    expect(coordination?.plan.layers).toEqual([["one"], ["two"]]);
  });

  test("is null when there is none, also when the reference's path is blank", async () => {
    expect(await only({})).toEqual({ coordination: null });
    expect(await only({ coordination_ref: { path: "  " } })).toEqual({ coordination: null });
  });

  test("is only shown for the spec that the bundle was made with", async () => {
    const coordination_spec = coordinationDocument();
    const spec_hashes = { coordination_spec_sha256: zeros };
    await expectCode(only({ coordination_spec, spec_hashes }), "COORDINATION_HASH_MISMATCH");
    await expectCode(only({ coordination_spec, tenant_id: "other" }), "BUNDLE_SCOPE_MISMATCH");
    const at = ".akc/agents/run-1.coordination.json";
    await expectCode(
      only({ coordination_ref: { path: at } }, { [at]: coordination_spec }),
      "COORDINATION_HASH_MISMATCH",
    );
    await expectCode(only([]), "BUNDLE_NOT_OBJECT");
  });
});
