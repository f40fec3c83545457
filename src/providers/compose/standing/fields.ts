/**
 * The fields of a container as it stands, in the shape of its service's definition, so that what was applied and left alone
 * differs in nothing. Pure. What a container has only of its image is left out, as the definition leaves it out.
 *
 * Source: W-19; `docker inspect` of engines 20.10 to 28.
 */
import { member, objectAt, objectsAt, textAt, textsAt } from "../../../bundle/member.ts";
import { canonicalJson } from "../../../json/canonical.ts";
import { compareCodePoints } from "../../../json/order.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import { mountText, place } from "../definition/mounts.ts";
import {
  capabilities,
  filledList,
  filledObject,
  portsOf,
  present,
  valueDigest,
} from "../definition/service.ts";
import { markPrefix } from "../marks.ts";
import type { Container, ImageDefaults } from "./containers.ts";

/**
 * @param image of the container; without it nobody knows what came from there, so only what is wanted is compared
 * @param wanted the fields of the definition: says which of the image's defaults are its own, too
 */
export function containerFields(
  container: Container,
  image: ImageDefaults | undefined,
  wanted: JsonObject,
): JsonObject {
  const { config, host } = container;
  const own = new Inherited(image, wanted);
  return present({
    project: container.project,
    service: container.service,
    image: textAt(config, "Image"),
    command: own.list("command", config["Cmd"], "Cmd"),
    entrypoint: own.list("entrypoint", config["Entrypoint"], "Entrypoint"),
    environment: own.members("environment", environmentOf(textsAt(config, "Env")), imageEnvironment(image)),
    ports: filledObject(bindingsOf(objectAt(host, "PortBindings"))),
    volumes: filledObject(mountsOf(container, objectAt(wanted, "volumes"))),
    networks: Object.hasOwn(wanted, "networks") ? [...container.networks].sort(compareCodePoints) : undefined,
    healthcheck: healthcheckOf(config, image, wanted),
    restart: restartOf(objectAt(host, "RestartPolicy"), wanted),
    user: own.text("user", textAt(config, "User"), "User"),
    working_dir: own.text("working_dir", textAt(config, "WorkingDir"), "WorkingDir"),
    read_only: host["ReadonlyRootfs"] === true ? true : undefined,
    privileged: host["Privileged"] === true ? true : undefined,
    cap_add: filledList(capabilities(textsAt(host, "CapAdd"))),
    cap_drop: filledList(capabilities(textsAt(host, "CapDrop"))),
    memory_bytes: positive(host["Memory"]),
    nano_cpus: positive(host["NanoCpus"]),
    pids: positive(host["PidsLimit"]),
    labels: own.members("labels", ownLabels(container.labels), objectAt(image?.config ?? {}, "Labels")),
  });
}

/** What may come from the image where the definition is silent. */
class Inherited {
  readonly #image: JsonObject | undefined;
  readonly #wanted: JsonObject;

  constructor(image: ImageDefaults | undefined, wanted: JsonObject) {
    this.#image = image?.config;
    this.#wanted = wanted;
  }

