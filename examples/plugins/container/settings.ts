/**
 * What the operator allows, and what a step asks for: read once, held against each other.
 */
import { failed, type Json, type JsonMap } from "akc/sdk";

export interface Allowed {
  readonly engine: string;
  readonly images: readonly string[];
  readonly networks: readonly string[];
  readonly pull: string;
  readonly memoryMb: number;
  readonly pids: number;
  readonly cpus: number;
  readonly outputBytes: number;
  readonly keepMinutes: number;
}

/** The manifest's `config` has seen to the types. */
export function allowedOf(config: JsonMap): Allowed {
  return {
    engine: String(config["engine"]),
    images: textsOf(config["images"]) ?? [],
    networks: textsOf(config["networks"]) ?? [],
    pull: String(config["pull"]),
    memoryMb: Number(config["memory_mb"]),
    pids: Number(config["pids"]),
    cpus: Number(config["cpus"]),
    outputBytes: Number(config["output_bytes"]),
    keepMinutes: Number(config["keep_minutes"]),
  };
}

export interface Order {
  readonly image: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly network: string;
  /** Whether the action's working directory is at /work, and how. */
  readonly workdir: "none" | "read" | "write";
}

/** @throws PluginError when the step asks for what is not allowed, or wrongly */
export function orderOf(settings: JsonMap, allowed: Allowed): Order {
  const { image, env = {}, network = "none", workdir = "none" } = settings;
  const [program, ...rest] = textsOf(settings["argv"]) ?? [];
  if (program === undefined) throw wrong("argv must be a list of texts, the program first");
  if (typeof image !== "string" || !/^[a-z0-9][\w./:@-]*$/i.test(image))
    throw wrong("image must be an image's name");
  if (!allowed.images.some((pattern) => matches(pattern, image))) {
    throw failed(`the operator does not allow the image ${image}`, { code: "IMAGE_NOT_ALLOWED" });
  }
  if (typeof network !== "string" || !allowed.networks.includes(network)) {
    throw failed("the operator does not allow this network", { code: "NETWORK_NOT_ALLOWED" });
  }
  if (workdir !== "none" && workdir !== "read" && workdir !== "write") {
    throw wrong("workdir must be none, read or write");
  }
  return { image, argv: [program, ...rest], env: envOf(env), network, workdir };
}

function matches(pattern: string, image: string): boolean {
  return pattern.endsWith("*") ? image.startsWith(pattern.slice(0, -1)) : image === pattern;
}

function envOf(env: Json): Readonly<Record<string, string>> {
  if (typeof env !== "object" || env === null || Array.isArray(env))
    throw wrong("env must be a map of texts");
  const entries = Object.entries<Json>(env).map(([name, value]): [string, string] => {
    if (!/^[A-Za-z_]\w*$/.test(name) || typeof value !== "string") throw wrong("env must be a map of texts");
    return [name, value];
  });
  return Object.fromEntries(entries);
}

function textsOf(value: Json | undefined): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = value.filter((item: Json) => typeof item === "string");
  return texts.length === value.length ? texts : undefined;
}

function wrong(message: string) {
  return failed(message, { code: "SETTINGS_INVALID" });
}
