/**
 * What a binding needs of this host, and what of it is not there. Looks and asks nobody: no tool is started, no host called, and
 * of a secret only whether it can be had is told.
 */
import { existsSync } from "node:fs";
import { AkcError } from "../../errors.ts";
import type { PlacedPlugin } from "../../plugin-host/contract.ts";
import { grantsOf } from "../../plugin-host/grants.ts";
import { netAllows } from "../../plugin-host/net-grant.ts";
import { readSecret } from "../../plugin-host/secrets.ts";
import type { OperatorPolicy } from "../../policy/model.ts";
import { urlAllowed } from "../../policy/url-pattern.ts";
import { judgedKinds } from "../../run/validators.ts";
import { findExecutable } from "../../system/executable.ts";
import { type Binding, builtinKinds } from "../../validation/bindings/model.ts";
import type { Environment } from "../io.ts";
import { whyOf } from "../plugin/plugin-view.ts";

export interface Needs {
  /** Programs: names, or absolute paths. */
  readonly tools: readonly string[];
  /** `host:port` */
  readonly hosts: readonly string[];
  readonly secrets: readonly string[];
  readonly files: readonly string[];
  /** Plugins that judge its kind, in whatever state; none for what akc judges itself. */
  readonly plugins: readonly string[];
}

export interface Missing {
  readonly what: "validator" | "grant" | "tool" | "secret" | "file";
  readonly name: string;
  readonly why: string;
}

export interface Host {
  readonly plugins: readonly PlacedPlugin[];
  readonly operator: OperatorPolicy | undefined;
  readonly env: Environment;
}

const builtin: readonly string[] = builtinKinds;

export function needsOf(
  { kind, settings, secrets, paths }: Binding,
  plugins: readonly PlacedPlugin[],
): Needs {
  const url = typeof settings["url"] === "string" ? URL.parse(settings["url"]) : null;
  const authority = settings["tls_ca_file"];
  return {
    tools: toolsOf(kind, settings),
    hosts: url === null || url.host === "" ? [] : [hostOf(url)],
    secrets,
    files: [...paths.map(({ path }) => path), ...(typeof authority === "string" ? [authority] : [])],
    plugins: builtin.includes(kind)
      ? []
      : [...new Set(judging(kind, plugins).map(({ manifest }) => manifest.id))],
  };
}

export async function missingOf(binding: Binding, needs: Needs, host: Host): Promise<readonly Missing[]> {
  const missing: Missing[] = [];
  const { kind } = binding;
  if (!builtin.includes(kind)) {
    const able = judging(kind, host.plugins);
    const ready = able.find(({ state }) => state.kind === "ready");
    if (ready === undefined) missing.push({ what: "validator", name: kind, why: whyNobody(able) });
    else missing.push(...missingGrants(ready, binding, needs, host));
  }
  for (const name of needs.tools) {
    if (findExecutable(name).kind !== "found") missing.push({ what: "tool", name, why: "not on this host" });
  }
  for (const name of needs.secrets) {
    const why = await whyNoSecret(name, binding.settings["url"], host);
    if (why !== undefined) missing.push({ what: "secret", name, why });
  }
  for (const name of needs.files) {
    if (!existsSync(name)) missing.push({ what: "file", name, why: "not there" });
  }
  return missing;
}

function whyNobody([refused]: readonly PlacedPlugin[]): string {
  if (refused === undefined) return "no plugin judges it";
  const { manifest, state } = refused;
  return `${manifest.id} is ${state.kind} (${whyOf(state)}); see \`akc plugin inspect ${manifest.id}\``;
}

/** What a plugin asks akc to fetch must be asked for in its manifest, and granted by the operator. */
function missingGrants(
  { manifest, source }: PlacedPlugin,
  { settings: { url } }: Binding,
  { hosts }: Needs,
  { operator }: Host,
): readonly Missing[] {
  const [asked] = hosts;
  if (typeof url !== "string" || asked === undefined) return [];
  const { net } = grantsOf(manifest, operator, undefined, { embedded: source.kind === "embedded" });
  if (netAllows(net, url)) return [];
  const why = netAllows(manifest.permissions.net, url)
    ? `the operator's policy does not grant it to ${manifest.id}`
    : `${manifest.id} does not ask for it under permissions.net of its plugin.yaml`;
  return [{ what: "grant", name: `net ${asked}`, why }];
}

async function whyNoSecret(name: string, url: unknown, { operator, env }: Host): Promise<string | undefined> {
  const sources = operator?.plugins?.secrets;
  const source = sources?.get(name);
  if (source === undefined) return "the operator's policy does not say where it is";
  const lists = { allowlist: source.sendTo ?? [], narrowedBy: [] };
  if (typeof url !== "string" || !urlAllowed(lists, url)) return "its `send_to` does not let it go there";
  try {
    await readSecret(name, sources, env);
    return undefined;
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return "env" in source ? `${source.env} is not set` : `${source.file} cannot be read, or is empty`;
  }
}

function toolsOf(kind: string, { argv }: Binding["settings"]): readonly string[] {
  switch (kind) {
    case "maestro_flow":
      return ["maestro"];
    case "android_helper":
      return ["adb"];
    case "ios_simulator_helper":
      return ["xcrun"];
    case "command": {
      const [program] = Array.isArray(argv) ? argv : [];
      return typeof program === "string" ? [program] : [];
    }
    default:
      return [];
  }
}

function hostOf({ protocol, hostname, port }: URL): string {
  const usual = protocol === "http:" ? "80" : "443";
  return `${hostname}:${port === "" ? usual : port}`;
}

function judging(kind: string, plugins: readonly PlacedPlugin[]): readonly PlacedPlugin[] {
  return plugins.filter((plugin) => judgedKinds([plugin]).includes(kind));
}
