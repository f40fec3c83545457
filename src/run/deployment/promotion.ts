/**
 * Reads the compile manifest and the promotion packet that it names, and refuses a deployment that they do not promote. Reads below
 * the scope's folder and nowhere else, and changes nothing.
 *
 * Source: spec reconcile §4.3; reconcile:W-10, W-11, bundle:W-16.
 */
import { AkcError, type Issue } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { PacketDemands } from "../../policy/deployment/packet-demands.ts";
import {
  type PromotedBundle,
  packetIssues,
  packetRefOf,
  rollbackIssues,
} from "../../policy/deployment/promotion.ts";
import { errnoOf, readFileBounded, resolveConfined } from "../../system/files.ts";

export interface PromotionInput {
  readonly bundle: PromotedBundle;
  /** The kind of provider that is really used. */
  readonly kind: string;
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** What is asked of the packet beyond what is documented of it; absent: nothing. */
  readonly demands?: PacketDemands | undefined;
}

/** @throws AkcError PROMOTION_REFUSED with every unmet point: pointers into the bundle, `manifest:/…` or `packet:/…` */
export async function refuseUnpromoted(input: PromotionInput): Promise<void> {
  const { issues } = await weighPromotion(input);
  if (issues.length === 0) return;
  throw new AkcError("PROMOTION_REFUSED", {
    details: {
      provider: input.kind,
      manifest: manifestPathOf(input.bundle),
      issueCount: issues.length,
    },
    issues: issues.slice(0, limits.issuesShownMax),
  });
}

/** What speaks for a promotion, and everything that speaks against it. */
export interface Promotion {
  /** Every unmet point; none when the bundle is promoted. */
  readonly issues: readonly Issue[];
  /** As they are on disk; absent where there is none that can be read. */
  readonly manifest?: JsonObject;
  readonly packet?: JsonObject;
}

/** Reads the manifest and the packet and judges them. Throws for neither: what cannot be read is a point against it. */
export async function weighPromotion(input: PromotionInput): Promise<Promotion> {
  const { bundle, kind, scopeRoot, nowMs, demands } = input;
  const issues: Issue[] = [...rollbackIssues(bundle)];
  const manifest = await readBelow(scopeRoot, manifestPathOf(bundle), limits.jsonTextBytesMax);
  const against = (path: string, message: string) => [...issues, { path, message }];
  if (manifest.kind === "faulty") {
    return { issues: against("manifest:", `${manifestPathOf(bundle)} cannot be read: ${manifest.why}`) };
  }
  if (!isJsonObject(manifest.value)) return { issues: against("manifest:", "must be an object") };
  const found = { manifest: manifest.value };
  const ref = packetRefOf(found.manifest, bundle, issues);
  if (ref === undefined) return { ...found, issues };
  const packet = await readBelow(scopeRoot, ref.path, limits.promotionPacketBytesMax);
  if (packet.kind === "faulty") {
    const path = "manifest:/control_plane/promotion_packet_ref/path";
    return { ...found, issues: against(path, `names a packet that cannot be read: ${packet.why}`) };
  }
  const question = { packet: packet.value, ref, manifest: found.manifest, bundle, kind, nowMs, demands };
  return {
    ...found,
    ...(isJsonObject(packet.value) ? { packet: packet.value } : {}),
    issues: [...issues, ...packetIssues(question)],
  };
}

function manifestPathOf({ runId }: PromotedBundle): string {
  return `.akc/run/${runId}.manifest.json`;
}

type Document =
  | { readonly kind: "read"; readonly value: JsonValue }
  | { readonly kind: "faulty"; readonly why: string };

/** What cannot be read promotes nothing, for whatever reason: absent, a link that leads outside, too large, no JSON. */
async function readBelow(root: string, relative: string, bytesMax: number): Promise<Document> {
  try {
    const path = await resolveConfined(root, relative);
    return { kind: "read", value: parseJson(await readFileBounded(path, bytesMax)) };
  } catch (cause) {
    if (cause instanceof AkcError) return { kind: "faulty", why: cause.message };
    const errno = errnoOf(cause);
    if (errno === undefined) throw cause;
    return { kind: "faulty", why: errno === "ENOENT" ? "the scope's folder does not exist" : errno };
  }
}
