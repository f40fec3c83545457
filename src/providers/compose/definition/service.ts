/**
 * From what `docker compose config --format json` prints to the fields of one service, in the units and the order in which the
 * engine tells them back. Pure; no value of the environment leaves it but as a digest.
 *
 * Source: the Compose specification; `docker inspect` of engines 20.10 to 28.
 */
import { member, objectAt, objectsAt, textAt, textsAt } from "../../../bundle/member.ts";
import { fingerprint, sha256Hex } from "../../../json/fingerprint.ts";
import { compareCodePoints } from "../../../json/order.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import { durationMs } from "./duration.ts";
import { mountsOf } from "./mounts.ts";

export interface ServiceDefinition {
  readonly fields: JsonObject;
  readonly replicas: number;
  /** Runs once and ends: it says `restart: "no"`, or another service waits for its success. */
  readonly job: boolean;
}

/** The names of all services, in order. */
export function servicesOf(config: JsonObject): readonly string[] {
  return Object.keys(objectAt(config, "services")).sort(compareCodePoints);
}

/** @returns undefined when the file has no such service */
export function definitionOf(printed: JsonObject, service: string): ServiceDefinition | undefined {
  const found = member(objectAt(printed, "services"), service);
  if (!isJsonObject(found)) return undefined;
  const config = literal(printed);
  const own = objectAt(objectAt(config, "services"), service);
  const replicas = wholeNumber(objectAt(own, "deploy")["replicas"]) ?? wholeNumber(own["scale"]) ?? 1;
  const project = textAt(config, "name") ?? "";
  return {
    replicas,
    job: own["restart"] === "no" || isAwaited(config, service),
    fields: present({
      project,
      service,
      image: textAt(own, "image") ?? `${project}-${service}`,
      command: filledList(own["command"]),
      entrypoint: filledList(own["entrypoint"]),
      environment: filledObject(environmentOf(objectAt(own, "environment"))),
      ports: filledObject(portsOf(objectsAt(own, "ports"))),
      volumes: filledObject(mountsOf(config, own)),
      networks: networksOf(config, own),
      healthcheck: filledObject(healthcheckOf(objectAt(own, "healthcheck"))),
      restart: restartOf(own),
      user: textAt(own, "user"),
      working_dir: textAt(own, "working_dir"),
      read_only: own["read_only"] === true ? true : undefined,
      privileged: own["privileged"] === true ? true : undefined,
      cap_add: filledList(capabilities(textsAt(own, "cap_add"))),
      cap_drop: filledList(capabilities(textsAt(own, "cap_drop"))),
      memory_bytes: limitOf(own, "mem_limit", "memory", 1),
      nano_cpus: limitOf(own, "cpus", "cpus", 1e9),
      pids: limitOf(own, "pids_limit", "pids", 1),
      labels: filledObject(objectAt(own, "labels")),
      definition: definitionDigest(config, own),
      replicas,
      stopped: 0,
    }),
  };
}

/** How a value of the environment is shown and kept: enough to see that it changed. */
export function valueDigest(name: string, value: string): string {
  return `sha256:${sha256Hex(`${name}=${value}`)}`;
}

/** Upper case without `CAP_`, in order. */
export function capabilities(names: readonly string[]): readonly string[] {
  return names.map((name) => name.toUpperCase().replace(/^CAP_/, "")).sort(compareCodePoints);
}

/** `IP:PUBLISHED` of every binding, by `TARGET/PROTOCOL`. */
export function portsOf(ports: readonly JsonObject[]): JsonObject {
  const bindings = new Map<string, string[]>();
  for (const port of ports) {
    const target = `${textOf(port["target"])}/${textAt(port, "protocol") ?? "tcp"}`;
    const binding = `${textAt(port, "host_ip") ?? ""}:${textOf(port["published"])}`;
    bindings.set(target, [...(bindings.get(target) ?? []), binding].sort(compareCodePoints));
  }
  return Object.fromEntries(bindings);
}

function environmentOf(environment: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value === null ? null : valueDigest(name, textOf(value)),
    ]),
  );
}

/** Absent where the namespace is another container's: only the engine knows its id. */
function networksOf(config: JsonObject, own: JsonObject): readonly string[] | undefined {
  const mode = textAt(own, "network_mode");
  if (mode !== undefined) return /^(service|container):/.test(mode) ? undefined : [mode];
  const declared = objectAt(config, "networks");
  const project = textAt(config, "name") ?? "";
  return Object.keys(objectAt(own, "networks"))
    .map((name) => textAt(objectAt(declared, name), "name") ?? `${project}_${name}`)
    .sort(compareCodePoints);
}

