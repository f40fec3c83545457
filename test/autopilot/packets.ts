/** Promotion packets for bundles that lie in a scope, issued and signed as a compiler and an operator would. For tests. */
import { fingerprint } from "../../src/json/fingerprint.ts";
import { fromPlain } from "../../src/json/plain.ts";
import type { JsonObject } from "../../src/json/value.ts";
import { makeKeyPair } from "../../src/plugin-host/signature.ts";
import { signedPacket } from "../../src/policy/deployment/packet-signature.ts";
import { type BundleBuilder, bundle, sh } from "../e2e/bundle.ts";
import type { Placed, ScopeWorld } from "./scope-world.ts";

export const packetPath = ".akc/promotion/plan-1_step-1.packet.json";
const patch = "a".repeat(64);
const intentSha = "b".repeat(64);

/** A bundle that a packet has to vouch for. */
export function promoting(members: object = {}): BundleBuilder {
  return bundle()
    .started("work", sh("true"))
    .with({
      intent_ref: {
        intent_id: "intent-1",
        stable_intent_sha256: intentSha,
        semantic_fingerprint: "0".repeat(16),
        goal_text_fingerprint: "0".repeat(16),
      },
      deployment_provider: {
        kind: "kubernetes_apply",
        namespace: "shop",
        apply_manifest_path: "app.yaml",
        apply_manifest_sha256: "c".repeat(64),
      },
      deployment_intents: [{ node_id: "web", kind: "service", name: "web" }],
      ...members,
    });
}

/** What a compiler issues for the bundle, not sealed yet. */
export function unsealed({ bundleSha256, runId }: Placed, nowMs: number): JsonObject {
  return {
    packet_version: 1,
    run_ref: { tenant_id: "acme", repo_id: "shop", run_id: runId, step_id: "step-1" },
    intent_ref: { intent_id: "intent-1", stable_intent_sha256: intentSha },
    promotion_mode: "live_apply",
    promotion_state: "live_apply",
    patch_hash_sha256: patch,
    touched_paths: ["a.ts"],
    required_tests: [],
    policy_decision_trace: [],
    policy_allow_decision: { allowed: true },
    apply_target_metadata: { deployment_provider: { kind: "kubernetes_apply" } },
    compile_apply_attestation: {
      compile_realization_mode: "scoped_apply",
      applied: true,
      policy_allow_decision: { allowed: true },
      patch_fingerprint_sha256: patch,
    },
    issued_at_ms: nowMs - 1_000,
    bundle_sha256: bundleSha256,
  };
}

export function sealed(packet: JsonObject): JsonObject {
  return { ...packet, packet_signature_sha256: fingerprint(packet) };
}

export interface Signer {
  sign(packet: JsonObject): JsonObject;
  /** As `akc plugin keygen` writes them. */
  readonly publicKey: string;
  readonly privateKey: string;
}

export async function newSigner(): Promise<Signer> {
  const { publicKey, privateKey } = await makeKeyPair();
  return { publicKey, privateKey, sign: (packet) => signedPacket(packet, privateKey).packet };
}

/** Puts the packet in its place, and its digest into the manifest. */
export async function promote(
  world: ScopeWorld,
  { runId }: Placed,
  packet: JsonObject,
  plane: JsonObject = {},
): Promise<void> {
  await world.write(packetPath, JSON.stringify(packet));
  const ref = { path: packetPath, sha256: fingerprint(fromPlain(packet)) };
  const manifest = {
    schema_kind: "run_manifest",
    manifest_version: 1,
    tenant_id: "acme",
    repo_id: "shop",
    run_id: runId,
    control_plane: { promotion_packet_ref: ref, ...plane },
  };
  await world.write(`.akc/run/${runId}.manifest.json`, JSON.stringify(manifest));
}
