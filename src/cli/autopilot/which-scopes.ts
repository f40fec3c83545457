/** Which scopes a command about the autopilot means: by tenant and repository, by `--scope`, or all. Reads names only. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AutopilotStore } from "../../autopilot/contract.ts";
import { type ScopeId, scopeName } from "../../autopilot/model.ts";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { printable } from "../render/text.ts";

export const scopeArgs = {
  tenantId: { type: "string", valueHint: "ID", description: "The scope's tenant." },
  repoId: { type: "string", valueHint: "ID", description: "The scope's repository." },
  scope: { type: "string", valueHint: "TENANT/REPO", description: "The same as one word." },
} as const;

export interface ScopeFlags {
  readonly tenantId?: string | undefined;
  readonly repoId?: string | undefined;
  readonly scope?: string | undefined;
}

/** What the flags say, each part that they say being a name that can be one. @throws AkcError USAGE */
export function namedScope({ tenantId, repoId, scope }: ScopeFlags): Partial<ScopeId> {
  if (scope !== undefined) {
    if (tenantId !== undefined || repoId !== undefined) {
      throw new AkcError("USAGE", {
        message: "--scope says what --tenant-id and --repo-id say",
        hint: "Use one of them.",
      });
    }
    const [tenant, repo, ...more] = scope.split("/");
    if (
      tenant === undefined ||
      repo === undefined ||
      more.length > 0 ||
      !isIdentifier(tenant) ||
      !isIdentifier(repo)
    ) {
      throw new AkcError("USAGE", {
        message: `--scope cannot be "${printable(scope)}"`,
        hint: "It is TENANT/REPO, such as acme/shop.",
      });
    }
    return { tenantId: tenant, repoId: repo };
  }
  for (const [flag, id] of [
    ["--tenant-id", tenantId],
    ["--repo-id", repoId],
  ] as const) {
    if (id !== undefined && !isIdentifier(id)) {
      throw new AkcError("USAGE", { message: `${flag} cannot be "${printable(id)}"` });
    }
  }
  return { ...(tenantId === undefined ? {} : { tenantId }), ...(repoId === undefined ? {} : { repoId }) };
}

export function isMeant(named: Partial<ScopeId>, { tenantId, repoId }: ScopeId): boolean {
  return (named.tenantId ?? tenantId) === tenantId && (named.repoId ?? repoId) === repoId;
}

/** Whether something was put there, be it by a compiler; the autopilot need not have seen it yet. */
export function hasFolder(outputsRoot: string, { tenantId, repoId }: ScopeId): boolean {
  return existsSync(join(outputsRoot, tenantId, repoId));
}

/**
 * The scopes that a word is said to: one that is known, or with `all` every known one.
 * @throws AkcError USAGE; AUTOPILOT_SCOPE_UNKNOWN with those that are known
 */
export async function scopesMeant(
  store: Pick<AutopilotStore, "scopes">,
  flags: ScopeFlags,
  all: boolean,
): Promise<readonly ScopeId[]> {
  const named = namedScope(flags);
  const isNamed = named.tenantId !== undefined || named.repoId !== undefined;
  if (all && isNamed) throw new AkcError("USAGE", { message: "--all and a scope exclude each other" });
  const known = await store.scopes();
  if (all) {
    if (known.length > 0) return known;
    throw new AkcError("AUTOPILOT_SCOPE_UNKNOWN", { message: "the autopilot knows no scope here" });
  }
  const { tenantId, repoId } = named;
  if (tenantId === undefined || repoId === undefined) {
    throw new AkcError("USAGE", {
      message: "no scope is named",
      hint: "Name one: --tenant-id ID --repo-id ID, or --scope TENANT/REPO.",
      details: { known: knownWords(known) },
    });
  }
  const meant = { tenantId, repoId };
  const found = known.find((scope) => isMeant(meant, scope));
  if (found !== undefined) return [found];
  throw new AkcError("AUTOPILOT_SCOPE_UNKNOWN", {
    details: { scope: scopeName(meant), known: knownWords(known) },
  });
}

const shownMax = 20;

/** For the details of a fault; undefined where there is none to name. */
export function knownWords(known: readonly ScopeId[]): readonly string[] | undefined {
  return known.length === 0 ? undefined : known.slice(0, shownMax).map(scopeName);
}
