/**
 * A scope with one run that was judged, as a compiler, a run and `judgeRun` leave it: bundle, evidence, report, and a manifest that links
 * them. Everything is on the disk and can be tampered with; `verify` looks at it as `akc verify` does.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  goalFingerprint,
  parseIntent,
  semanticFingerprint,
  stableIntentSha256,
} from "../../src/bundle/intent/document.ts";
import { intentProjection } from "../../src/bundle/intent/projection.ts";
import { objectAt } from "../../src/bundle/member.ts";
import { prettyJson } from "../../src/json/canonical.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { fromPlain, toPlain } from "../../src/json/plain.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/json/value.ts";
import { type Coupling, coupleRun } from "../../src/validation/assurance/couple.ts";
import {
  type KeptRun,
  readManifest,
  type Subject,
  subjectOfManifest,
} from "../../src/validation/assurance/subject.ts";
import type { Binding } from "../../src/validation/bindings/model.ts";
import { bundleSchemaVersion } from "../../src/validation/inputs.ts";
import { type JudgedRun, judgeRun } from "../../src/validation/judge.ts";
import { criteriaOf } from "../../src/validation/operational-spec/criteria.ts";

export type Json = Readonly<Record<string, unknown>>;

export const scope = { tenantId: "acme", repoId: "shop" };
export const runId = "run-1";
export const runtimeRunId = "0193f2c1-0000-7000-8000-00000000000a";
export const ids = { scope, runId, runtimeRunId };
export const atMs = 1_795_349_283_312;

export const places = {
  bundle: `.akc/runtime/${runId}.runtime_bundle.json`,
  evidence: `.akc/runtime/${runId}/${runtimeRunId}/runtime_evidence.json`,
  report: `.akc/runtime/${runId}/${runtimeRunId}/operational_validity_report.json`,
  manifest: `.akc/run/${runId}.manifest.json`,
  otel: `.akc/run/${runId}.otel.jsonl`,
  metrics: `.akc/run/${runId}.otel_metrics.jsonl`,
  governance: ".akc/control/policy_bundle.json",
  assurance: `.akc/verification/${runId}.operational_assurance.json`,
};

/** That the aggregate health is there: what Appendix A asks. */
export const healthy: Json = {
  id: "checkout-slo",
  evaluation_mode: "operational_spec",
  params: {
    spec_version: 1,
    window: "single_run",
    predicate_kind: "presence",
    expected_evidence_types: ["reconcile_outcome"],
    reject_failed_aggregate_terminal_health: true,
    signals: [{ evidence_type: "terminal_health", payload_path: "health_status" }],
  },
  summary: "runtime stays healthy",
};

/** That a query of `stub` gives at most `threshold`. */
export function atMost(threshold: number, stub: string, id = "errors"): Json {
  return {
    id,
    evaluation_mode: "operational_spec",
    params: {
      spec_version: 1,
      window: "single_run",
      predicate_kind: "threshold",
      threshold,
      threshold_comparator: "lte",
      signals: [
        {
          evidence_type: "akc_observability_query_result",
          payload_path: "summary.value",
          validator_stub: stub,
        },
      ],
    },
    summary: "few errors",
  };
}

export interface Draft {
  readonly criteria?: readonly Json[];
  /** How many resources were reconciled, in the same millisecond. */
  readonly resources?: number;
  readonly health?: string;
  /** Rows after the others. */
  readonly rows?: readonly Json[];
  readonly bundle?: Json;
  /** Files below the scope that are there before the run is judged. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Assured {
  readonly root: string;
  readonly scopeRoot: string;
  path(name: string): string;
  read(name: string): JsonObject;
  /** Replaces a text in a file, and fails when it is not there. */
  edit(name: string, from: string, to: string): void;
  write(name: string, content: string): void;
  remove(name: string): void;
  has(name: string): boolean;
  /** Changes members of the manifest's control plane. */
  control(members: Json): void;
  judge(): Promise<JudgedRun | undefined>;
  /** What the run itself does when it has ended: judge, write the report, link it. */
  settle(): Promise<JudgedRun | undefined>;
  verify(options?: VerifyOptions): Promise<Coupling>;
  subject(kept?: KeptRun): Promise<Subject>;
  [Symbol.dispose](): void;
}

