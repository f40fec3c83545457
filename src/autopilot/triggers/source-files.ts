/**
 * The bytes of a scope's configured sources, as one fingerprint. Reads what was changed and nothing else; never follows a link below
 * a source, and never looks at what akc itself keeps there.
 *
 * Source: spec cli §15.3 (`changed_sources`); cli:W-57.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";
import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import { AkcError } from "../../errors.ts";
import { fingerprint, sha256Hex } from "../../json/fingerprint.ts";
import { compareCodePoints } from "../../json/order.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { digestOfFile } from "../../system/file-digest.ts";
import { changedAtMs, isSameFile, isSettled } from "../../system/file-stamp.ts";
import { errnoOf } from "../../system/files.ts";

export interface SourcesLook {
  readonly sha256: string;
  /** Name, relative to the scope where it lies below it, to digest. */
  readonly files: ReadonlyMap<string, string>;
}

export interface SourceFiles {
  /** @throws AkcError FILE_TOO_LARGE, FILE_UNREADABLE: then nobody can tell, and nothing has changed */
  look(sources: readonly string[], signal: AbortSignal): Promise<SourcesLook>;
}

interface Known {
  readonly stat: Stats;
  readonly sha256: string;
}

/**
 * @param scopeRoot absolute; what relative sources are below
 * @param fileNowMs the clock of the files' own times
 */
export function createSourceFiles(scopeRoot: string, fileNowMs: () => number): SourceFiles {
  let known: ReadonlyMap<string, Known> = new Map();
  let last: { readonly entries: readonly Entry[]; readonly look: SourcesLook } | undefined;
  return {
    async look(sources, signal) {
      const entries = await entriesOf(scopeRoot, sources, signal);
      if (last !== undefined && areKnown(entries, last.entries, known)) return last.look;
      const seen = new Map<string, Known>();
      const files = new Map<string, string>();
      for (const entry of entries) {
        signal.throwIfAborted();
        const { path, stat } = entry;
        const before = known.get(path);
        const same = before !== undefined && stat !== undefined && isSameFile(before.stat, stat);
        const sha256 = same ? before.sha256 : await digestOf(entry, scopeRoot);
        if (stat !== undefined && isSettled(changedAtMs(stat), fileNowMs())) seen.set(path, { stat, sha256 });
        files.set(nameOf(path, scopeRoot), sha256);
      }
      known = seen;
      const lines = [...files].sort(([one], [other]) => compareCodePoints(one, other));
      const look = {
        sha256: sha256Hex(lines.map(([name, sha256]) => `${sha256} ${name}\n`).join("")),
        files,
      };
      last = { entries, look };
      return look;
    },
  };
}

/** What is another, new or gone, by name. */
export function changedNames(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).sort(compareCodePoints);
}

interface Entry {
  readonly path: string;
  readonly kind: "file" | "link" | "absent" | "other";
  /** Of what is read; absent where nothing is there. */
  readonly stat?: Stats;
}

/** Whether all are the files of the last look, as they were then and settled then: most looks end here. */
function areKnown(
  entries: readonly Entry[],
  last: readonly Entry[],
  known: ReadonlyMap<string, Known>,
): boolean {
  if (entries.length !== last.length) return false;
  return entries.every(({ path, kind, stat }, index) => {
    const before = last[index];
    if (before?.path !== path || before.kind !== kind) return false;
    if (stat === undefined) return before.stat === undefined;
    return before.stat !== undefined && isSameFile(before.stat, stat) && known.has(path);
  });
}

/** Folders whose content says nothing of the sources. */
const skipped: ReadonlySet<string> = new Set([".akc", ".git", ".hg", ".svn"]);
/** Entries between two moments in which others may work. */
const breathEntries = 500;

/** In the same order whenever nothing was added or removed. */
async function entriesOf(
  scopeRoot: string,
  sources: readonly string[],
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let bytes = 0;
  const waiting = sources.map((source) => ({
    path: isAbsolute(source) ? resolve(source) : join(scopeRoot, source),
    depth: 0,
  }));
  for (let count = 1; ; count += 1) {
    const next = waiting.pop();
    if (next === undefined) return entries;
    if (count % breathEntries === 0) {
      await Bun.sleep(0);
      signal.throwIfAborted();
    }
    const { path, depth } = next;
    const stat = statOf(path, depth);
    if (stat === undefined) {
      // What was there a moment ago is gone; a source itself that is not there is told as such.
      if (depth === 0) entries.push({ path, kind: "absent" });
      continue;
    }
    if (stat.isDirectory()) {
      if (depth >= limits.autopilotSourceDepthMax) throw tooLarge(entries.length, bytes);
      for (const name of guarded(path, () => readdirSync(path).sort())) {
        if (!skipped.has(name)) waiting.push({ path: `${path}${sep}${name}`, depth: depth + 1 });
      }
      continue;
    }
    if (stat.isFile()) bytes += stat.size;
    entries.push({ path, kind: stat.isFile() ? "file" : stat.isSymbolicLink() ? "link" : "other", stat });
    if (entries.length > limits.autopilotSourceFilesMax || bytes > limits.autopilotSourceBytesMax) {
      throw tooLarge(entries.length, bytes);
    }
  }
}

/** A source itself may be a link, as the current one of several releases is. */
function statOf(path: string, depth: number): Stats | undefined {
  return guarded(path, () => (depth === 0 ? statSync : lstatSync)(path, { throwIfNoEntry: false }));
}

async function digestOf({ path, kind }: Entry, scopeRoot: string): Promise<string> {
  switch (kind) {
    case "file":
      return path === join(scopeRoot, "manifest.json") ? withoutLivingMetadata(path) : digestOfOne(path);
    case "link":
      return `link:${sha256Hex(guarded(path, () => readlinkSync(path)))}`;
    default:
      return kind;
  }
}

async function digestOfOne(path: string): Promise<string> {
  // The last part may be a link where the source itself is one.
  const direct = await digestOfFile(path);
  if (direct !== undefined) return direct.sha256;
  return guarded(path, () => sha256Hex(readFileSync(path)));
}

/** A compiler notes in the scope's manifest when it looked for drift: that is no change of it. */
function withoutLivingMetadata(path: string): string {
  const bytes = guarded(path, () => readFileSync(path));
  try {
    const manifest = parseJson(bytes);
    const metadata = isJsonObject(manifest) ? manifest["metadata"] : undefined;
    if (!isJsonObject(manifest) || !isJsonObject(metadata)) return sha256Hex(bytes);
    const { living_artifacts: _, ...rest } = metadata;
    return fingerprint({ ...manifest, metadata: rest });
  } catch {
    return sha256Hex(bytes);
  }
}

function nameOf(path: string, scopeRoot: string): string {
  const inside = relative(scopeRoot, path);
  const isBelow = inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
  return isBelow ? inside || basename(path) : path;
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new AkcError("FILE_UNREADABLE", {
      message: "a source cannot be read",
      hint: "Give the autopilot's user the right to read it, or take it out of `triggers.sources`.",
      details: { path, errno: errnoOf(cause) },
      cause,
    });
  }
}

function tooLarge(files: number, bytes: number): AkcError {
  return new AkcError("FILE_TOO_LARGE", {
    message: "the configured sources are more than is watched",
    hint: "Name the folders that matter in `triggers.sources`, without what is built from them.",
    details: {
      files,
      bytes,
      filesMax: limits.autopilotSourceFilesMax,
      bytesMax: limits.autopilotSourceBytesMax,
      depthMax: limits.autopilotSourceDepthMax,
    },
  });
}
