/**
 * From what a plugin was granted to what the kernel is told: paths, ports, sockets, resources, environment.
 * Opens nothing that was not granted but what programs need to run at all; refuses where the kernel could not hold it.
 *
 * Source: landlock(7); docs/plugin-protocol.md, "What a plugin can reach"
 */
import { statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { ContainmentLevel } from "../policy/model.ts";
import { fixedPath } from "../system/executable.ts";
import { landlockAbi, landlockAbiOfTcp, type PathRule, type TcpPorts } from "../system/landlock.ts";
import type { ResourceLimits } from "../system/rlimits.ts";
import {
  atLeast,
  type Confinement,
  readable,
  realPlace,
  systemDevices,
  systemFolders,
  systemSettings,
  within,
} from "../system/sandbox.ts";
import type { FoundPlugin, Granted } from "./contract.ts";
import { isName, parseNetGrant } from "./net-grant.ts";
import { interpretersOf, type Program, programNamed } from "./runtime.ts";

export interface ConfinementInput {
  readonly plugin: FoundPlugin;
  readonly granted: Granted;
  readonly program: Program;
  readonly workdir: string;
  /** Absolute paths that stay closed whatever is granted: the state database, evidence. */
  readonly closed: readonly string[];
  /** The strongest that this host can give. */
  readonly level: ContainmentLevel;
}

/** Undefined below the level `landlock`. @throws AkcError CONTAINMENT_UNAVAILABLE */
export function confinementOf(input: ConfinementInput): Confinement | undefined {
  const { granted, level } = input;
  if (!atLeast(level, granted.containment)) {
    throw unavailable(`the operator wants ${granted.containment}, and this host has ${level}`);
  }
  if (level !== "landlock") return undefined;
  const net = networkOf(granted);
  if (typeof net.tcp === "object" && landlockAbi() < landlockAbiOfTcp && granted.containment === "landlock") {
    throw unavailable(
      "this kernel cannot open single ports: Linux 6.7 can. Without `net` a plugin may still ask akc to fetch",
    );
  }
  return { paths: pathsOf(input), ...net };
}

function pathsOf({
  plugin,
  granted,
  program,
  workdir,
  closed: places,
}: ConfinementInput): readonly PathRule[] {
  const closed = places.map(realPlace);
  const rules: PathRule[] = [];
  const look = (path: string) => rules.push(...readable(realPlace(path), closed, "look"));
  for (const path of systemFolders) look(path);
  for (const path of systemSettings) rules.push({ path, access: "look", optional: true });
  for (const path of systemDevices) rules.push({ path, access: "device", optional: true });
  for (const path of [plugin.root, ...program.reads, ...granted.read]) look(path);
  const started = granted.toolsOnly === true ? [] : granted.run;
  const granting = started.flatMap((name) => (isAbsolute(name) ? [realPlace(name)] : [programNamed(name)]));
  const executed = [...program.executables, ...granting, ...granting.flatMap(interpretersOf)];
  for (const path of [...loaders, ...executed]) rules.push(...readable(realPlace(path), closed, "read"));
  for (const path of granted.write) {
    const place = realPlace(path);
    const inside = closed.find((one) => within(one, place) || within(place, one));
    if (inside !== undefined)
      throw unavailable(`${place} is granted for writing, and ${inside} must stay closed`);
    rules.push({ path: place, access: "change", optional: true });
  }
  rules.push({ path: workdir, access: "change" });
  return rules;
}

/** What the kernel executes for a program that is linked against libraries: itself, it only maps them. */
const loaders = [
  "/lib64/ld-linux-x86-64.so.2",
  "/lib/ld-linux-aarch64.so.1",
  "/lib/ld-musl-x86_64.so.1",
  "/lib/ld-musl-aarch64.so.1",
];

/** Landlock knows ports and no hosts: a granted port is open to every host. */
function networkOf(granted: Granted): Pick<Confinement, "tcp" | "sockets"> {
  const unix = granted.write.some(isSocket);
  const net = granted.requestsOnly === true ? [] : granted.net.flatMap((text) => parseNetGrant(text) ?? []);
  if (net.length === 0) return { tcp: false, sockets: { datagrams: false, unix } };
  const ports = net.flatMap(({ port }) => (port === "*" ? [] : [port]));
  const all = ports.length < net.length;
  const tcp: true | TcpPorts = all ? true : { connect: [...new Set(ports)], bind: [] };
  // Names are looked up over UDP.
  return { tcp, sockets: { datagrams: all || net.some(({ host }) => isName(host)), unix } };
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}

/** Above what a plugin may use, so that whoever grows too slowly to be missed meets the watch first, and gets its name right. */
const memorySlackBytes = 512 * 1024 * 1024;

/** Undefined at the level `none`. */
export function resourcesOf({
  plugin,
  level,
}: Pick<ConfinementInput, "plugin" | "level">): ResourceLimits | undefined {
  if (level === "none") return undefined;
  return {
    openFiles: limits.rlimitOpenFiles,
    processes: limits.pluginRlimitProcesses,
    fileBytes: limits.rlimitFileBytes,
    dataBytes: plugin.manifest.limits.memoryBytes + memorySlackBytes,
  };
}

/** Made from nothing: what was granted by name, then what cannot be changed by it. */
export function environmentOf(
  { granted, program, workdir }: Pick<ConfinementInput, "granted" | "program" | "workdir">,
  own: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const name of granted.env) {
    const value = own[name];
    if (value !== undefined) env[name] = value;
  }
  return {
    ...env,
    PATH: fixedPath,
    HOME: workdir,
    TMPDIR: join(workdir, "tmp"),
    LANG: "C.UTF-8",
    ...program.env,
  };
}

function unavailable(why: string): AkcError {
  return new AkcError("CONTAINMENT_UNAVAILABLE", { details: { why } });
}
