/**
 * Reads a plugin's manifest: YAML, every fault with its line and column, nothing unknown accepted.
 * Never touches a disk: who calls has the text and knows the folder.
 */
import { safeParse } from "valibot";
import { AkcError, type Issue } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import { fromPlain } from "../json/plain.ts";
import { pointer } from "../json/pointer.ts";
import { isJsonObject } from "../json/value.ts";
import { byPlace, readYamlAs } from "../json/yaml-text.ts";
import { limits } from "../limits.ts";
import { adapterCapabilities, type Offers, providerCapabilities } from "../sdk/protocol.ts";
import { nearestWord } from "../spelling.ts";
import type { PluginLimits, PluginManifest, PluginPermissions, PluginRuntime } from "./contract.ts";
import { quickValue } from "./manifest-quick.ts";
import { configOf, type FolderContents, manifestFaults } from "./manifest-rules.ts";
import { type ManifestFile, ManifestSchema, manifestShape, pluginKinds } from "./manifest-schema.ts";

export interface ReadManifest {
  readonly manifest: PluginManifest;
  /** What a signature is made over: the canonical JSON of the manifest as written, without its `signature`. */
  signedText(): string;
  /** Line and column of the value at a path of keys. */
  placeAt(keys: readonly string[]): Pick<Issue, "line" | "column">;
}

/**
 * @param path where the text was read from, for errors
 * @param folder the files beside it; absent where only the text is looked at
 * @throws AkcError PLUGIN_MANIFEST_INVALID with every issue and its place
 */
export function parseManifest(text: string, path: string, folder?: FolderContents): ReadManifest {
  const quick = quickValue(text);
  if (quick !== undefined) {
    const result = safeParse(ManifestSchema, quick);
    if (result.success && manifestFaults(result.output, folder).length === 0) {
      return {
        manifest: manifestOf(result.output),
        signedText: () => signedTextOf(quick),
        placeAt: (keys) => parseStrictly(text, path).placeAt(keys),
      };
    }
  }
  return parseStrictly(text, path, folder);
}

/** As {@link parseManifest}, by the strict reader alone. */
export function parseStrictly(text: string, path: string, folder?: FolderContents): ReadManifest {
  const reading = readYamlAs(text, {
    schema: ManifestSchema,
    shape: manifestShape,
    bytesMax: limits.pluginManifestBytesMax,
    leastText: "schema: akc.plugin/v1",
    messageFor,
  });
  if (reading.kind === "faulty") throw invalidManifest(path, reading.issues, reading.cause);
  const issues = manifestFaults(reading.value, folder).map(
    (fault): Issue => ({
      path: pointer(...fault.path),
      message: fault.message,
      ...reading.placeAt(fault.path, fault.at ?? "value"),
    }),
  );
  if (issues.length > 0) throw invalidManifest(path, issues.sort(byPlace));
  const { raw } = reading;
  return {
    manifest: manifestOf(reading.value),
    signedText: () => signedTextOf(raw),
    placeAt: (keys) => reading.placeAt(keys),
  };
}

function signedTextOf(raw: unknown): string {
  const value = fromPlain(raw);
  if (!isJsonObject(value)) throw new AkcError("INTERNAL", { message: "a manifest is a map" });
  const { signature: _, ...rest } = value;
  return canonicalJson(rest);
}

function manifestOf(file: ManifestFile): PluginManifest {
  const kinds = [file.kind].flat();
  return {
    id: file.id,
    version: file.version,
    description: file.description ?? "",
    kinds: pluginKinds.filter((kind) => kinds.includes(kind)),
    api: typeof file.api === "number" ? { min: file.api, max: file.api } : file.api,
    runtime: runtimeOf(file),
    offers: offersOf(file.capabilities),
    permissions: permissionsOf(file.permissions ?? {}),
    config: configOf(file.config ?? {}) ?? {},
    limits: limitsOf(file.limits ?? {}),
    digests: new Map(Object.entries(file.digests ?? {})),
    ...(file.signature === undefined ? {} : { signature: file.signature }),
  };
}

function runtimeOf({ runtime, entry, command }: ManifestFile): PluginRuntime {
  if (runtime !== "exec") return { kind: runtime, entry: entry ?? "" };
  const [first = "", ...rest] = command ?? [];
  return { kind: "exec", command: [first, ...rest] };
}

function offersOf({ adapter, provider, validator }: ManifestFile["capabilities"]): Offers {
  return {
    ...(adapter === undefined
      ? {}
      : { adapters: mapped(adapter, (listed) => ({ capabilities: distinct(listed) })) }),
    ...(provider === undefined
      ? {}
      : { providers: mapped(provider, (listed) => ({ capabilities: distinct(listed) })) }),
    ...(validator === undefined
      ? {}
      : { validators: mapped(validator, (listed) => ({ binding_kinds: distinct(listed) })) }),
  };
}

function mapped<From, To>(from: Record<string, From>, make: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(from).map(([id, value]) => [id, make(value)]));
}

function permissionsOf(asked: NonNullable<ManifestFile["permissions"]>): PluginPermissions {
  return {
    net: distinct(asked.net),
    read: distinct(asked.read),
    write: distinct(asked.write),
    run: distinct(asked.run),
    env: distinct(asked.env),
    secrets: distinct(asked.secrets),
  };
}

function limitsOf(asked: NonNullable<ManifestFile["limits"]>): PluginLimits {
  return {
    memoryBytes: asked.memory_bytes ?? limits.pluginMemoryBytesDefault,
    startMs: asked.start_ms ?? limits.pluginStartMsDefault,
    callMs: asked.call_ms ?? limits.pluginCallMsDefault,
    stopMs: asked.stop_ms ?? limits.pluginStopMsDefault,
    idleMs: asked.idle_ms ?? limits.pluginIdleMsDefault,
    concurrency: asked.concurrency ?? limits.pluginConcurrencyDefault,
    messageBytes: asked.message_bytes ?? limits.pluginMessageBytesDefault,
  };
}

function distinct<Item>(items: readonly Item[] | undefined): readonly Item[] {
  return [...new Set(items)];
}

/** Lists whose words are known: a misspelt one is answered with the right one. */
const wordLists: Readonly<Record<string, readonly string[]>> = {
  kind: pluginKinds,
  adapter: adapterCapabilities,
  provider: providerCapabilities,
};

function messageFor(
  issue: { readonly type: string; readonly input: unknown; readonly message: string },
  path: readonly string[],
): string {
  if (issue.type === "strict_object" && issue.input === undefined) return `\`${path.at(-1)}\` is missing`;
  const words = path[0] === "kind" ? wordLists["kind"] : wordLists[path[1] ?? ""];
  if (issue.type === "picklist" && typeof issue.input === "string" && words !== undefined) {
    const near = nearestWord(issue.input, words);
    const hint = near === undefined ? `known: ${words.join(", ")}` : `did you mean \`${near}\`?`;
    return `\`${issue.input}\` ${issue.message}; ${hint}`;
  }
  return `${path.length === 0 ? "the file" : `\`${path.join(".")}\``} ${issue.message}`;
}

export function invalidManifest(path: string, issues: readonly Issue[], cause?: unknown): AkcError {
  const [first] = issues;
  const where = first?.line === undefined ? "" : ` at line ${first.line}, column ${first.column}`;
  return new AkcError("PLUGIN_MANIFEST_INVALID", {
    message: `the plugin's manifest is not valid${where}`,
    details: { path, issueCount: issues.length },
    issues: issues.slice(0, limits.issuesShownMax),
    ...(cause === undefined ? {} : { cause }),
  });
}
