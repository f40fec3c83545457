/**
 * Which bundle a file holds: its fingerprint as `--bundle-sha256` takes it, and whose it is. It checks no more than that; whether it may
 * be run is asked elsewhere.
 */
import { isIdentifier } from "../../bundle/identifier.ts";
import { textAt } from "../../bundle/member.ts";
import { readDocument } from "../../bundle/read-document.ts";
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { isJsonObject } from "../../json/value.ts";
import { readBundleSource } from "../../run/bundle-files.ts";
import { type ScopeId, scopeName } from "../model.ts";

export interface BundleIdentity {
  readonly sha256: string;
  readonly runId: string;
  readonly scope: ScopeId;
}

/** @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE, JSON_…, BUNDLE_NOT_OBJECT, BUNDLE_INVALID where it does not say whose it is */
export async function bundleIdentity(path: string): Promise<BundleIdentity> {
  const document = readDocument(await readBundleSource(path));
  if (!isJsonObject(document)) throw new AkcError("BUNDLE_NOT_OBJECT", { details: { path } });
  const named = ["tenant_id", "repo_id", "run_id"].map((key) => [key, textAt(document, key)] as const);
  const issues = named.flatMap(([key, text]) =>
    text !== undefined && isIdentifier(text) ? [] : [{ path: `/${key}`, message: "must be an identifier" }],
  );
  if (issues.length > 0) throw new AkcError("BUNDLE_INVALID", { issues, details: { path } });
  const [tenantId = "", repoId = "", runId = ""] = named.map(([, text]) => text);
  return { sha256: fingerprint(document), runId, scope: { tenantId, repoId } };
}

/** @throws AkcError BUNDLE_SCOPE_MISMATCH where the bundle at the path is not the scope's */
export function refuseForeign(path: string, found: ScopeId, scope: ScopeId): void {
  if (scopeName(found) === scopeName(scope)) return;
  throw new AkcError("BUNDLE_SCOPE_MISMATCH", {
    message: "the bundle is another scope's",
    hint: "Offer each scope its own bundles.",
    details: { path, expected: scopeName(scope) },
  });
}
