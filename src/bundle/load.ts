/**
 * Loads a bundle: from a text and a way to read files to a bundle that is verified, resolved and bound to one scope.
 * It decides nothing about policy and starts nothing; whatever is wrong ends here, before anything runs.
 *
 * Source: spec bundle §6, spec kernel §9.1, §9.2; bundle:W-1, bundle:W-8 to bundle:W-12, bundle:W-18, bundle:W-43.
 */
import { resolveStepNodes } from "../coordination/resolve.ts";
import { AkcError, type ErrorCode, type Issue } from "../errors.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { type CoordinationHandoff, loadCoordination } from "./coordination-handoff.ts";
import { type BundleSource, bundleFolder } from "./files.ts";
import { judgeHandovers } from "./handovers.ts";
import { pathInRepo } from "./identifier.ts";
import { intentAuthority } from "./intent/authority.ts";
import { parseIr, readIr, type ScopedIr } from "./ir/document.ts";
import { buildGraph } from "./ir/graph.ts";
import { member, objectAt, requiredText, textAt } from "./member.ts";
import { assembleMetadata } from "./metadata.ts";
import type {
  Bundle,
  CoordinationExecutionContract,
  GraphNode,
  IrDocument,
  LoadedCoordination,
  PolicyMode,
  Scope,
} from "./model.ts";
import { readDocument } from "./read-document.ts";
import { sortIssues } from "./shape/rule.ts";
import { judgeBundle, schemaVersionOf, validateBundle } from "./validate.ts";

export type { BundleFiles, BundleSource } from "./files.ts";

export interface CoordinationOverrides {
  readonly parallelDispatchEnabled?: boolean;
  readonly maxInFlightSteps?: number;
  readonly maxInFlightPerRole?: number;
}

export interface LoadOptions {
  readonly mode: PolicyMode;
  /** Fingerprint that the bundle must have, 64 hexadecimal digits. */
  readonly expectedSha256?: string;
  /** The operator's word; absent leaves it to the bundle's wish and to whether there is an intent store. */
  readonly strictIntentAuthority?: boolean;
  readonly coordinationOverrides?: CoordinationOverrides;
}

/**
 * @throws AkcError with a JSON_… code, BUNDLE_HASH_MISMATCH, BUNDLE_NOT_OBJECT, BUNDLE_SCHEMA_UNSUPPORTED, BUNDLE_INVALID
 *   with every issue (IR_PARSE or COORDINATION_INVALID when all of them lie in the embedded IR or the inline spec),
 *   BUNDLE_SCOPE_MISMATCH, INTENT_INVALID, IR_…, COORDINATION_…, ORCHESTRATION_HASH_MISMATCH, COORD_CONTRACT_INVALID,
 *   PATH_UNSAFE; in this order
 */
export async function loadBundle(source: BundleSource, options: LoadOptions): Promise<Bundle> {
  const value = readDocument(source);
  const sha256 = fingerprint(value);
  const expected = options.expectedSha256?.trim().toLowerCase();
  if (expected !== undefined && expected !== sha256) {
    throw new AkcError("BUNDLE_HASH_MISMATCH", { details: { expected, actual: sha256 } });
  }
  const { document, schemaVersion, warnings } = checkDocument(value);
  const scope = { tenantId: requiredText(document, "tenant_id"), repoId: requiredText(document, "repo_id") };
  checkEnvelopeScope(document);
  const authority = await intentAuthority(document, scope, source.files, options.strictIntentAuthority);
  const irSource = await loadIr(document, scope, source);
  const ir = irSource.ir;
  const desiredStateSource = resolveDesiredState(document, irSource);
  const handoff = await loadCoordination(document, source, { strict: true });
  const coordinationContract = executionContract(document, options.coordinationOverrides ?? {});
  const graph = buildGraph(document, ir, { coordinated: handoff !== undefined });
  if (graph.issues.length > 0)
    throw new AkcError("BUNDLE_INVALID", { issues: sortIssues([...graph.issues]) });
  const coordination = handoff === undefined ? undefined : resolved(handoff, ir, graph.nodes);
  const metadata = assembleMetadata(document, {
    schemaVersion,
    intentProjection: authority.projection,
    intentAuthorityStrict: authority.strict,
    desiredStateSource,
    coordination: handoff,
    coordinationContract,
  });
  const handovers = judgeHandovers({ document, ir, nodes: graph.nodes, metadata, coordination });
  if (handovers.issues.length > 0)
    throw new AkcError("BUNDLE_INVALID", { issues: sortIssues([...handovers.issues]) });
  return {
    schemaVersion,
    scope,
    runId: requiredText(document, "run_id"),
    path: source.path,
    repoRoot: source.repoRoot,
    sha256,
    document,
    nodes: graph.nodes,
    ...(ir === undefined ? {} : { ir }),
    intentRef: objectAt(document, "intent_ref"),
    intentProjection: authority.projection,
    intentAuthorityStrict: authority.strict,
    policyEnvelope: objectAt(document, "runtime_policy_envelope"),
    ...(coordination === undefined
      ? {}
      : {
          coordination: {
            ...coordination,
            ...(handovers.stepsRead.size === 0 ? {} : { stepsRead: handovers.stepsRead }),
          },
        }),
    coordinationContract,
    desiredStateSource,
    metadata,
    warnings: [...warnings, ...irSource.warnings, ...(handoff?.warnings ?? []), ...graph.warnings],
  };
}

