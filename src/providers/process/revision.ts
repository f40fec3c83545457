/**
 * From the settings of a resource to a revision of it: checked against this host, complete in itself but for the program.
 * Looks, and touches nothing; what cannot be done is refused for this resource alone.
 */
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { member } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { toPlain } from "../../json/plain.ts";
import { isJsonObject } from "../../json/value.ts";
import type { ContainmentLevel } from "../../policy/model.ts";
import { findExecutable, fixedPath } from "../../system/executable.ts";
import { resolveConfined } from "../../system/files.ts";
import { atLeast, realPlace, within } from "../../system/sandbox.ts";
import type { DesiredResource, Resolution, Revision } from "../contract.ts";
import { sandboxFault } from "./confinement.ts";
import { fieldsOf } from "./record.ts";
import { readSettings, type ServiceSettings } from "./settings.ts";

export interface Host {
  readonly scopeRoot: string;
  /** Of the bundle; what its relative paths are below. */
  readonly repoRoot: string;
  /** The least that a service must be confined. */
  readonly containment: ContainmentLevel;
}

export async function resolveService(resource: DesiredResource, host: Host): Promise<Resolution> {
  const { resourceId, resourceClass, desiredHash, dependsOn } = resource;
  const refused = (message: string): Resolution => ({ kind: "refused", resourceId, message });
  const wanted = member(resource.settings, "process");
  if (!isJsonObject(wanted))
    return refused("the resource has no `runtime_deployment.process`: nothing says what to run");
  const reading = readSettings(toPlain(wanted));
  if (reading.kind === "faulty") return refused(reading.message);
  const fault = programFault(reading.settings) ?? placesFault(reading.settings, host);
  if (fault !== undefined) return refused(fault);
  const folder = await workdirOf(reading.settings, host);
  if (folder.kind === "refused") return refused(folder.message);
  const { workdir: _, ...rest } = reading.settings;
  const fields = fieldsOf(folder.path === undefined ? rest : { ...rest, workdir: folder.path });
  return {
    kind: "resolved",
    revision: {
      resourceId,
      resourceClass,
      desiredHash,
      dependsOn,
      snapshot: { settings: fields },
      fields,
      replicas: reading.settings.replicas,
    },
  };
}

/** @throws AkcError PROVIDER_FAILED for a snapshot of another provider or of a later akc */
export function settingsOf({ snapshot, resourceId }: Revision): ServiceSettings {
  const kept = member(snapshot, "settings");
  const reading = readSettings(isJsonObject(kept) ? toPlain(kept) : undefined);
  if (reading.kind === "read") return reading.settings;
  throw new AkcError("PROVIDER_FAILED", {
    message: "the kept revision is not one of a process",
    details: { resourceId, why: reading.message, retryable: false },
  });
}

/** Undefined when the program can be found. */
export function programFault({ command: [program = ""] }: ServiceSettings): string | undefined {
  switch (findExecutable(program).kind) {
    case "found":
      return undefined;
    case "missing":
      return `there is no program ${program} on this host (looked up in ${fixedPath})`;
    case "relative":
      return `command: "${program}" must be absolute, or a name without a slash`;
  }
}

function placesFault(settings: ServiceSettings, { scopeRoot, containment }: Host): string | undefined {
  if (!atLeast(settings.sandbox.level, containment))
    return `sandbox.level "${settings.sandbox.level}" is less than the operator demands (${containment})`;
  return sandboxFault(settings, scopeRoot);
}

type Workdir =
  /** No path: a folder of its own. */
  | { readonly kind: "folder"; readonly path?: string }
  | { readonly kind: "refused"; readonly message: string };

async function workdirOf({ workdir }: ServiceSettings, { scopeRoot, repoRoot }: Host): Promise<Workdir> {
  if (workdir === undefined) return { kind: "folder" };
  const path = await confined(workdir, scopeRoot, repoRoot);
  if (path === undefined)
    return {
      kind: "refused",
      message: `workdir: ${workdir} leads out of the bundle's repository and of the scope`,
    };
  return isFolder(path)
    ? { kind: "folder", path }
    : { kind: "refused", message: `workdir: there is no folder ${workdir}` };
}

async function confined(workdir: string, scopeRoot: string, repoRoot: string): Promise<string | undefined> {
  if (isAbsolute(workdir)) {
    const place = realPlace(workdir);
    return [repoRoot, scopeRoot].some((root) => within(place, realPlace(root))) ? place : undefined;
  }
  try {
    return await resolveConfined(repoRoot, workdir);
  } catch (cause) {
    if (cause instanceof AkcError) return undefined;
    throw cause;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
