/**
 * What stands of one resource, from the containers that were seen: whose they are, how they differ, how well they do. Pure.
 * A container that bears no mark of this scope is somebody else's, and then so is the service.
 */
import { canonicalJson } from "../../../json/canonical.ts";
import { fingerprint } from "../../../json/fingerprint.ts";
import { compareCodePoints } from "../../../json/order.ts";
import type { JsonObject } from "../../../json/value.ts";
import type { HealthCondition, Standing } from "../../contract.ts";
import { composeLabels, fieldsDigest, labels } from "../marks.ts";
import type { Container, ImageDefaults, Inspected } from "./containers.ts";
import { containerFields } from "./fields.ts";
import { conditionsOf, copiesOf, serviceHealth } from "./health.ts";

/** Where a resource stands and how it is to stand; only what is known. */
export interface Sought {
  readonly resourceId: string;
  readonly project: string;
  /** Absent: only what bears the resource's mark. */
  readonly service?: string;
  readonly job: boolean;
  readonly wanted?: {
    readonly desiredHash: string;
    readonly fields: JsonObject;
    readonly replicas: number | undefined;
  };
}

export type ServiceStanding = Extract<Standing, { kind: "absent" | "present" }>;

export interface SeenService {
  readonly standing: ServiceStanding;
  /** In place of the revision's fields: what can be compared where a container bears no mark. */
  readonly comparable?: JsonObject;
  /** All of them, those of its service first. */
  readonly containers: readonly Container[];
}

/** The containers of a resource: those of its service, and those that bear its mark under another service of the project. */
function containersOf(
  scope: string,
  { resourceId, project, service }: Sought,
  seen: readonly Container[],
): readonly Container[] {
  const inProject = seen.filter(
    (container) =>
      // Containers of `docker compose run` are nobody's copies.
      container.project === project && container.labels[composeLabels.oneoff]?.toLowerCase() !== "true",
  );
  const isMarked = (container: Container) => bearsMark(container, scope, resourceId);
  const ofService = inProject.filter((container) => container.service === service);
  const moved = inProject.filter((container) => container.service !== service && isMarked(container));
  return [...ofService, ...moved].sort(
    (one, other) =>
      Number(one.service !== service) - Number(other.service !== service) ||
      compareCodePoints(one.name, other.name),
  );
}

export function bearsMark(container: Container, scope: string, resourceId?: string): boolean {
  if (container.labels[labels.scope] !== scope) return false;
  return resourceId === undefined || container.labels[labels.resource] === resourceId;
}

/** @param probed conditions of the probes; one that is false makes a healthy service a degraded one */
export function standingOf(
  scope: string,
  sought: Sought,
  seen: Inspected,
  probed: readonly HealthCondition[] = [],
): SeenService {
  const containers = containersOf(scope, sought, seen.containers);
  const { wanted, job, project } = sought;
  const service = sought.service ?? containers[0]?.service ?? sought.resourceId;
  const handle = { project, service };
  if (containers.length === 0) {
    if (wanted?.replicas !== 0) return { standing: { kind: "absent" }, containers };
    const nothing = {
      kind: "present" as const,
      owner: "akc" as const,
      markedHash: wanted.desiredHash,
      version: versionOf([]),
      fields: wanted.fields,
      health: "healthy" as const,
      conditions: [],
      copies: copiesOf([], job, () => true),
      handle,
    };
    return { standing: nothing, containers };
  }
  const isOwned = containers.every((container) => bearsMark(container, scope));
  const comparable = isOwned || wanted === undefined ? undefined : withoutDigest(wanted.fields);
  const isOnlyWatched = wanted !== undefined && Object.keys(wanted.fields).length === 0;
  const fields = isOnlyWatched
    ? wanted.fields
    : fieldsOf(containers, seen.images, comparable ?? wanted?.fields ?? {}, job);
  const markedHash = isOwned ? markedHashOf(containers, wanted) : undefined;
  const { health, message } = serviceHealth(containers, job, wanted?.replicas);
  const failedProbe = probed.find(({ status }) => status === "false");
  const isProbedDown = health === "healthy" && failedProbe !== undefined;
  const words = isProbedDown ? probeWords(failedProbe) : message;
  const digest = wanted === undefined ? undefined : fieldsDigest(wanted.fields);
  return {
    standing: {
      kind: "present",
      owner: isOwned ? "akc" : "other",
      ...(markedHash === undefined ? {} : { markedHash }),
      version: versionOf(containers),
      fields,
      health: isProbedDown ? "degraded" : health,
      ...(words === undefined ? {} : { message: words }),
      conditions: [...conditionsOf(containers, job), ...probed],
      copies: copiesOf(containers, job, (container) => container.labels[labels.fields] === digest),
      handle,
    },
    ...(comparable === undefined ? {} : { comparable }),
    containers,
  };
}