function healthcheckOf(check: JsonObject): JsonObject {
  if (check["disable"] === true) return { test: ["NONE"] };
  return present({
    test: filledList(check["test"]),
    interval_ms: durationMs(check["interval"]),
    timeout_ms: durationMs(check["timeout"]),
    start_period_ms: durationMs(check["start_period"]),
    retries: wholeNumber(check["retries"]),
  });
}

function restartOf(own: JsonObject): string | undefined {
  const restart = textAt(own, "restart");
  if (restart !== undefined) return restart;
  const policy = member(objectAt(own, "deploy"), "restart_policy");
  if (!isJsonObject(policy)) return undefined;
  const attempts = wholeNumber(policy["max_attempts"]) ?? 0;
  switch (textAt(policy, "condition") ?? "any") {
    case "none":
      return "no";
    case "on-failure":
      return attempts > 0 ? `on-failure:${attempts}` : "on-failure";
    default:
      return "always";
  }
}

function limitOf(own: JsonObject, key: string, deployed: string, scale: number): number | undefined {
  const limits = objectAt(objectAt(objectAt(own, "deploy"), "resources"), "limits");
  const limit = numberOf(limits[deployed]) ?? numberOf(own[key]);
  return limit === undefined || limit <= 0 ? undefined : Math.round(limit * scale);
}

function isAwaited(config: JsonObject, service: string): boolean {
  return Object.values(objectAt(config, "services")).some((other) => {
    const needs = isJsonObject(other) ? objectAt(objectAt(other, "depends_on"), service) : {};
    return needs["condition"] === "service_completed_successfully";
  });
}

/** Settings that change no container. */
const outside = new Set(["depends_on", "develop", "profiles", "pull_policy", "scale", "build"]);

/**
 * Digest of all that Compose knows of the service: what has no field of its own is seen to have changed, too. Compose's own
 * hash will not do: `config --hash` leaves out what comes from an `env_file`, the label of a container does not.
 */
function definitionDigest(config: JsonObject, own: JsonObject): string {
  const { replicas: _, ...deploy } = objectAt(own, "deploy");
  const service = Object.fromEntries(Object.entries(own).filter(([key]) => !outside.has(key)));
  const referred = (kind: "configs" | "secrets") =>
    objectsAt(own, kind).map(({ source }) => member(objectAt(config, kind), textOf(source)) ?? null);
  return fingerprint(
    pruned({ ...service, deploy, configs_of: referred("configs"), secrets_of: referred("secrets") }),
  );
}

/** Versions of Compose differ in which empty things they print. */
function pruned(value: JsonValue): JsonValue {
  if (isJsonArray(value)) return value.map(pruned);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([key, one]) => [key, pruned(one)] as const);
  return Object.fromEntries(members.filter(([, one]) => !isEmpty(one)));
}

function isEmpty(value: JsonValue): boolean {
  if (isJsonArray(value)) return value.length === 0;
  return value === null || (isJsonObject(value) && Object.keys(value).length === 0);
}

/** Compose prints a file that could be read in again: each dollar twice. */
function literal(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, literalValue(one)]));
}

function literalValue(value: JsonValue): JsonValue {
  if (typeof value === "string") return value.replaceAll("$$", "$");
  if (isJsonArray(value)) return value.map(literalValue);
  return isJsonObject(value) ? literal(value) : value;
}

/** Without the members that are undefined. */
export function present(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).flatMap(([key, value]): [string, JsonValue][] =>
      value === undefined ? [] : [[key, value]],
    ),
  );
}

export function filledList(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  return isJsonArray(value) && value.length > 0 ? value : undefined;
}

export function filledObject(value: JsonObject): JsonObject | undefined {
  return Object.keys(value).length > 0 ? value : undefined;
}

function numberOf(value: JsonValue | undefined): number | undefined {
  if (typeof value !== "string") return asDouble(value);
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function wholeNumber(value: JsonValue | undefined): number | undefined {
  const number = numberOf(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function textOf(value: JsonValue | undefined): string {
  const number = asDouble(value);
  if (number !== undefined) return String(number);
  return typeof value === "string" || typeof value === "boolean" ? String(value) : "";
}