export interface VerifyOptions {
  readonly mode?: "strict" | "relaxed";
  readonly bindings?: Readonly<Record<string, string>>;
  readonly kept?: KeptRun;
}

/** The run was judged and linked. */
export async function assured(draft: Draft = {}): Promise<Assured> {
  const world = makeScope(draft);
  await world.settle();
  return world;
}

function makeScope(draft: Draft): Assured {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "akc-assured-")));
  const scopeRoot = join(root, scope.tenantId, scope.repoId);
  const path = (name: string) => join(scopeRoot, name);
  const write = (name: string, content: string) => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), content);
  };
  const writeJson = (name: string, value: unknown) => write(name, prettyJson(fromPlain(value)));
  const value = (name: string): JsonValue => parseJson(readFileSync(path(name)));
  const read = (name: string): JsonObject => asObject(value(name));
  const control = (members: Json) => {
    const manifest = read(places.manifest);
    const merged = { ...objectAt(manifest, "control_plane"), ...asObject(fromPlain(members)) };
    write(places.manifest, prettyJson({ ...manifest, control_plane: merged }));
  };

  const rows = evidenceOf(draft);
  writeJson(places.bundle, bundleOf(draft));
  writeJson(places.evidence, rows);
  for (const [name, content] of Object.entries(draft.files ?? {})) write(name, content);
  writeJson(places.manifest, {
    schema_kind: "run_manifest",
    manifest_version: 1,
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    run_id: runId,
    key_of_tomorrow: { kept: 1.5 },
    runtime_bundle: { path: places.bundle, sha256: fingerprint(value(places.bundle)) },
    runtime_evidence: rows,
    control_plane: {
      runtime_run_id: runtimeRunId,
      runtime_evidence_ref: { path: places.evidence, sha256: fingerprint(value(places.evidence)) },
      lifecycle_timestamps: { compile_started_at: atMs - 1_000 },
    },
  });

  const world: Assured = {
    root,
    scopeRoot,
    path,
    read,
    write,
    control,
    edit(name, from, to) {
      const before = readFileSync(path(name), "utf8");
      if (!before.includes(from)) throw new Error(`${name} has no ${from}`);
      writeFileSync(path(name), before.replace(from, to));
    },
    remove: (name) => rmSync(path(name), { recursive: true }),
    has: (name) => existsSync(path(name)),
    async judge() {
      const bundle = read(places.bundle);
      const intentRef = bundle["intent_ref"];
      return judgeRun({
        scopeRoot,
        ids,
        evidencePath: path(places.evidence),
        bundle: {
          path: places.bundle,
          sha256: fingerprint(bundle),
          schemaVersion: bundleSchemaVersion(bundle),
          ...(isJsonObject(intentRef) ? { intentRef } : {}),
        },
        criteria: criteriaOf(bundle),
        clock: { nowMs: () => atMs + 8 },
      });
    },
    async settle() {
      const judged = await world.judge();
      if (judged === undefined) return undefined;
      write(places.report, prettyJson(judged.report));
      for (const { path: keptPath, bytes } of judged.kept) write(keptPath, new TextDecoder().decode(bytes));
      control({
        operational_validity_report_ref: { path: places.report, sha256: fingerprint(judged.report) },
        operational_validity_passed: judged.validity.passed,
        operational_validity_fingerprint_sha256: judged.validity.attestationSha256,
      });
      return judged;
    },
    async subject(kept) {
      const where = { scopeRoot, outputsRoot: root, scope };
      return subjectOfManifest(where, runId, await readManifest(where, runId), kept);
    },
    async verify({ mode = "strict", bindings = {}, kept } = {}) {
      return coupleRun({
        subject: await world.subject(kept),
        mode,
        registry: async () => ({
          bindings: new Map(Object.entries(bindings).map(([id, kind]) => [id, bindingOf(id, kind)])),
        }),
        clock: { nowMs: () => atMs + 60_000 },
      });
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
  return world;
}

/** Codes of what was found, with the severity of what is no error. */
export function codes({ findings }: Pick<Coupling, "findings">): readonly string[] {
  return findings.map(({ code, severity }) => (severity === "error" ? code : `${code} (${severity})`));
}

/** A row of the run. */
export function row(type: string, payload: Json, timestamp = atMs): Json {
  return { evidence_type: type, runtime_run_id: runtimeRunId, timestamp, payload };
}

/** What a query of `stub` answered. */
export function queried(stub: string, members: Json): Json {
  return row("akc_observability_query_result", {
    binding_id: stub,
    binding_kind: "promql_query",
    query_kind: "promql_query",
    target: stub,
    window_start_ms: atMs,
    window_end_ms: atMs,
    status: "ok",
    attachments: [],
    summary: {},
    success_criterion_ids: [],
    fingerprint_sha256: "7".repeat(64),
    ...members,
  });
}

function evidenceOf({ resources = 1, health = "healthy", rows = [] }: Draft): readonly Json[] {
  const names = Array.from({ length: resources }, (_, index) => `svc-${index}`);
  return [
    row("action_decision", { action: "service.reconcile.apply", action_id: "", decision: "allowed" }),
    ...names.flatMap((name) => [
      row("reconcile_outcome", {
        resource_id: name,
        operation_type: "create",
        applied: true,
        health_status: health,
        observed_hash: "a".repeat(64),
      }),
      row("reconcile_resource_status", {
        resource_id: name,
        converged: true,
        conditions: [],
        observed_hash: "a".repeat(64),
        health_status: health,
        resync_completed_attempts: 1,
      }),
    ]),
    ...rows,
    row("terminal_health", {
      resource_id: "__runtime_aggregate__",
      aggregate: true,
      health_status: health,
      kernel_terminal_status: "terminal",
    }),
  ];
}

function bundleOf({ criteria = [healthy], bundle = {} }: Draft): Json {
  return {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    run_id: runId,
    referenced_ir_nodes: [],
    referenced_contracts: [],
    deployment_intents: [],
    runtime_policy_envelope: {},
    spec_hashes: {
      orchestration_spec_sha256: "a".repeat(64),
      coordination_spec_sha256: "b".repeat(64),
    },
    intent_policy_projection:
      criteria.length === 0
        ? {}
        : {
            success_criteria_summary: {
              count: criteria.length,
              evaluation_modes: ["operational_spec"],
              criteria,
            },
          },
    ...bundle,
  };
}

function bindingOf(id: string, kind: string): Binding {
  return {
    id,
    kind,
    timeoutMs: 5_000,
    tries: 1,
    dryRun: false,
    settings: {},
    paths: [],
    secrets: [],
    line: 1,
  };
}

function asObject(value: JsonValue): JsonObject {
  if (!isJsonObject(value)) throw new Error("not an object");
  return value;
}

/** A run whose bundle was made from an intent that the store has. */
export function underIntent(criteria: readonly Json[] = [healthy]): Draft {
  const document = {
    intent_id: "intent-1",
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    spec_version: 1,
    goal_statement: "ship it",
    success_criteria: criteria.map(({ summary, ...criterion }) => ({ ...criterion, description: summary })),
  };
  const intent = parseIntent(fromPlain(document));
  return {
    bundle: {
      intent_ref: {
        intent_id: "intent-1",
        stable_intent_sha256: stableIntentSha256(intent),
        semantic_fingerprint: semanticFingerprint(intent),
        goal_text_fingerprint: goalFingerprint(intent),
      },
      intent_policy_projection: toPlain(intentProjection(intent)),
    },
    files: { [intentPlace]: prettyJson(fromPlain(document)) },
  };
}

/** Beside the scopes. */
export const intentPlace = "../../.akc/intent/acme/shop/intent-1.json";
