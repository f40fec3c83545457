/**
 * Holds the evidence files of a run against their seal, and where they differ against what the events say. Fast where all is
 * well: then it reads digests only.
 *
 * Source: spec kernel §13; spec cli §11 (cli:W-15).
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { member } from "../bundle/member.ts";
import { AkcError } from "../errors.ts";
import { besideFolders } from "../evidence/beside.ts";
import { evidencePaths } from "../evidence/layout.ts";
import { parseJson } from "../json/read.ts";
import { isJsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { EvidenceFile, RunReader, RunRow } from "../store/contract.ts";
import { DigestThread } from "../system/digests.ts";
import type { FileDigest } from "../system/file-digest.ts";
import { readFileBounded } from "../system/files.ts";
import type { Divergence } from "./divergence.ts";
import { firstDifference } from "./first-difference.ts";
import { firstLineDifference } from "./line-difference.ts";
import { type Rebuilt, withRebuilt } from "./rebuild.ts";

export interface EvidenceCheckInput {
  readonly reader: RunReader;
  readonly run: RunRow;
  /** `<outputs_root>/<tenant>/<repo>` as it lies now. */
  readonly scopeRoot: string;
}

/** How the files stand to the events. */
export type Sealing = "sealed" | "unsealed" | "never written";

export function sealingOf(run: RunRow): Sealing {
  if (run.evidenceSeq === null) return "never written";
  return run.evidenceSeq === run.lastSeq ? "sealed" : "unsealed";
}

interface Found {
  readonly sealed: EvidenceFile;
  readonly digest: FileDigest | undefined;
}

const recordName = "runtime_run.json";
const profileName = "developer_profile_decisions.json";

export class EvidenceCheck {
  readonly #input: EvidenceCheckInput;
  readonly #folder: string;
  readonly #thread = new DigestThread();
  #digests: Promise<readonly Found[]> | undefined;

  constructor(input: EvidenceCheckInput) {
    this.#input = input;
    this.#folder = evidencePaths(input.scopeRoot, input.run.context).folder;
  }

