/**
 * Which role takes a step, and what that role may use: tools, files, network.
 * It only says what is granted; policy decides about actions and the adapters confine them.
 *
 * Source: spec kernel §12.3, §12.9, §17 (network truth table).
 */

import { sortedUnique } from "./code-point.ts";
import type { CoordinationSpec, FilesystemScope, Orchestration } from "./model.ts";
import { isConfinedPath } from "./parse-governance.ts";

/** The role of steps that no orchestration step and no binding gives one. */
const defaultRole = "coordination";

export interface RoleIsolation {
  readonly filesystemScope?: FilesystemScope;
  /** Sorted, distinct. Empty without governance. */
  readonly allowedTools: readonly string[];
  readonly allowNetwork: boolean;
}

/** The orchestration's role of a step, else that of the first binding which lists it. */
export function roleFinder(
  spec: CoordinationSpec,
  orchestration: Orchestration | undefined,
): (stepId: string) => string {
  const bound = new Map<string, string>();
  for (const { roleName, stepIds } of spec.bindings) {
    for (const stepId of stepIds) if (!bound.has(stepId)) bound.set(stepId, roleName);
  }
  return (stepId) => orchestration?.steps.get(stepId)?.role ?? bound.get(stepId) ?? defaultRole;
}

export function isolationOf(
  spec: CoordinationSpec,
  role: string,
  envelopeAllowNetwork: boolean,
): RoleIsolation {
  const { governance } = spec;
  if (governance === undefined) return { allowedTools: [], allowNetwork: envelopeAllowNetwork };
  const profile = governance.roleProfiles.get(role);
  const allowNetwork = effectiveNetwork(
    envelopeAllowNetwork,
    governance.executionAllowNetwork,
    profile?.executionAllowNetwork ?? null,
  );
  if (profile === undefined) {
    const tools = spec.roles.find(({ name }) => name === role)?.tools ?? [];
    return { filesystemScope: unprofiledScope, allowedTools: sortedUnique(tools), allowNetwork };
  }
  const { allowedTools, filesystemScope } = profile;
  return filesystemScope === undefined
    ? { allowedTools, allowNetwork }
    : { filesystemScope, allowedTools, allowNetwork };
}

/** null inherits, so only the envelope can grant and each of the others can only refuse. */
export function effectiveNetwork(
  envelope: boolean,
  governance: boolean | null,
  role: boolean | null,
): boolean {
  return envelope && governance !== false && role !== false;
}

/** Whether a role id may be the name of a folder. Known before the run, not when its first process starts (kernel:W-16). */
export function isSafeRoleId(role: string): boolean {
  return role !== "." && !/[/\\]/.test(role) && !role.includes("..") && isConfinedPath(role);
}

const unprofiledScope: FilesystemScope = { readOnlyRoots: ["."], scratchSubdir: "scratch" };
