/**
 * Reads the compile manifest and the promotion packet that it names, and refuses a deployment that they do not promote. Reads below
 * the scope's folder and nowhere else, and changes nothing.
 *
 * Source: spec reconcile §4.3; reconcile:W-10, W-11, bundle:W-16.
 */
import { AkcError, type Issue } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
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
}

/** @throws AkcError PROMOTION_REFUSED with every unmet point: pointers into the bundle, `manifest:/…` or `packet:/…` */
export async function refuseUnpromoted(input: PromotionInput): Promise<void> {
  const { bundle, kind } = input;
  const manifestPath = `.akc/run/${bundle.runId}.manifest.json`;
  const issues = [...rollbackIssues(bundle), ...(await unmetOnDisk(input, manifestPath))];
  if (issues.length === 0) return;
  throw new AkcError("PROMOTION_REFUSED", {
    details: { provider: kind, manifest: manifestPath, issueCount: issues.length },
    issues: issues.slice(0, limits.issuesShownMax),
  });
}

async function unmetOnDisk(
  { bundle, kind, scopeRoot, nowMs }: PromotionInput,
  manifestPath: string,
): Promise<readonly Issue[]> {
  const manifest = await readBelow(scopeRoot, manifestPath, limits.jsonTextBytesMax);
  if (manifest.kind === "faulty") return [{ path: "manifest:", message: manifest.why }];
  if (!isJsonObject(manifest.value)) return [{ path: "manifest:", message: "must be an object" }];
  const issues: Issue[] = [];
  const ref = packetRefOf(manifest.value, bundle, issues);
  if (ref === undefined) return issues;
  const packet = await readBelow(scopeRoot, ref.path, limits.promotionPacketBytesMax);
  if (packet.kind === "faulty") {
    const path = "manifest:/control_plane/promotion_packet_ref/path";
    return [...issues, { path, message: `names a packet that cannot be read: ${packet.why}` }];
  }
  const question = { packet: packet.value, ref, manifest: manifest.value, bundle, kind, nowMs };
  return [...issues, ...packetIssues(question)];
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
