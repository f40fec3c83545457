/**
 * The word for why a promotion does not count, from the points that speak against it: the documented words first, in the documented
 * order. It reads where a point lies and never what its message says. Pure.
 *
 * Source: spec cli §14.7, §18.7; spec bundle §10.3.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import type { Issue } from "../../errors.ts";
import { isJsonObject } from "../../json/value.ts";
import { hexAt } from "../../policy/deployment/words.ts";
import type { Promotion } from "../../run/deployment/promotion.ts";

export interface PromotionReason {
  readonly reason: string;
  /** The point that the word is for. */
  readonly issue: Issue;
}

/** @param found with at least one issue */
export function promotionReason(found: Promotion): PromotionReason {
  const { issues } = found;
  for (const { at, word } of words) {
    const issue = issues.find(({ path }) => at.test(path));
    if (issue !== undefined) return { reason: word(issue, found), issue };
  }
  const [issue = { path: "packet:", message: "is not valid" }] = issues;
  return { reason: "promotion_packet_invalid", issue };
}

const ref = "manifest:/control_plane/promotion_packet_ref";
const attestation = "packet:/compile_apply_attestation";

interface Word {
  readonly at: RegExp;
  word(issue: Issue, found: Promotion): string;
}

const words: readonly Word[] = [
  { at: /^manifest:$/, word: () => "compile_manifest_unreadable" },
  { at: new RegExp(`^${ref}$`), word: () => "missing_promotion_packet_ref" },
  {
    at: new RegExp(`^${ref}/path$`),
    word: (_, found) => (hasPath(found) ? "promotion_packet_unreadable" : "empty_promotion_packet_ref.path"),
  },
  { at: /^(packet:\/promotion_mode|manifest:\/control_plane\/promotion_mode)$/, word: modeWord },
  {
    at: new RegExp(`^${attestation}(/|$)`),
    word: (issue, found) => `compile_apply_denied:${attestationWord(issue, found)}`,
  },
  {
    at: /^(packet:\/policy_allow_decision(\/|$)|manifest:\/control_plane\/promotion_policy_allow$)/,
    word: () => "promotion_policy_not_allowed",
  },
  { at: /^packet:\/(expires_at_ms|issued_at_ms)$/, word: () => "promotion_packet_expired" },
  {
    at: /^(manifest:\/(tenant_id|repo_id|run_id)|packet:\/(run_ref\/|intent_ref|bundle_sha256|manifest_sha256).*)$/,
    word: () => "promotion_packet_of_another_run",
  },
  {
    at: /^packet:\/signatures$/,
    word: (_, { packet = {} }) =>
      member(packet, "signatures") === undefined
        ? "promotion_packet_unsigned"
        : "promotion_signature_invalid",
  },
  {
    at: new RegExp(`^(${ref}/sha256|packet:/packet_signature_sha256)$`),
    word: () => "promotion_packet_hash_mismatch",
  },
  { at: /^packet:\/apply_target_metadata/, word: () => "promotion_provider_kind_mismatch" },
  { at: /^\/deployment_provider\//, word: () => "rollback_manifests_missing" },
];

function hasPath({ manifest = {} }: Promotion): boolean {
  return textAt(objectAt(objectAt(manifest, "control_plane"), "promotion_packet_ref"), "path") !== undefined;
}

/** What a packet says is data: only a plain word of it becomes part of a reason. */
function modeWord({ path }: Issue, { packet = {}, manifest = {} }: Promotion): string {
  const holder = path.startsWith("packet:") ? packet : objectAt(manifest, "control_plane");
  const mode = textAt(holder, "promotion_mode")?.toLowerCase() ?? "missing";
  return `promotion_mode_not_live_apply:${/^[a-z0-9_-]{1,40}$/.test(mode) ? mode : "unknown"}`;
}

/** The codes of spec bundle §10.3. */
function attestationWord({ path }: Issue, { packet = {} }: Promotion): string {
  const claimed = member(packet, "compile_apply_attestation");
  const below = path.slice(attestation.length);
  if (below === "") return isJsonObject(claimed) ? "CAA_MANIFEST_MISMATCH" : "CAA_MISSING";
  if (below.startsWith("/patch_fingerprint_sha256")) {
    const isHash = isJsonObject(claimed) && hexAt(claimed, "patch_fingerprint_sha256") !== undefined;
    return isHash ? "CAA_PATCH_MISMATCH" : "CAA_PATCH_FP_INVALID";
  }
  if (below.startsWith("/compile_realization_mode")) return "CAA_MODE_INVALID";
  return below.startsWith("/applied") ? "CAA_NOT_APPLIED" : "CAA_POLICY_DENIED";
}