  text(field: string, found: string | undefined, imageKey: string): string | undefined {
    if (Object.hasOwn(this.#wanted, field)) return found;
    return this.#image === undefined || found === textAt(this.#image, imageKey) ? undefined : found;
  }

  list(field: string, value: JsonValue | undefined, imageKey: string): readonly JsonValue[] | undefined {
    const found = filledList(value);
    if (Object.hasOwn(this.#wanted, field)) return found;
    if (this.#image === undefined || found === undefined) return undefined;
    return canonicalJson(found) === canonicalJson(this.#image[imageKey] ?? null) ? undefined : found;
  }

  /** Each member for itself: those that are wanted, and those that are neither wanted nor the image's. */
  members(field: string, found: JsonObject, ofImage: JsonObject): JsonObject | undefined {
    const wanted = objectAt(this.#wanted, field);
    const kept = Object.entries(found).filter(
      ([name, value]) =>
        Object.hasOwn(wanted, name) || (this.#image !== undefined && member(ofImage, name) !== value),
    );
    // A variable that is handed on but not set is there for some versions of Compose and absent for others.
    const unset = Object.entries(wanted).filter(
      ([name, value]) => value === null && !Object.hasOwn(found, name),
    );
    return filledObject(Object.fromEntries([...kept, ...unset]));
  }
}

/** Compose hands the client's own proxy settings to every container. */
const proxyNames = /^(https?|ftp|no|all)_proxy$/i;

function environmentOf(rows: readonly string[]): JsonObject {
  return Object.fromEntries(
    rows.flatMap((row): [string, string | null][] => {
      const split = row.indexOf("=");
      const name = split < 0 ? row : row.slice(0, split);
      if (proxyNames.test(name)) return [];
      return [[name, split < 0 ? null : valueDigest(name, row.slice(split + 1))]];
    }),
  );
}

function imageEnvironment(image: ImageDefaults | undefined): JsonObject {
  return environmentOf(textsAt(image?.config ?? {}, "Env"));
}

function ownLabels(labels: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(
    Object.entries(labels).filter(
      ([name]) => !name.startsWith("com.docker.compose.") && !name.startsWith(markPrefix),
    ),
  );
}

function bindingsOf(bindings: JsonObject): JsonObject {
  return portsOf(
    Object.keys(bindings).flatMap((key) => {
      const [target = "", protocol = "tcp"] = key.split("/");
      return objectsAt(bindings, key).map(({ HostIp, HostPort }) => ({
        target,
        protocol,
        host_ip: HostIp ?? "",
        published: HostPort ?? "",
      }));
    }),
  );
}

/** Name of a volume that the engine has made up. */
const madeUp = /^[0-9a-f]{64}$/;

function mountsOf({ host, mounts }: Container, wanted: JsonObject): JsonObject {
  // Then some are another container's.
  const borrows = isJsonArray(host["VolumesFrom"]) && host["VolumesFrom"].length > 0;
  return Object.fromEntries(
    mounts.flatMap((mount): [string, string][] => {
      const kind = textAt(mount, "Type");
      if (kind !== "bind" && kind !== "volume") return [];
      const source = textAt(mount, kind === "bind" ? "Source" : "Name") ?? "";
      const target = place(textAt(mount, "Destination") ?? "");
      const isWanted = Object.hasOwn(wanted, target);
      if (!isWanted && (borrows || (kind === "volume" && madeUp.test(source)))) return [];
      // Where the engine runs in a machine of its own, it sees the host's folders below this one.
      const shown = kind === "bind" ? place(source.replace(/^\/host_mnt(?=\/)/, "")) : source;
      return [[target, mountText(kind, shown, mount["RW"] === false ? "ro" : "rw")]];
    }),
  );
}

function healthcheckOf(
  config: JsonObject,
  image: ImageDefaults | undefined,
  wanted: JsonObject,
): JsonObject | undefined {
  const found = member(config, "Healthcheck");
  if (!isJsonObject(found)) return undefined;
  const check: JsonObject = present({
    test: filledList(found["Test"]),
    interval_ms: milliseconds(found["Interval"]),
    timeout_ms: milliseconds(found["Timeout"]),
    start_period_ms: milliseconds(found["StartPeriod"]),
    retries: positive(found["Retries"]),
  });
  if (Object.hasOwn(wanted, "healthcheck")) {
    const asked = objectAt(wanted, "healthcheck");
    // A zero is not told apart from nothing by the engine.
    const zeros = Object.entries(asked).filter(([key, value]) => value === 0 && !Object.hasOwn(check, key));
    const kept = Object.entries(check).filter(([key]) => Object.hasOwn(asked, key) || image === undefined);
    return filledObject(Object.fromEntries([...kept, ...zeros]));
  }
  if (image === undefined) return undefined;
  const inherited = canonicalJson(image.config["Healthcheck"] ?? null) === canonicalJson(found);
  return inherited ? undefined : check;
}

function restartOf(policy: JsonObject, wanted: JsonObject): string | undefined {
  const name = textAt(policy, "Name") ?? "no";
  // Engines differ in whether they tell "no" from nothing.
  if (name === "no") return wanted["restart"] === "no" ? "no" : undefined;
  const attempts = asDouble(policy["MaximumRetryCount"]) ?? 0;
  return attempts > 0 ? `${name}:${attempts}` : name;
}

function milliseconds(nanoseconds: JsonValue | undefined): number | undefined {
  const count = positive(nanoseconds);
  return count === undefined ? undefined : Math.round(count / 1e6);
}

function positive(value: JsonValue | undefined): number | undefined {
  const number = asDouble(value);
  return number === undefined || number <= 0 ? undefined : number;
}
