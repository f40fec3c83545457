/**
 * Changes one service of a project and nothing beside it: applies a revision, or takes away what bears the mark. Compares before
 * it sets, and leaves alone whatever akc has not made.
 *
 * Source: spec reconcile §4.6, §4.10; W-02, W-17.
 */
import { textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import { resolveConfined } from "../../system/files.ts";
import type { Change, Deletion } from "../contract.ts";
import { type Docker, type DockerCall, failedCall, saysOnlyGone } from "./docker.ts";
import { look } from "./look.ts";
import { withLaidOut } from "./manifest.ts";
import {
  changeDigest,
  composeLabels,
  countFields,
  fieldsDigest,
  labels,
  markFile,
  type ServiceMark,
} from "./marks.ts";
import { readSnapshot } from "./snapshot.ts";
import type { Container } from "./standing/containers.ts";
import { bearsMark, type SeenService, type ServiceStanding, standingOf } from "./standing/standing.ts";

export interface ChangeDeps {
  readonly docker: Docker;
  readonly repoRoot: string;
  /** `tenant/repo` */
  readonly scope: string;
  readonly clock: Clock;
}

/** @throws AkcError PROVIDER_CONFLICT, PROVIDER_NOT_OWNED, PROVIDER_FAILED, TOOL_MISSING, TOOL_TIMEOUT, CANCELLED, PATH_UNSAFE */
export async function applyChange(change: Change, deps: ChangeDeps, signal: AbortSignal): Promise<void> {
  const within = budget(deps.clock, signal);
  const { revision, mark } = change;
  const snapshot = readSnapshot(revision.snapshot);
  const { project, service, job } = snapshot;
  const workingDir = await resolveConfined(deps.repoRoot, snapshot.workingDir);
  const wanted = { desiredHash: revision.desiredHash, fields: revision.fields, replicas: revision.replicas };
  const seen = await look(deps.docker, new Set([project]), within());
  const found = standingOf(mark.scope, { resourceId: mark.resourceId, project, service, job, wanted }, seen);
  refuseForeign(found.standing, change, service);
  const differing = differingFields(found, revision.fields);
  if (isOwned(found.standing) && differing.length === 0) return;
  refuseMoved(found, change, service);
  // Compose takes "none at all" of a service that it is to start for a fault.
  if (revision.replicas === 0) return await remove(found.containers, deps.docker, within);

  const digest = fieldsDigest(revision.fields);
  const stay = found.containers.filter((container) => container.service === service);
  const isMade = stay.length > 0 && stay.every((container) => container.labels[labels.fields] === digest);
  const serviceMark = isMade ? markKept(stay, change) : markOf(change);
  // Compose compares only what it was told when it made a container; what was changed by hand since then it does not see.
  const isBent = isMade && differing.some((field) => !countFields.has(field));
  const isStuck = stay.some(({ status }) => ["paused", "dead", "removing"].includes(status));
  const override = markFile(service, serviceMark);
  const { files } = snapshot;
  await withLaidOut({ project, workingDir, files, override }, async ({ folder, args }) => {
    const up = ["up", "--detach", "--no-deps", ...(isBent || isStuck ? ["--force-recreate"] : []), service];
    // What stood for the resource under another service of the project gives way, and so does what Compose would not take for
    // its own work: either may hold the port or the name.
    const inTheWay = found.containers.filter(
      (container) =>
        container.service !== service || container.labels[composeLabels.configHash] === undefined,
    );
    await remove(inTheWay, deps.docker, within);
    const end = await deps.docker.run([...args, ...up], within());
    if (end.exitCode !== 0) throw failedCall(`docker compose up of the service ${service}`, end, folder);
  });
}

/** What is gone already is no error. @throws AkcError PROVIDER_CONFLICT, PROVIDER_FAILED, TOOL_MISSING, TOOL_TIMEOUT, CANCELLED */
export async function deleteService(
  { resource, mark, expectedVersion }: Deletion,
  project: string,
  deps: ChangeDeps,
  signal: AbortSignal,
): Promise<void> {
  const within = budget(deps.clock, signal);
  const service = textAt(resource.handle, "service");
  const sought = {
    resourceId: mark.resourceId,
    project: textAt(resource.handle, "project") ?? project,
    ...(service === undefined ? {} : { service }),
    job: false,
  };
  const seen = await look(deps.docker, new Set([sought.project]), within());
  const found = standingOf(mark.scope, sought, seen);
  const marked = found.containers.filter((container) => bearsMark(container, mark.scope, mark.resourceId));
  if (marked.length === 0) return;
  const { standing } = found;
  if (expectedVersion !== null && standing.kind === "present" && standing.version !== expectedVersion) {
    throw conflict(service ?? resource.resourceId, expectedVersion, standing.version);
  }
  await remove(marked, deps.docker, within);
}

/** Stopped as their definition says first: `rm --force` alone would kill them. Volumes and networks stay. */
async function remove(
  containers: readonly Container[],
  docker: Docker,
  within: () => DockerCall,
): Promise<void> {
  if (containers.length === 0) return;
  const ids = containers.map(({ id }) => id);
  const stop = await docker.run(["stop", "--", ...ids], within());
  if (!saysOnlyGone(stop)) throw failedCall("docker stop", stop);
  const removal = await docker.run(["rm", "--force", "--", ...ids], within());
  if (!saysOnlyGone(removal)) throw failedCall("docker rm", removal);
}

function isOwned(standing: ServiceStanding): boolean {
  return standing.kind === "present" && standing.owner === "akc";
}

function refuseForeign(standing: ServiceStanding, { adopt, mark }: Change, service: string): void {
  if (standing.kind === "absent" || standing.owner === "akc" || adopt) return;
  throw new AkcError("PROVIDER_NOT_OWNED", {
    message: `containers of the service ${service} stand that do not bear the mark of ${mark.scope}`,
    details: { service, resource: mark.resourceId, handle: standing.handle },
  });
}

/** A try of this very change that was cut off has moved the world itself, and goes on. */
function refuseMoved({ standing, containers }: SeenService, change: Change, service: string): void {
  const version = standing.kind === "present" ? standing.version : null;
  if (version === change.expectedVersion) return;
  const own = changeDigest(change.idempotencyKey);
  if (containers.some((container) => container.labels[labels.change] === own)) return;
  throw conflict(service, change.expectedVersion, version);
}

function conflict(service: string, expected: string | null, found: string | null): AkcError {
  return new AkcError("PROVIDER_CONFLICT", {
    message: `the service ${service} is not as it was when the change was planned`,
    details: { service, expected: expected ?? "absent", found: found ?? "absent" },
  });
}

/** Names of the fields at the top that are not as they should be. */
function differingFields({ standing, comparable }: SeenService, fields: JsonObject): readonly string[] {
  if (standing.kind === "absent") return Object.keys(fields);
  const wanted = comparable ?? fields;
  const names = new Set([...Object.keys(wanted), ...Object.keys(standing.fields)]);
  const text = (from: JsonObject, name: string) => canonicalJson(from[name] ?? null);
  return [...names].filter((name) => text(wanted, name) !== text(standing.fields, name));
}

function markOf({ revision, mark, idempotencyKey }: Change): ServiceMark {
  return {
    scope: mark.scope,
    resourceId: mark.resourceId,
    resourceClass: revision.resourceClass,
    desiredHash: mark.desiredHash,
    definition: textAt(revision.fields, "definition") ?? "",
    fieldsDigest: fieldsDigest(revision.fields),
    changeDigest: changeDigest(idempotencyKey),
  };
}

/** Another mark would be another label, and for another label Compose makes every container anew. */
function markKept(containers: readonly Container[], change: Change): ServiceMark {
  const mark = markOf(change);
  const [first] = containers;
  const desiredHash = first?.labels[labels.desiredHash];
  const ofChange = first?.labels[labels.change];
  const resourceClass = first?.labels[labels.resourceClass];
  if (desiredHash === undefined || ofChange === undefined || resourceClass === undefined) return mark;
  return { ...mark, desiredHash, changeDigest: ofChange, resourceClass };
}

/** What is left of the time for one change, for each command anew. */
function budget(clock: Clock, signal: AbortSignal): () => DockerCall {
  const endMs = clock.monotonicMs() + limits.providerChangeMsMax;
  return () => ({ signal, timeoutMs: endMs - clock.monotonicMs() });
}
