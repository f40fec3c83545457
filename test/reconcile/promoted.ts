/**
 * A scope on disk whose compile run was promoted, with one thing changed about it. For tests.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Bundle } from "../../src/bundle/model.ts";
import { AkcError } from "../../src/errors.ts";
import { prettyJson } from "../../src/json/canonical.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import type { JsonObject, JsonValue } from "../../src/json/value.ts";
import { bundleOf } from "../../src/policy/bundle.fixture.ts";

export const nowMs = 1_795_000_000_000;
export const packetPath = ".akc/promotion/plan-1_step-1.packet.json";
const patch = "a".repeat(64);
const intent = "b".repeat(64);
export const applied = "c".repeat(64);
export const foreign = "f".repeat(64);

export interface Promotion {
  readonly metadata?: JsonObject;
  readonly attestation?: JsonObject;
  /** Sealed after it was merged in: its own hash and the manifest's are right. */
  readonly packet?: JsonObject;
  /** Not sealed: what somebody has changed later. */
  readonly tampered?: JsonObject;
  readonly controlPlane?: JsonObject;
  readonly ref?: JsonObject;
  readonly manifest?: JsonObject;
  /** Instead of the packet's JSON. */
  readonly packetText?: string;
  readonly without?: "manifest" | "packet";
}

export function attestationOf(changed: JsonObject = {}): JsonObject {
  return {
    compile_realization_mode: "scoped_apply",
    applied: true,
    apply_decision_token_id: "token-1",
    policy_allow_decision: { allowed: true, action: "compile.apply" },
    patch_fingerprint_sha256: patch,
    scope_root: "/src",
    touched_paths: ["b.ts", "a.ts"],
    ...changed,
  };
}

export function promotedBundle(metadata: JsonObject = {}): Bundle {
  const provider = {
    kind: "kubernetes_apply",
    namespace: "shop",
    apply_manifest_path: "app.yaml",
    apply_manifest_sha256: applied,
  };
  const bundle = bundleOf({ metadata: { deployment_provider: provider, ...metadata } });
  return { ...bundle, intentRef: { intent_id: "intent-1", stable_intent_sha256: intent } };
}

/** Writes the scope, asks `work`, and takes everything away again. */
export async function inPromotedScope<Answer>(
  promotion: Promotion,
  work: (scopeRoot: string) => Promise<Answer>,
): Promise<Answer> {
  const scopeRoot = await mkdtemp(join(tmpdir(), "akc-promoted-"));
  try {
    await lay(scopeRoot, promotion);
    return await work(scopeRoot);
  } finally {
    await rm(scopeRoot, { recursive: true, force: true });
  }
}

async function lay(scopeRoot: string, promotion: Promotion): Promise<void> {
  const attestation = attestationOf(promotion.attestation);
  const unsealed: JsonObject = {
    packet_version: 1,
    run_ref: { tenant_id: "acme", repo_id: "shop", run_id: "run-1", step_id: "step-1" },
    intent_ref: { intent_id: "intent-1", stable_intent_sha256: intent },
    promotion_mode: "live_apply",
    promotion_state: "live_apply",
    patch_hash_sha256: patch,
    touched_paths: ["a.ts", "b.ts"],
    required_tests: [],
    policy_decision_trace: [],
    policy_allow_decision: { allowed: true },
    apply_target_metadata: { deployment_provider: { kind: "kubernetes_apply" } },
    compile_apply_attestation: attestation,
    issued_at_ms: nowMs - 1_000,
    ...promotion.packet,
  };
  const packet = { ...unsealed, packet_signature_sha256: fingerprint(unsealed) };
  const manifest: JsonObject = {
    schema_kind: "run_manifest",
    manifest_version: 1,
    tenant_id: "acme",
    repo_id: "shop",
    run_id: "run-1",
    control_plane: {
      promotion_packet_ref: { path: packetPath, sha256: fingerprint(packet), ...promotion.ref },
      compile_apply_attestation: { ...attestation, touched_paths: ["a.ts", "b.ts"], noted_by: "compiler" },
      ...promotion.controlPlane,
    },
    ...promotion.manifest,
  };
  const { without, tampered, packetText } = promotion;
  if (without !== "manifest") await place(scopeRoot, ".akc/run/run-1.manifest.json", text(manifest));
  if (without !== "packet") {
    await place(scopeRoot, packetPath, packetText ?? text({ ...packet, ...tampered }));
  }
}

function text(value: JsonValue): string {
  return prettyJson(value);
}

export async function place(root: string, relative: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, relative)), { recursive: true });
  await writeFile(join(root, relative), content);
}

/** The error that `work` ends with. */
export async function refusal(work: Promise<unknown>): Promise<AkcError> {
  const ended = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (ended instanceof AkcError) return ended;
  throw new Error("it was not refused", { cause: ended });
}
