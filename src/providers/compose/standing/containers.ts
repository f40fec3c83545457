/**
 * Reads what `docker ps` and `docker inspect` print into containers and the defaults of their images. Pure, and forgiving of
 * nothing: what is not understood is an error, never an absence.
 *
 * Source: docker-ps(1), docker-inspect(1); W-20.
 */
import { listAt, member, objectAt, textAt } from "../../../bundle/member.ts";
import { AkcError } from "../../../errors.ts";
import { parseJson } from "../../../json/read.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import { composeLabels } from "../marks.ts";

/** One row of `docker ps`. */
export interface ListedContainer {
  readonly id: string;
  readonly image: string;
  readonly project: string;
}

/** Go template of one such row, in one line. */
export const listFormat = [
  '{"id":{{json .ID}}',
  '"image":{{json .Image}}',
  `"project":{{json (.Label "${composeLabels.project}")}}}`,
].join(",");

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly project: string;
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly status: string;
  readonly exitCode: number;
  /** Why it could not be started; empty if it could. */
  readonly startError: string;
  readonly oomKilled: boolean;
  readonly restarts: number;
  /** `starting`, `healthy`, `unhealthy`; absent without a check. */
  readonly health?: string;
  /** When it began or ended last, milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** As inspected. */
  readonly config: JsonObject;
  readonly host: JsonObject;
  readonly mounts: readonly JsonObject[];
  readonly networks: readonly string[];
}

/** What a container has of its image where its definition says nothing. */
export interface ImageDefaults {
  readonly id: string;
  readonly config: JsonObject;
}

export interface Inspected {
  readonly containers: readonly Container[];
  readonly images: ReadonlyMap<string, ImageDefaults>;
}

/** @throws AkcError PROVIDER_FAILED */
export function readList(text: string): readonly ListedContainer[] {
  return jsonRows(text).map((row) => {
    const id = textAt(row, "id");
    if (id === undefined) throw notUnderstood("a row of `docker ps` has no id");
    return { id, image: textAt(row, "image") ?? "", project: textAt(row, "project") ?? "" };
  });
}

/** Containers and images in any order; anything else that bears an asked name is left out. @throws AkcError PROVIDER_FAILED */
export function readInspect(text: string): Inspected {
  const containers: Container[] = [];
  const images = new Map<string, ImageDefaults>();
  for (const row of jsonRows(text)) {
    const id = textAt(row, "Id");
    if (id === undefined) continue;
    if (isJsonObject(member(row, "State")) && isJsonObject(member(row, "HostConfig"))) {
      containers.push(containerOf(id, row));
    } else if (isJsonObject(member(row, "RootFS"))) {
      images.set(id, { id, config: objectAt(row, "Config") });
    }
  }
  return { containers, images };
}

/**
 * The objects of a JSON array or of one JSON text a line: the command lines of containers print either, by their version.
 * @throws AkcError PROVIDER_FAILED
 */
export function jsonRows(text: string): readonly JsonObject[] {
  const trimmed = text.trim();
  if (trimmed === "") return [];
  const values = trimmed.startsWith("[") ? parsed(trimmed) : trimmed.split("\n").map(parsed);
  if (!isJsonArray(values)) throw notUnderstood("docker printed no list");
  return values.map((value) => {
    if (!isJsonObject(value)) throw notUnderstood("docker printed something else than objects");
    return value;
  });
}

function parsed(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw notUnderstood("docker printed no JSON", cause);
  }
}

function notUnderstood(message: string, cause?: unknown): AkcError {
  return new AkcError("PROVIDER_FAILED", {
    message,
    details: { tool: "docker", reason: "not_understood", retryable: false },
    ...(cause === undefined ? {} : { cause }),
  });
}

function containerOf(id: string, row: JsonObject): Container {
  const state = objectAt(row, "State");
  const config = objectAt(row, "Config");
  const labels = textsOf(objectAt(config, "Labels"));
  const status = textAt(state, "Status");
  if (status === undefined) throw notUnderstood("an inspected container has no state");
  const health = textAt(objectAt(state, "Health"), "Status");
  const sinceMs = timeMs(textAt(state, status === "exited" ? "FinishedAt" : "StartedAt"));
  return {
    id,
    name: (textAt(row, "Name") ?? id).replace(/^\//, ""),
    imageId: textAt(row, "Image") ?? "",
    project: labels[composeLabels.project] ?? "",
    service: labels[composeLabels.service] ?? "",
    labels,
    status: status.toLowerCase(),
    exitCode: asDouble(state["ExitCode"]) ?? 0,
    startError: textAt(state, "Error") ?? "",
    oomKilled: state["OOMKilled"] === true,
    restarts: asDouble(row["RestartCount"]) ?? 0,
    ...(health === undefined || health === "none" ? {} : { health }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    config,
    host: objectAt(row, "HostConfig"),
    mounts: listAt(row, "Mounts").filter(isJsonObject),
    networks: Object.keys(objectAt(objectAt(row, "NetworkSettings"), "Networks")),
  };
}

/** The members that are strings. */
function textsOf(object: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(object).flatMap(([key, value]): [string, string][] =>
      typeof value === "string" ? [[key, value]] : [],
    ),
  );
}

/** The engine's zero time is the year 1. */
function timeMs(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isFinite(time) && time > 0 ? time : undefined;
}