/**
 * Labels cannot be changed while a container lives. Where another intent makes the very same fields, the containers are left
 * running, and count as what was asked for.
 */
function markedHashOf(containers: readonly Container[], wanted: Sought["wanted"]): string | undefined {
  const digest = wanted === undefined ? undefined : fieldsDigest(wanted.fields);
  const others = containers.filter((container) => container.labels[labels.fields] !== digest);
  if (wanted !== undefined && others.length === 0) return wanted.desiredHash;
  return (others[0] ?? containers[0])?.labels[labels.desiredHash];
}

/** Only marks tell which definition a container was made from. */
function withoutDigest(fields: JsonObject): JsonObject {
  const { definition: _, ...rest } = fields;
  return rest;
}

/** Field by field what the containers agree in; where they do not, what the first one has that is not as wanted. */
function fieldsOf(
  containers: readonly Container[],
  images: ReadonlyMap<string, ImageDefaults>,
  wanted: JsonObject,
  job: boolean,
): JsonObject {
  const each = containers.map((container): JsonObject => {
    const fields = containerFields(container, images.get(container.imageId), wanted);
    if (!Object.hasOwn(wanted, "definition")) return fields;
    return { ...fields, definition: container.labels[labels.definition] ?? null };
  });
  const names = new Set(each.flatMap((fields) => Object.keys(fields)));
  const merged: Record<string, JsonObject[string]> = {};
  for (const name of names) {
    const isAsWanted = (fields: JsonObject) => canonicalText(fields, name) === canonicalText(wanted, name);
    const value = (each.find((fields) => !isAsWanted(fields)) ?? each[0])?.[name];
    if (value !== undefined) merged[name] = value;
  }
  return {
    ...merged,
    replicas: containers.length,
    stopped: containers.filter((container) => !stands(container, job)).length,
  };
}

function canonicalText(fields: JsonObject, name: string): string | undefined {
  const value = fields[name];
  return value === undefined ? undefined : canonicalJson(value);
}

/** Not whether it is well: only whether it runs, or has done what it was there for. */
function stands({ status, exitCode }: Container, job: boolean): boolean {
  if (status === "running" || status === "restarting") return true;
  return job && status === "exited" && exitCode === 0;
}

/** Over all that can change while a container lives; everything else changes its id. */
function versionOf(containers: readonly Container[]): string {
  const rows = containers.map(({ id, name, status, exitCode, host, networks }) => ({
    id,
    name,
    // A container that is restarted comes and goes; that is its health, not another version.
    state: status === "restarting" ? "running" : status === "exited" ? `exited:${exitCode}` : status,
    restart: host["RestartPolicy"] ?? null,
    memory: host["Memory"] ?? null,
    nano_cpus: host["NanoCpus"] ?? null,
    pids: host["PidsLimit"] ?? null,
    networks: [...networks].sort(compareCodePoints),
  }));
  rows.sort((one, other) => compareCodePoints(one.id, other.id));
  return fingerprint(rows);
}

function probeWords({ type, reason, message }: HealthCondition): string {
  return [type, reason, message].filter((word) => word !== undefined).join(" ");
}