  /** Begins to read the files, beside whatever else is done. */
  async begin(): Promise<number> {
    const sealed = await this.#input.reader.evidenceFiles();
    this.#digests = Promise.all(
      sealed.map(async (file) => ({
        sealed: file,
        digest: await this.#thread.digestOf(join(this.#folder, file.name)),
      })),
    );
    return sealed.length;
  }

  /**
   * @param options.rebuild whether to hold every file against the events, also those whose digest is right
   * @param options.historyWhole whether the chain is unbroken; else nothing can be rebuilt
   */
  async end(options: {
    readonly rebuild: boolean;
    readonly historyWhole: boolean;
  }): Promise<readonly Divergence[]> {
    const found = (await this.#digests) ?? [];
    if (found.length === 0) return [];
    const missing = found.filter((file) => file.digest === undefined).map(missingFile);
    const changed = found.filter(
      ({ sealed, digest }) => digest !== undefined && digest.sha256 !== sealed.sha256,
    );
    const head = await this.#headDiffers(found);
    const others = await this.#notSealed(found);
    const covered = sealingOf(this.#input.run) === "sealed";
    const suspicious = changed.length > 0 || head !== undefined || options.rebuild;
    if (!suspicious || !covered || !options.historyWhole) {
      return [...missing, ...changed.map(changedFile), ...(head === undefined ? [] : [head]), ...others];
    }
    const differing = await this.#againstEvents(found);
    return [
      ...missing,
      ...differing,
      ...(head === undefined || differing.length > 0 ? [] : [head]),
      ...others,
    ];
  }

  close(): void {
    this.#thread.close();
  }

  /** The record names the digest of the last event it covers: it binds the files to the chain. */
  async #headDiffers(found: readonly Found[]): Promise<Divergence | undefined> {
    const { reader, run } = this.#input;
    const record = found.find(({ sealed }) => sealed.name === recordName);
    if (record?.digest?.sha256 !== record?.sealed.sha256 || run.evidenceSeq === null) return undefined;
    const event = await reader.eventAt(run.evidenceSeq);
    const told = await this.#chainSha256();
    if (told === undefined || event === null || told === event.sha256) return undefined;
    return {
      place: "evidence",
      event_seq: run.evidenceSeq,
      event_type: event.type,
      name: `${recordName} events_chain_sha256`,
      expected: event.sha256,
      found: told,
    };
  }

  async #chainSha256(): Promise<string | undefined> {
    try {
      const record = parseJson(
        await readFileBounded(join(this.#folder, recordName), limits.jsonTextBytesMax),
      );
      const told = isJsonObject(record) ? member(record, "events_chain_sha256") : undefined;
      return typeof told === "string" ? told : undefined;
    } catch {
      return undefined;
    }
  }

  /** Files that bear the name of evidence and that this run did not leave. */
  async #notSealed(found: readonly Found[]): Promise<readonly Divergence[]> {
    if (sealingOf(this.#input.run) !== "sealed") return [];
    const sealed = new Set(found.map((file) => file.sealed.name));
    const known = new Set(knownNames(this.#folder, this.#input));
    const there = [
      ...(await namesIn(this.#folder, "")).filter((name) => known.has(name)),
      ...(await namesIn(join(this.#folder, "evidence"), "evidence/")),
      ...(
        await Promise.all(besideFolders.map((name) => namesIn(join(this.#folder, name), `${name}/`)))
      ).flat(),
    ];
    return there
      .filter((name) => !sealed.has(name))
      .map((name) => ({ ...atNoEvent, name, expected: "no such file", found: "a file" }));
  }

  async #againstEvents(found: readonly Found[]): Promise<readonly Divergence[]> {
    const { reader, run, scopeRoot } = this.#input;
    try {
      return await withRebuilt({ reader, run, scopeRoot }, (rebuilt) => this.#compared(found, rebuilt));
    } catch (cause) {
      if (!(cause instanceof AkcError)) throw cause;
      // Not a word about the rows then, but still which files are not what they were.
      return found
        .filter(({ sealed, digest }) => digest !== undefined && digest.sha256 !== sealed.sha256)
        .map(changedFile);
    }
  }

  async #compared(found: readonly Found[], rebuilt: Rebuilt): Promise<readonly Divergence[]> {
    const divergences: Divergence[] = [];
    for (const file of found) {
      if (file.digest === undefined) continue;
      const changed = file.digest.sha256 !== file.sealed.sha256;
      const now = rebuilt.files.find(({ name }) => name === file.sealed.name);
      if (now === undefined) {
        const name = file.sealed.name;
        divergences.push({
          ...atNoEvent,
          name,
          expected: "no such file",
          found: `a file of ${file.sealed.sizeBytes} bytes`,
        });
      } else if (now.sha256 !== file.digest.sha256) {
        const difference = await this.#difference(file, rebuilt);
        if (difference !== undefined) divergences.push(difference);
        else if (changed) divergences.push(changedFile(file));
      } else if (changed) {
        // The file says what the events say: then it is the seal that was changed.
        divergences.push({ ...changedFile(file), name: `the seal of ${file.sealed.name}` });
      }
    }
    return divergences;
  }

  async #difference({ sealed, digest }: Found, { paths }: Rebuilt): Promise<Divergence | undefined> {
    const { name } = sealed;
    const expectedPath = join(paths.folder, name);
    const foundPath = join(this.#folder, name);
    // These two speak of places, and places may have moved.
    const placed = name === recordName || name === profileName;
    if (placed && digest?.sha256 === sealed.sha256) return undefined;
    const difference = placed
      ? await firstLineDifference(expectedPath, foundPath)
      : await firstDifference(expectedPath, foundPath);
    if (difference === undefined) return undefined;
    const { line, row, expected, found } = difference;
    const event = name === "events.json" && row > 0 ? await this.#input.reader.eventAt(row) : null;
    return {
      place: "evidence",
      event_seq: event?.seq ?? null,
      event_type: event?.type ?? null,
      name: `${name} line ${line}${row > 0 ? ` (row ${row})` : ""}`,
      expected,
      found,
    };
  }
}

const atNoEvent = { place: "evidence", event_seq: null, event_type: null } as const;

function missingFile({ sealed }: Found): Divergence {
  return {
    ...atNoEvent,
    name: sealed.name,
    expected: `a file of ${sealed.sizeBytes} bytes`,
    found: "no file",
  };
}

function changedFile({ sealed, digest }: Found): Divergence {
  return { ...atNoEvent, name: sealed.name, expected: sealed.sha256, found: digest?.sha256 ?? "no file" };
}

function knownNames(folder: string, { scopeRoot, run }: EvidenceCheckInput): readonly string[] {
  return Object.values(evidencePaths(scopeRoot, run.context))
    .filter((path) => path.startsWith(`${folder}/`))
    .map((path) => path.slice(folder.length + 1));
}

async function namesIn(folder: string, prefix: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => prefix + name);
}
