/**
 * Judges whether a compile run was promoted to be applied for real: its manifest, and the promotion packet that the manifest names.
 * Looks at both as values and at nothing else; a packet's checksum is no signature, and is never taken for one.
 *
 * Source: spec reconcile §4.3, spec bundle §10; reconcile:W-10, bundle:W-14, W-15.
 */
import * as v from "valibot";
import { member, objectAt, textAt } from "../../bundle/member.ts";
import type { Bundle } from "../../bundle/model.ts";
import { fullLayerReplacement } from "../../bundle/routing.ts";
import type { Issue } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { Numeric, readPart } from "../border.ts";
import { attestationFingerprint, attestationIssues } from "./attestation.ts";
import { type PacketDemands, unmetDemands } from "./packet-demands.ts";
import { sealKey, signaturesKey, without } from "./packet-signature.ts";
import { Allowed, Hex64, hexAt, membersOf, Word } from "./words.ts";

export type PromotedBundle = Pick<Bundle, "scope" | "runId" | "sha256" | "intentRef" | "metadata">;

export interface PacketRef {
  /** Relative to the scope's folder; not checked yet. */
  readonly path: string;
  /** Fingerprint of the packet's JSON, lower case. */
  readonly sha256?: string;
}

const Ref = membersOf({ path: v.pipe(Word, v.nonEmpty("must not be blank")), sha256: v.nullish(Word, "") });
const refPointer = "manifest:/control_plane/promotion_packet_ref";

/** Which packet the compile manifest names; undefined after the reasons were added to `issues`. */
export function packetRefOf(
  manifest: JsonObject,
  bundle: PromotedBundle,
  issues: Issue[],
): PacketRef | undefined {
  addForeignIds(manifest, "manifest:", bundle, issues);
  const named = member(objectAt(manifest, "control_plane"), "promotion_packet_ref");
  const ref = readPart(Ref, named, refPointer, issues);
  if (ref === undefined) return undefined;
  const sha256 = ref.sha256?.toLowerCase() ?? "";
  return sha256 === "" ? { path: ref.path } : { path: ref.path, sha256 };
}

const Packet = membersOf({
  promotion_mode: v.pipe(Word, v.toLowerCase(), v.literal("live_apply", "must be live_apply")),
  policy_allow_decision: Allowed,
  patch_hash_sha256: Hex64,
  packet_signature_sha256: Hex64,
  intent_ref: v.nullish(membersOf({ stable_intent_sha256: v.nullish(Word) })),
  apply_target_metadata: v.nullish(
    membersOf({ deployment_provider: v.nullish(membersOf({ kind: v.nullish(Word) })) }),
  ),
  // Beyond the documented packet: what binds it to one deployment.
  expires_at_ms: v.nullish(Numeric),
  manifest_sha256: v.nullish(Hex64),
  bundle_sha256: v.nullish(Hex64),
});

export interface PacketQuestion {
  readonly packet: JsonValue;
  readonly ref: PacketRef;
  /** The compile manifest that names the packet. */
  readonly manifest: JsonObject;
  readonly bundle: PromotedBundle;
  /** The kind of provider that is really used. */
  readonly kind: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** What is asked of it beyond the documented packet; absent: nothing. */
  readonly demands?: PacketDemands | undefined;
}

