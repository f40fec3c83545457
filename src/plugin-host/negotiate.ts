/**
 * The first call of a conversation: which major and which features both speak, and what the plugin offers.
 * A plugin may offer less than its manifest says, never more and never something else.
 *
 * Source: docs/plugin-protocol.md, "initialize"
 */
import * as v from "valibot";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import {
  adapterCapabilities,
  type Feature,
  features,
  type InitializeParams,
  type InitializeResult,
  type Json,
  type JsonMap,
  type Offers,
  protocolMajors,
  providerCapabilities,
} from "../sdk/protocol.ts";
import { AKC_VERSION } from "../version.ts";
import type { Granted, PluginManifest } from "./contract.ts";

export interface Negotiated {
  readonly protocol: number;
  readonly features: readonly Feature[];
  readonly offers: Offers;
}

/** @throws AkcError PLUGIN_PROTOCOL_UNSUPPORTED before anything is started. */
export function majorsFor({ api, id }: PluginManifest): readonly number[] {
  const majors = protocolMajors.filter((major) => major >= api.min && major <= api.max);
  if (majors.length > 0) return majors;
  throw new AkcError("PLUGIN_PROTOCOL_UNSUPPORTED", {
    details: { plugin: id, plugins: `${api.min} to ${api.max}`, akcs: protocolMajors.join(", ") },
  });
}

export function initializeParams(
  manifest: PluginManifest,
  granted: Granted,
  config: JsonMap,
  workdir: string,
): InitializeParams {
  const refused: readonly Feature[] = [
    ...(granted.net.length === 0 ? (["fetch"] as const) : []),
    ...(granted.secrets.length === 0 ? (["secrets"] as const) : []),
    ...(granted.run.length === 0 ? (["run"] as const) : []),
  ];
  return {
    protocol: { majors: majorsFor(manifest) },
    host: { name: "akc", version: AKC_VERSION },
    plugin: { id: manifest.id, version: manifest.version },
    config,
    features: features.filter((feature) => !refused.includes(feature)),
    limits: {
      message_bytes: manifest.limits.messageBytes,
      output_window_bytes: outputWindowBytes(manifest),
      stop_ms: manifest.limits.stopMs,
      concurrency: manifest.limits.concurrency,
    },
    workdir,
  };
}

/** Output in base64 must fit into a message, so a plugin with small messages gets a small window too. */
export function outputWindowBytes({ limits: { messageBytes } }: PluginManifest): number {
  return Math.min(limits.pluginOutputWindowBytes, Math.max(messageBytes, limits.pluginMessageBytesMin));
}

const Id = v.pipe(v.string(), v.maxLength(limits.idLengthMax));
const list = <Item extends string>(items: readonly Item[]) => v.array(v.picklist(items));
const offersOf = <Shape extends v.ObjectEntries>(shape: Shape) =>
  v.exactOptional(v.record(Id, v.object(shape)));

const Result = v.object({
  protocol: v.number(),
  plugin: v.object({ id: v.string(), version: v.string() }),
  features: v.array(v.string()),
  offers: v.object({
    adapters: offersOf({ capabilities: list(adapterCapabilities) }),
    providers: offersOf({ capabilities: list(providerCapabilities) }),
    validators: offersOf({ binding_kinds: v.array(v.string()) }),
  }),
});

/** @throws AkcError PLUGIN_PROTOCOL_UNSUPPORTED, PLUGIN_LIES, PLUGIN_GARBAGE */
export function readInitializeResult(
  answer: Json,
  manifest: PluginManifest,
  asked: InitializeParams,
): Negotiated {
  const read = v.safeParse(Result, answer);
  if (!read.success) {
    const why = read.issues
      .map((issue) => `${v.getDotPath(issue) ?? "result"}: ${issue.message}`)
      .slice(0, 10);
    throw new AkcError("PLUGIN_GARBAGE", {
      message: "the plugin's answer to initialize is malformed",
      details: { why },
    });
  }
  const result: InitializeResult = { ...read.output, features: read.output.features.filter(isFeature) };
  if (!asked.protocol.majors.includes(result.protocol)) {
    throw new AkcError("PLUGIN_PROTOCOL_UNSUPPORTED", {
      details: { plugin: manifest.id, chosen: result.protocol, offered: asked.protocol.majors.join(", ") },
    });
  }
  const lies = [
    ...(result.plugin.id === manifest.id ? [] : [`is ${result.plugin.id}`]),
    ...(result.plugin.version === manifest.version ? [] : [`is version ${result.plugin.version}`]),
    ...liesIn(result.offers, manifest.offers),
  ];
  if (lies.length > 0) throw new AkcError("PLUGIN_LIES", { details: { plugin: manifest.id, lies } });
  return {
    protocol: result.protocol,
    features: result.features.filter((feature) => asked.features.includes(feature)),
    offers: result.offers,
  };
}

function isFeature(name: string): name is Feature {
  return features.some((feature) => feature === name);
}

/** What is offered and not declared, in words. */
function liesIn(offered: Offers, declared: Offers): readonly string[] {
  const lies: string[] = [];
  const compare = (
    kind: string,
    id: string,
    said: readonly string[],
    allowed: readonly string[] | undefined,
  ) => {
    if (allowed === undefined) lies.push(`offers ${kind} ${id}`);
    else for (const one of said) if (!allowed.includes(one)) lies.push(`offers ${one} of ${kind} ${id}`);
  };
  for (const [id, { capabilities }] of Object.entries(offered.adapters ?? {})) {
    compare("adapter", id, capabilities, own(declared.adapters, id)?.capabilities);
  }
  for (const [id, { capabilities }] of Object.entries(offered.providers ?? {})) {
    compare("provider", id, capabilities, own(declared.providers, id)?.capabilities);
  }
  for (const [id, { binding_kinds: kinds }] of Object.entries(offered.validators ?? {})) {
    compare("validator", id, kinds, own(declared.validators, id)?.binding_kinds);
  }
  return lies;
}

function own<Value>(map: Readonly<Record<string, Value>> | undefined, id: string): Value | undefined {
  return map !== undefined && Object.hasOwn(map, id) ? map[id] : undefined;
}
