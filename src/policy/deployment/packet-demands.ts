/**
 * What may be asked of a promotion packet beyond what is documented of it: that it is bound to the intent and not old, that the compile
 * manifest says the same, and that somebody has signed it. Looks at values alone, and takes nothing that is missing for granted.
 *
 * Source: spec cli §14.7 gates 1 and 3, spec bundle §10; bundle:W-14, W-15, cli:W-12.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import type { Issue } from "../../errors.ts";
import { asDouble, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { type PacketKey, signatureIssues } from "./packet-signature.ts";
import type { PromotedBundle } from "./promotion.ts";

export interface PacketDemands {
  /** How long after it was issued it holds; absent: as long as it says itself. */
  readonly maxAgeMs?: number | undefined;
  /** It must be signed by one of these, and name the bundle by its hash: a signature that binds no content vouches for none. */
  readonly signedBy?: readonly PacketKey[] | undefined;
}

export interface DemandFacts {
  readonly manifest: JsonObject;
  readonly bundle: PromotedBundle;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Every demand that is not met, never only the first. */
export function unmetDemands(
  packet: JsonObject,
  { manifest, bundle, nowMs }: DemandFacts,
  { maxAgeMs, signedBy }: PacketDemands,
): readonly Issue[] {
  const issues: Issue[] = [];
  const refuse = (path: string, message: string) => issues.push({ path, message });
  const plane = objectAt(manifest, "control_plane");
  const mode = member(plane, "promotion_mode") ?? null;
  if (mode !== null && textAt(plane, "promotion_mode")?.toLowerCase() !== "live_apply") {
    refuse("manifest:/control_plane/promotion_mode", "must be live_apply");
  }
  if ((member(plane, "promotion_policy_allow") ?? true) !== true) {
    refuse("manifest:/control_plane/promotion_policy_allow", "must be true");
  }
  for (const key of ["intent_id", "stable_intent_sha256"]) {
    const own = textAt(bundle.intentRef, key)?.toLowerCase();
    const promoted = textAt(objectAt(packet, "intent_ref"), key)?.toLowerCase();
    // A bundle of no intent cannot be of another one; a packet of none speaks for no bundle that has one.
    if (own !== undefined && own !== promoted)
      refuse(`packet:/intent_ref/${key}`, "is not that of the bundle's intent");
  }
  if (maxAgeMs !== undefined) {
    const issuedAtMs = asDouble(member(packet, "issued_at_ms"));
    const at = "packet:/issued_at_ms";
    if (issuedAtMs === undefined)
      refuse(at, "must be a number of milliseconds: the packet may be only so old");
    else if (issuedAtMs > nowMs + limits.promotionClockSkewMs) refuse(at, "is yet to come");
    else if (nowMs - issuedAtMs > maxAgeMs) refuse(at, "is longer ago than a packet may be old");
  }
  if (signedBy === undefined) return issues;
  if (textAt(packet, "bundle_sha256")?.toLowerCase() !== bundle.sha256) {
    refuse("packet:/bundle_sha256", "must name the bundle: what is signed binds its content");
  }
  return [...issues, ...signatureIssues(packet, signedBy)];
}
