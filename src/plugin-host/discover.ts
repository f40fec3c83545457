/**
 * Finds plugins in their directories and says for each whether it may be started, and which others it keeps out.
 * Starts nothing and remembers nothing; one broken plugin never hides another.
 */
import { readdirSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { errnoOf } from "../system/files.ts";
import {
  type BrokenPlugin,
  type FoundPlugin,
  manifestFile,
  type PlacedPlugin,
  type PluginSource,
} from "./contract.ts";
import { foreignHandAbove, type Identity, ownIdentity, readFolder } from "./folder.ts";
import { type LockEntry, readDisabled, readLock } from "./lock.ts";
import { invalidManifest, parseManifest, type ReadManifest } from "./manifest.ts";
import { judge, readyPlugin, type TrustRules } from "./trust.ts";

export interface Discovery {
  /** By place and id: those that count, and those that are refused. What is shadowed stands only in `shadows`. */
  readonly plugins: readonly PlacedPlugin[];
  /** Folders that cannot be read as a plugin, and directories that may not be searched. */
  readonly broken: readonly BrokenPlugin[];
}

/** Files whose name begins with a dot are not plugins: installations that are under way, an editor's and git's. */
const hidden = /^\./;

export async function discoverPlugins(
  places: readonly PluginSource[],
  rules: TrustRules,
  who: Identity = ownIdentity(),
): Promise<Discovery> {
  const found: PlacedPlugin[] = [];
  const broken: BrokenPlugin[] = [];
  const disabled = new Set<string>();
  const searched = new Set<string>();
  for (const source of places) {
    const directory = realPathOf(source.directory);
    if (directory === undefined) {
      // A place that somebody named must be there; the usual ones need not.
      if (source.kind === "flag" || source.kind === "env") {
        broken.push(untrusted(source, source.directory, "there is no such directory"));
      }
      continue;
    }
    if (searched.has(directory)) continue;
    searched.add(directory);
    const result = await searchPlace(source, { directory, disabled, rules, who });
    found.push(...result.plugins);
    broken.push(...result.broken);
  }
  return { plugins: withShadows(found), broken };
}

/** The plugin that counts for `id`. @throws AkcError PLUGIN_NOT_FOUND, or why it may not be started */
export function pluginById({ plugins, broken }: Discovery, id: string): FoundPlugin {
  const plugin = countingPlugin(plugins, id);
  if (plugin !== undefined) return readyPlugin(plugin);
  throw new AkcError("PLUGIN_NOT_FOUND", {
    details: { plugin: id, ...(broken.length === 0 ? {} : { unreadable: broken.map(({ root }) => root) }) },
  });
}

/** The one that keeps others out, else the first that was refused. */
export function countingPlugin(plugins: readonly PlacedPlugin[], id: string): PlacedPlugin | undefined {
  const named = plugins.filter(({ manifest }) => manifest.id === id);
  return named.find(keepsOut) ?? named[0];
}

/** A plugin, and where its manifest says what. */
interface WithPlace {
  readonly plugin: PlacedPlugin;
  readonly placeAt: ReadManifest["placeAt"];
}

interface Search {
  /** The place's real path. */
  readonly directory: string;
  /** Ids switched off so far; a place adds its own. */
  readonly disabled: Set<string>;
  readonly rules: TrustRules;
  readonly who: Identity;
}

async function searchPlace(source: PluginSource, search: Search): Promise<Discovery> {
  const { directory, who } = search;
  let names: readonly string[];
  let lock: readonly LockEntry[] = [];
  try {
    const hand = foreignHandAbove(directory, who);
    if (hand !== undefined) return refusedPlace(source, directory, hand);
    names = folderNames(directory);
    if (source.kind !== "embedded") {
      lock = readLock(source.directory, who);
      for (const id of readDisabled(source.directory, who)) search.disabled.add(id);
    }
  } catch (cause) {
    const why =
      cause instanceof AkcError ? cause.message : `it cannot be read (${errnoOf(cause) ?? "unknown"})`;
    return refusedPlace(source, directory, why);
  }
  if (names.length > limits.pluginsPerDirectoryMax) {
    return refusedPlace(source, directory, `it has more than ${limits.pluginsPerDirectoryMax} folders`);
  }
  const plugins: WithPlace[] = [];
  const broken: BrokenPlugin[] = [];
  for (const name of names) {
    const one = await readPlugin(source, name, lock, search);
    if ("plugin" in one) plugins.push(one);
    else broken.push(one);
  }
  plugins.sort((a, b) => laterFirst(a.plugin, b.plugin));
  return { plugins: withoutDuplicates(plugins), broken };
}

function folderNames(directory: string): readonly string[] {
  const entries = readdirSync(directory, { withFileTypes: true });
  if (entries.some((entry) => entry.name === manifestFile)) {
    throw new AkcError("USAGE", {
      message: `it is a plugin itself: give the directory that holds it, not ${basename(directory)}`,
    });
  }
  return entries
    .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !hidden.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

async function readPlugin(
  source: PluginSource,
  name: string,
  lock: readonly LockEntry[],
  { directory, disabled, rules, who }: Search,
): Promise<WithPlace | BrokenPlugin> {
  const listed = join(directory, name);
  const root = realPathOf(listed);
  if (root === undefined) return untrusted(source, listed, "the link leads to nothing");
  try {
    const hand = root === listed ? undefined : foreignHandAbove(root, who);
    if (hand !== undefined) return untrusted(source, root, hand);
    const folder = readFolder(root, who, manifestFile);
    if (folder.kind === "refused") return untrusted(source, root, folder.why);
    const path = join(root, manifestFile);
    if (folder.kept === undefined) {
      return broken(
        source,
        root,
        invalidManifest(path, [{ path: "", message: `there is no ${manifestFile}` }]),
      );
    }
    const read = parseManifest(textOf(folder.kept, path), path, {
      has: (file) => folder.files.has(file),
      isExecutable: (file) => folder.executables.has(file),
    });
    const { manifest } = read;
    const judgement = await judge(
      {
        ...read,
        folder,
        name,
        embedded: source.kind === "embedded",
        lock,
        disabled: disabled.has(manifest.id),
      },
      rules,
    );
    return {
      plugin: {
        manifest,
        root,
        folder: name,
        source,
        digest: folder.digest,
        files: folder.files,
        ...judgement,
        shadows: [],
      },
      placeAt: read.placeAt,
    };
  } catch (cause) {
    if (cause instanceof AkcError) return broken(source, root, cause);
    return untrusted(source, root, `it cannot be read (${errnoOf(cause) ?? "unknown"})`);
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalidManifest(path, [{ path: "", message: "the file is not UTF-8" }], cause);
  }
}

/** Later versions first; folders of one version by name. */
function laterFirst(a: PlacedPlugin, b: PlacedPlugin): number {
  if (a.manifest.id !== b.manifest.id) return a.manifest.id < b.manifest.id ? -1 : 1;
  return Bun.semver.order(b.manifest.version, a.manifest.version) || (a.root < b.root ? -1 : 1);
}

/** One version of one id may stand in a directory once; what is not trusted anyway does not count. */
function withoutDuplicates(sorted: readonly WithPlace[]): readonly PlacedPlugin[] {
  const first = new Map<string, PlacedPlugin>();
  return sorted.map(({ plugin, placeAt }) => {
    if (!keepsOut(plugin)) return plugin;
    const { id, version } = plugin.manifest;
    const other = first.get(`${id} ${version}`);
    if (other === undefined) {
      first.set(`${id} ${version}`, plugin);
      return plugin;
    }
    const error = new AkcError("PLUGIN_DUPLICATE", {
      details: { plugin: id, version, path: join(plugin.root, manifestFile), other: other.root },
      issues: [
        {
          path: "/id",
          message: `\`${id}\` ${version} is in ${basename(other.root)} already`,
          ...placeAt(["id"]),
        },
      ],
    });
    return { ...plugin, state: { kind: "invalid", error } };
  });
}

/** What is invalid or not trusted is not believed to be who it says; it keeps nobody out. */
function keepsOut({ state }: PlacedPlugin): boolean {
  return state.kind === "ready" || state.kind === "modified" || state.kind === "disabled";
}

function withShadows(found: readonly PlacedPlugin[]): readonly PlacedPlugin[] {
  const winners = new Map<string, PlacedPlugin>();
  for (const plugin of found) {
    if (keepsOut(plugin) && !winners.has(plugin.manifest.id)) winners.set(plugin.manifest.id, plugin);
  }
  const shadowed = (plugin: PlacedPlugin) => {
    const winner = winners.get(plugin.manifest.id);
    return winner !== undefined && winner !== plugin && keepsOut(plugin);
  };
  return found
    .filter((plugin) => !shadowed(plugin))
    .map((plugin) =>
      winners.get(plugin.manifest.id) === plugin
        ? {
            ...plugin,
            shadows: found
              .filter((other) => other.manifest.id === plugin.manifest.id && shadowed(other))
              .map(({ manifest, root, source }) => ({ version: manifest.version, root, source })),
          }
        : plugin,
    );
}

function refusedPlace(source: PluginSource, directory: string, why: string): Discovery {
  return { plugins: [], broken: [untrusted(source, directory, why)] };
}

function untrusted(source: PluginSource, root: string, why: string): BrokenPlugin {
  return { root, source, state: { kind: "untrusted", why } };
}

function broken(source: PluginSource, root: string, error: AkcError): BrokenPlugin {
  return { root, source, state: { kind: "invalid", error } };
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
