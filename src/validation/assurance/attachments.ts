/**
 * Whether the files that validators left beside their answers are still those of the answers. Reads only digests, below the scope.
 *
 * Source: spec reconcile §6.5; reconcile:W-10b.
 */
import { objectsAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { digestOfFile } from "../../system/file-digest.ts";
import { resolveConfined } from "../../system/files.ts";
import type { EvidenceRecord } from "../operational-spec/model.ts";
import { type Finding, finding } from "./finding.ts";

export async function attachmentFindings(
  scopeRoot: string,
  evidence: readonly EvidenceRecord[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { evidence_type: type, payload } of evidence) {
    if (!type.startsWith("akc_")) continue;
    for (const attachment of attachmentsOf(payload)) {
      const found = await attachmentFinding(scopeRoot, textAt(payload, "binding_id") ?? "", attachment);
      if (found !== undefined) findings.push(found);
    }
  }
  return findings;
}

/** Journeys call them artifacts. */
function attachmentsOf(payload: JsonObject): readonly JsonObject[] {
  return [...objectsAt(payload, "attachments"), ...objectsAt(payload, "artifacts")];
}

async function attachmentFinding(
  scopeRoot: string,
  bindingId: string,
  attachment: JsonObject,
): Promise<Finding | undefined> {
  const path = textAt(attachment, "path");
  const expected = textAt(attachment, "sha256")?.toLowerCase();
  if (path === undefined || expected === undefined) return undefined;
  const evidence = { binding_id: bindingId, path, expected };
  let real: string;
  try {
    real = await resolveConfined(scopeRoot, path);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return finding("operational.path_outside", `${bindingId}: ${path} leads outside the scope`, { evidence });
  }
  const found = await digestOfFile(real);
  if (found === undefined) {
    return finding("operational.attachment_missing", `${bindingId}: ${path} is not there`, { evidence });
  }
  if (found.sha256 === expected) return undefined;
  return finding(
    "operational.attachment_tampered",
    `${bindingId}: ${path} is not the file that was recorded`,
    {
      evidence: { ...evidence, found: found.sha256 },
    },
  );
}
