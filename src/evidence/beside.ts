/**
 * The files beside a run's evidence: what bindings answered, and what the run was judged by that others may change later. They come from
 * the run's own history, so each run keeps its own, whatever later runs of the same compile run leave where all of them share a place.
 *
 * Source: spec reconcile §6.4, §7.6; W-27.
 */
import { readdir, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ArtifactRef, ArtifactStore, RunContext } from "../adapters/contract.ts";
import { limits } from "../limits.ts";
import { digestOfFile } from "../system/file-digest.ts";
import { resolveConfined, writeFileAtomic } from "../system/files.ts";
import type { EvidencePaths } from "./layout.ts";
import type { Seal } from "./seal.ts";

/** A file that an event of the run names. */
export interface NamedFile {
  /** Below the scope with `/`. */
  readonly path: string;
  readonly content: ArtifactRef;
}

/** Folders below that of the run. */
export const besideFolders = ["validators", "validators/attachments", "validity_inputs"] as const;

/** Where all runs of a compile run share the latest answers; absolute as `scopeRoot` is. */
export function sharedFolders(scopeRoot: string, { runId }: Pick<RunContext, "runId">): readonly string[] {
  const folder = join(scopeRoot, sharedPlace, runId);
  return [folder, join(folder, "attachments")];
}

const sharedPlace = ".akc/verification/validators";

interface BesideInput {
  readonly artifacts: Pick<ArtifactStore, "read">;
  readonly run: { readonly context: Pick<RunContext, "runId" | "runtimeRunId"> };
  /** Those that nothing made old since. */
  readonly files: readonly NamedFile[];
}

/** Writes those that do not stand yet, seals all of them, and removes what an earlier answer left. @throws AkcError STORE_DAMAGED, DISK_FULL */
export async function writeBeside(
  { artifacts, run, files }: BesideInput,
  { folder }: Pick<EvidencePaths, "folder">,
  seal: Seal,
): Promise<void> {
  const named = new Map<string, ArtifactRef>();
  for (const { path, content } of files) {
    const name = ownName(run, path);
    if (name !== undefined && !named.has(name)) named.set(name, content);
  }
  await fewAtATime(named, (name, content) =>
    seal.put(join(folder, name), content, () => artifacts.read(content.sha256)),
  );
  for (const inner of besideFolders) {
    for (const entry of await readdir(join(folder, inner), { withFileTypes: true }).catch(() => [])) {
      const name = `${inner}/${entry.name}`;
      // Hidden ones are being written.
      if (entry.isDirectory() || entry.name.startsWith(".") || named.has(name)) continue;
      await unlink(join(folder, name)).catch(() => undefined);
    }
  }
}

/** Leaves what bindings answered where all runs of a compile run share a place, too: there is the latest. @throws AkcError PATH_UNSAFE, … */
export async function shareAnswers({ artifacts, run, files }: BesideInput, scopeRoot: string): Promise<void> {
  const shared = new Map<string, ArtifactRef>();
  for (const { path, content } of files) {
    const [place, ...rest] = ownName(run, path)?.split("/") ?? [];
    if (place === "validators") shared.set(rest.join("/"), content);
  }
  if (shared.size === 0) return;
  // No folder on the way may be a link that leads out of the scope; a link in a file's own place is replaced.
  const folders = new Map<string, string>();
  for (const inner of ["", "attachments"]) {
    folders.set(inner, await resolveConfined(scopeRoot, join(sharedPlace, run.context.runId, inner)));
  }
  await fewAtATime(shared, async (name, content) => {
    const target = join(
      folders.get(name.startsWith("attachments/") ? "attachments" : "") ?? "",
      basename(name),
    );
    if ((await digestOfFile(target))?.sha256 === content.sha256) return;
    await writeFileAtomic(target, await artifacts.read(content.sha256));
  });
}

/** Most of the time of a small file goes to waiting for the disk; large ones would take too much memory together. */
async function fewAtATime(
  files: ReadonlyMap<string, ArtifactRef>,
  work: (name: string, content: ArtifactRef) => Promise<void>,
): Promise<void> {
  let bytes = 0;
  let together: Promise<void>[] = [];
  for (const [name, content] of files) {
    if (together.length >= limits.filesAtATime || bytes + content.sizeBytes > limits.filesAtATimeBytes) {
      await Promise.all(together);
      [bytes, together] = [0, []];
    }
    bytes += content.sizeBytes;
    together.push(work(name, content));
  }
  await Promise.all(together);
}

/** Below the folder of the run; undefined for a path that is none of these files, wherever an event got it from. */
function ownName({ context }: BesideInput["run"], path: string): string | undefined {
  const prefix = `.akc/runtime/${context.runId}/${context.runtimeRunId}/`;
  if (!path.startsWith(prefix)) return undefined;
  const name = path.slice(prefix.length);
  const end = name.lastIndexOf("/");
  const file = name.slice(end + 1);
  const known = besideFolders.some((inner) => inner === name.slice(0, end));
  return known && file !== "" && !file.startsWith(".") ? name : undefined;
}