/** Every point that the packet leaves open, never only the first; none when it promotes this bundle. */
export function packetIssues(question: PacketQuestion): readonly Issue[] {
  const { packet, ref, manifest, bundle, kind, nowMs, demands } = question;
  const issues: Issue[] = [];
  if (!isJsonObject(packet)) return [{ path: "packet:", message: "must be an object" }];
  readPart(Packet, packet, "packet:", issues);
  const refuse = (path: string, message: string) => issues.push({ path, message });
  if (ref.sha256 !== undefined && !hashesOf(packet).includes(ref.sha256)) {
    refuse(`${refPointer}/sha256`, "is not the fingerprint of the packet");
  }
  const ownHash = hexAt(packet, sealKey);
  if (ownHash !== undefined && !hashesOf(without(packet, [sealKey])).includes(ownHash)) {
    refuse(`packet:/${sealKey}`, "is not the fingerprint of the rest of the packet");
  }
  addForeignIds(objectAt(packet, "run_ref"), "packet:/run_ref", bundle, issues);
  addOtherIntent(packet, bundle, refuse);
  issues.push(...attestationIssues(packet));
  addOtherAttestation(packet, manifest, refuse);
  const target = objectAt(objectAt(packet, "apply_target_metadata"), "deployment_provider");
  const targetKind = textAt(target, "kind");
  if (targetKind !== undefined && targetKind !== kind) {
    refuse("packet:/apply_target_metadata/deployment_provider/kind", `is not ${kind}`);
  }
  const expiresAtMs = asDouble(member(packet, "expires_at_ms"));
  if (expiresAtMs !== undefined && !(nowMs < expiresAtMs)) refuse("packet:/expires_at_ms", "has passed");
  addOtherContent(packet, bundle, refuse);
  if (demands !== undefined) issues.push(...unmetDemands(packet, { manifest, bundle, nowMs }, demands));
  return issues;
}

/** With its signatures and without: it may be signed after the manifest has named it. A signature vouches for itself. */
function hashesOf(packet: JsonObject): readonly string[] {
  const whole = fingerprint(packet);
  if (member(packet, signaturesKey) === undefined) return [whole];
  return [whole, fingerprint(without(packet, [signaturesKey]))];
}

type Refuse = (path: string, message: string) => void;

/** An absent id is as foreign as another one. Foreign ids are never shown. */
function addForeignIds(holder: JsonObject, at: string, bundle: PromotedBundle, issues: Issue[]): void {
  const { scope, runId } = bundle;
  const own = { tenant_id: scope.tenantId, repo_id: scope.repoId, run_id: runId };
  for (const [key, id] of Object.entries(own)) {
    if (member(holder, key) !== id) issues.push({ path: `${at}/${key}`, message: "is not the bundle's" });
  }
}

function addOtherIntent(packet: JsonObject, { intentRef }: PromotedBundle, refuse: Refuse): void {
  const key = "stable_intent_sha256";
  const promoted = textAt(objectAt(packet, "intent_ref"), key)?.toLowerCase();
  const own = textAt(intentRef, key)?.toLowerCase();
  if (promoted === undefined || own === undefined || promoted === own) return;
  refuse(`packet:/intent_ref/${key}`, "is another intent's than the bundle's");
}

/** What the compile run itself says was applied must be what the packet says. */
function addOtherAttestation(packet: JsonObject, manifest: JsonObject, refuse: Refuse): void {
  const key = "compile_apply_attestation";
  const recorded = member(objectAt(manifest, "control_plane"), key) ?? null;
  const claimed = member(packet, key);
  if (recorded === null || !isJsonObject(claimed)) return;
  const same = isJsonObject(recorded) && attestationFingerprint(recorded) === attestationFingerprint(claimed);
  if (!same) refuse(`packet:/${key}`, "is not what the compile manifest records");
}

/** A packet that names the manifest or the bundle it was made for promotes no other. */
function addOtherContent(packet: JsonObject, { sha256, metadata }: PromotedBundle, refuse: Refuse): void {
  const applied = textAt(objectAt(metadata, "deployment_provider"), "apply_manifest_sha256")?.toLowerCase();
  const bound = { manifest_sha256: applied, bundle_sha256: sha256 };
  for (const [key, actual] of Object.entries(bound)) {
    const promoted = hexAt(packet, key);
    if (promoted !== undefined && promoted !== actual) {
      refuse(`packet:/${key}`, "is another one's than that which is to be applied");
    }
  }
}

/**
 * Who replaces a whole layer must be able to go back: point 7 of the gate, which looks at the bundle alone.
 */
export function rollbackIssues({ metadata }: PromotedBundle): readonly Issue[] {
  if (!fullLayerReplacement(metadata)) return [];
  const key = "rollback_apply_manifest_by_desired_hash";
  const manifests = objectAt(objectAt(metadata, "deployment_provider"), key);
  if (Object.keys(manifests).length > 0) return [];
  return [
    {
      path: `/deployment_provider/${key}`,
      message: "must name a manifest: the bundle replaces a whole layer",
    },
  ];
}