function checkDocument(value: JsonValue): {
  readonly document: JsonObject;
  readonly schemaVersion: Bundle["schemaVersion"];
  readonly warnings: readonly Issue[];
} {
  if (!isJsonObject(value)) throw new AkcError("BUNDLE_NOT_OBJECT");
  const schemaVersion = schemaVersionOf(value);
  if (schemaVersion === undefined) {
    throw new AkcError("BUNDLE_SCHEMA_UNSUPPORTED", { issues: validateBundle(value) });
  }
  const { issues, warnings } = judgeBundle(value);
  if (issues.length > 0) throw new AkcError(codeOf(issues), { issues });
  return { document: value, schemaVersion, warnings };
}

/** The code names the part of the bundle in which all the issues lie. */
function codeOf(issues: readonly Issue[]): ErrorCode {
  const allIn = (base: string) => issues.every(({ path }) => path === base || path.startsWith(`${base}/`));
  if (allIn("/system_ir")) return "IR_PARSE";
  return allIn("/coordination_spec") ? "COORDINATION_INVALID" : "BUNDLE_INVALID";
}

/** An envelope that was written for another bundle grants nothing here. */
function checkEnvelopeScope(document: JsonObject): void {
  const envelope = objectAt(document, "runtime_policy_envelope");
  for (const key of ["tenant_id", "repo_id", "run_id"]) {
    const id = textAt(envelope, key);
    if (id === undefined || id === textAt(document, key)) continue;
    throw new AkcError("BUNDLE_SCOPE_MISMATCH", {
      message: `the policy envelope belongs to another ${key.replace("_id", "")} than the bundle`,
      details: { key: `runtime_policy_envelope.${key}` },
    });
  }
}

interface IrSource {
  readonly ir?: IrDocument;
  /** Whether the bundle says that there is an IR, found or not. */
  readonly implied: boolean;
  readonly warnings: readonly Issue[];
}

async function loadIr(document: JsonObject, scope: Scope, source: BundleSource): Promise<IrSource> {
  const ref = objectAt(document, "system_ir_ref");
  const embedded = member(document, "system_ir");
  const path = textAt(ref, "path");
  if (isJsonObject(embedded)) return verifiedIr(readIr(embedded), ref, scope);
  if (path === undefined) return { implied: false, warnings: [] };
  const relative = pathInRepo(path, bundleFolder(source));
  const value = await source.files.read(relative);
  if (value !== undefined) return verifiedIr(parseIr(value), ref, scope);
  const message = `the IR file ${relative} is not there; its policies and dependencies do not count`;
  return { implied: true, warnings: [{ path: "/system_ir_ref/path", message }] };
}

function verifiedIr({ ir, tenantId, repoId }: ScopedIr, ref: JsonObject, scope: Scope): IrSource {
  if (tenantId !== scope.tenantId || repoId !== scope.repoId) {
    const key = tenantId === scope.tenantId ? "repo_id" : "tenant_id";
    throw new AkcError("BUNDLE_SCOPE_MISMATCH", {
      message: `the IR document belongs to another ${key.replace("_id", "")} than the bundle`,
      details: { key },
    });
  }
  const declared = textAt(ref, "fingerprint");
  if (declared !== undefined && declared !== ir.sha256) {
    throw new AkcError("IR_FINGERPRINT_MISMATCH", { details: { declared, actual: ir.sha256 } });
  }
  return { ir, implied: true, warnings: [] };
}

/** Spec bundle §6.4. */
function resolveDesiredState(document: JsonObject, { ir, implied }: IrSource): Bundle["desiredStateSource"] {
  const declared = textAt(document, "reconcile_desired_state_source")?.toLowerCase();
  if (declared === "deployment_intents") return declared;
  if (ir !== undefined) return "ir";
  if (declared === "ir") throw new AkcError("IR_REQUIRED_NOT_LOADED");
  if (implied) {
    throw new AkcError("IR_REQUIRED_NOT_LOADED", {
      message: "the bundle refers to an IR that is not there",
      hint: 'Ship the IR file, embed it (system_ir), or declare reconcile_desired_state_source "deployment_intents".',
    });
  }
  return "deployment_intents";
}

/** Spec kernel §9.2; the shape of the bundle's own values has been checked. */
function executionContract(
  document: JsonObject,
  overrides: CoordinationOverrides,
): CoordinationExecutionContract {
  const own = objectAt(document, "coordination_execution_contract");
  return {
    parallelDispatchEnabled:
      overrides.parallelDispatchEnabled ?? member(own, "parallel_dispatch_enabled") === true,
    maxInFlightSteps: cap(
      overrides.maxInFlightSteps ?? asDouble(member(own, "max_in_flight_steps")),
      "max_in_flight_steps",
    ),
    maxInFlightPerRole: cap(
      overrides.maxInFlightPerRole ?? asDouble(member(own, "max_in_flight_per_role")),
      "max_in_flight_per_role",
    ),
    completionFoldOrder: "coordination_step_id",
  };
}

function cap(value: number | undefined, name: string): number {
  if (value === undefined) return 1;
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new AkcError("COORD_CONTRACT_INVALID", {
    message: `coordination_execution_contract.${name} must be >= 1`,
    details: { [name]: value },
  });
}

function resolved(
  { warnings: _, places, ...handoff }: CoordinationHandoff,
  ir: IrDocument | undefined,
  nodes: readonly GraphNode[],
): LoadedCoordination {
  const ids = new Set(nodes.map((node) => node.nodeId));
  return { ...handoff, nodeOfStep: resolveStepNodes(handoff.plan, handoff.orchestration, ir, ids, places) };
}
