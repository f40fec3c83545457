/**
 * Moves the files of a step: puts what the steps before left into its working folder before it starts, and keeps what it
 * leaves itself once it has ended well. Follows no link, writes over nothing, and hands on nothing that is not on record.
 *
 * Source: docs/step-files.md.
 */
import { constants, readlinkSync } from "node:fs";
import { chmod, type FileHandle, lstat, mkdir, open, readdir, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StepFiles } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { asDiskError, errnoOf, resolveConfined } from "../../system/files.ts";
import type { ActionRequest, ArtifactStore, FileRef } from "../contract.ts";

/** Puts inputs into folders, each of which it has emptied before. */
export type PlaceInputs = (request: PlaceRequest, files: StepFiles) => Promise<JsonObject>;

/** One for each process that carries a run out: what is in a folder that it has not used yet is nobody's any more. */
export function createInputPlacing(): PlaceInputs {
  const used = new Set<string>();
  return (request, files) => {
    const isFirst = !used.has(request.workdir);
    used.add(request.workdir);
    return placeInputs(request, files, isFirst);
  };
}

/**
 * Empties the step's own folder and puts its inputs there, read-only. What an earlier attempt left is gone: a new one begins
 * with what it is given, and half a file of before is never taken for one of now.
 * @returns for the record: by the place of each input where it came from
 * @throws AkcError STEP_INPUT_MISSING, STEP_INPUT_DAMAGED, STEP_INPUT_CLASH, PATH_UNSAFE, DISK_FULL
 */
async function placeInputs(
  request: PlaceRequest,
  { inputs }: StepFiles,
  isFirst: boolean,
): Promise<JsonObject> {
  await empty(request.workdir, isFirst);
  const placed: [string, JsonObject][] = [];
  for (const { stepId, path, as } of inputs) {
    const ref = request.handoffs
      .find((one) => one.stepId === stepId)
      ?.files?.find((file) => file.path === path);
    if (ref === undefined)
      throw new AkcError("STEP_INPUT_MISSING", {
        message: `step "${stepId}" left no file "${path}" on record`,
      });
    // One after the other: each is whole in memory for a moment.
    await put(request.workdir, as, await contentOf(request.artifacts, ref, stepId));
    placed.push([as, { step: stepId, path, sha256: ref.sha256, size_bytes: ref.sizeBytes }]);
  }
  return Object.fromEntries(placed);
}

export type PlaceRequest = Pick<ActionRequest, "handoffs" | "workdir"> & {
  readonly artifacts: Pick<ArtifactStore, "read">;
};

/** Folders of this name are the spawner's, which keeps them while they are empty. */
const temporaryFolder = /^\.tmp-[0-9a-f-]{36}$/;

async function empty(workdir: string, isFirst: boolean): Promise<void> {
  try {
    // What is removed must be the step's: a link in its place would lead to somebody else's files.
    if ((await realpath(workdir)) !== workdir)
      throw new AkcError("PATH_UNSAFE", { details: { path: workdir } });
    for (const name of await readdir(workdir)) {
      const path = join(workdir, name);
      if (!isFirst && temporaryFolder.test(name) && (await isEmptyFolder(path))) continue;
      await rm(path, { recursive: true, force: true });
    }
  } catch (cause) {
    throw asPlacingError(cause, workdir);
  }
}

async function isEmptyFolder(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => ["?"]);
  return names.length === 0 && (await lstat(path)).isDirectory();
}

async function contentOf(
  artifacts: Pick<ArtifactStore, "read">,
  { sha256, sizeBytes, path }: FileRef,
  stepId: string,
): Promise<Uint8Array> {
  const damaged = (why: string, cause?: unknown) =>
    new AkcError("STEP_INPUT_DAMAGED", {
      message: `"${path}" of step "${stepId}": ${why}`,
      details: { sha256 },
      cause,
    });
  try {
    const bytes = await artifacts.read(sha256);
    const whole = bytes.byteLength === sizeBytes && sha256Hex(bytes) === sha256;
    if (!whole) throw damaged("its content is not what its name says");
    return bytes;
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "STORE_DAMAGED") throw damaged(cause.message, cause);
    throw cause;
  }
}

/** Writes a new file, or leaves one alone that is the same. */
export async function put(workdir: string, as: string, content: Uint8Array): Promise<void> {
  const path = join(workdir, as);
  try {
    const folder = await resolveConfined(workdir, dirname(as));
    await mkdir(folder, { recursive: true });
    const file = await open(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      await file.writeFile(content);
      await file.chmod(0o444);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (errnoOf(cause) !== "EEXIST" && errnoOf(cause) !== "ENOTDIR") throw asPlacingError(cause, path);
    if (!(await isSame(path, content)))
      throw new AkcError("STEP_INPUT_CLASH", { message: `something else is at "${as}"` });
    await chmod(path, 0o444);
  }
}

async function isSame(path: string, content: Uint8Array): Promise<boolean> {
  const file = await openThere(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size !== content.byteLength) return false;
    return sha256Hex(await file.readFile()) === sha256Hex(content);
  } finally {
    await file.close();
  }
}

function asPlacingError(cause: unknown, path: string): unknown {
  const fault = asDiskError(cause, path);
  if (fault instanceof AkcError) return fault;
  return new AkcError("STEP_INPUT_CLASH", {
    message: `the step's folder cannot be made ready (${errnoOf(cause) ?? "unknown"})`,
    cause,
  });
}

/**
 * Puts every output into the store by its content; nothing is kept of a step that lacks one.
 * @throws AkcError STEP_OUTPUT_MISSING, STEP_OUTPUT_UNSAFE, STEP_OUTPUT_TOO_LARGE, CANCELLED, DISK_FULL
 */
export async function keepOutputs(request: KeepRequest, { outputs }: StepFiles): Promise<readonly FileRef[]> {
  const root = request.workdir;
  // What the step has put in the place of its own folder is not its folder.
  if ((await realpath(root).catch(() => undefined)) !== root)
    throw new AkcError("STEP_OUTPUT_UNSAFE", { message: "the step's folder is not where it was" });
  const kept: FileRef[] = [];
  let left = limits.stepFilesBytesMax;
  for (const path of outputs) {
    const file = await openInside(root, path);
    try {
      const ref = await keep(request, file, path, left);
      left -= ref.sizeBytes;
      kept.push(ref);
    } finally {
      await file.close();
    }
  }
  return kept;
}

export type KeepRequest = Pick<ActionRequest, "workdir" | "signal"> & {
  readonly artifacts: Pick<ArtifactStore, "begin">;
};

const chunkBytes = 1024 * 1024;

async function keep(
  { artifacts, signal }: KeepRequest,
  file: FileHandle,
  path: string,
  left: number,
): Promise<FileRef> {
  const bytesMax = Math.min(limits.stepFileBytesMax, left);
  const { size } = await file.stat();
  if (size > bytesMax) throw tooLarge(path, size, bytesMax);
  const sink = artifacts.begin();
  try {
    const chunk = new Uint8Array(Math.min(chunkBytes, size + 1));
    let sizeBytes = 0;
    for (;;) {
      if (signal.aborted) throw new AkcError("CANCELLED");
      const { bytesRead } = await file.read(chunk, 0, chunk.byteLength);
      if (bytesRead === 0) break;
      sizeBytes += bytesRead;
      // It grows while it is read.
      if (sizeBytes > bytesMax) throw tooLarge(path, sizeBytes, bytesMax);
      sink.write(chunk.subarray(0, bytesRead));
    }
    return { path, ...(await sink.finish()) };
  } catch (cause) {
    sink.discard();
    throw cause;
  }
}

/** The file itself, no part of whose path is a link. */
async function openInside(root: string, path: string): Promise<FileHandle> {
  const parts = path.split("/");
  let folder = root;
  for (const part of parts.slice(0, -1)) {
    folder = join(folder, part);
    const stat = await lstat(folder).catch(() => undefined);
    if (stat?.isSymbolicLink() === true) throw unsafe(path, "a folder on its way is a symbolic link");
    if (stat?.isDirectory() !== true) throw missing(path);
  }
  const file = await openThere(join(root, path)).catch((cause) => {
    const errno = errnoOf(cause);
    if (errno === "ENOENT" || errno === "ENOTDIR") throw missing(path);
    throw unsafe(
      path,
      errno === "ELOOP" ? "it is a symbolic link" : `it cannot be opened (${errno ?? "unknown"})`,
    );
  });
  try {
    if (!(await file.stat()).isFile()) throw unsafe(path, "it is no regular file");
    if (leadsElsewhere(file.fd, join(root, path))) throw unsafe(path, "its path leads elsewhere");
    return file;
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** A pipe must not keep anybody waiting, and a link is not followed. */
function openThere(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** What was opened is asked, where the system can say it: a folder may have been exchanged for a link meanwhile. */
function leadsElsewhere(fd: number, path: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) !== path;
  } catch {
    return false;
  }
}

function missing(path: string): AkcError {
  return new AkcError("STEP_OUTPUT_MISSING", { message: `the step ended well and left no file "${path}"` });
}

function unsafe(path: string, why: string): AkcError {
  return new AkcError("STEP_OUTPUT_UNSAFE", { message: `the step's file "${path}" is not kept: ${why}` });
}

function tooLarge(path: string, size: number, bytesMax: number): AkcError {
  return new AkcError("STEP_OUTPUT_TOO_LARGE", {
    message: `the step's file "${path}" has ${size} bytes, and ${bytesMax} may be kept`,
  });
}

export function filesJson(files: readonly FileRef[]): JsonObject {
  return Object.fromEntries(
    files.map(({ path, sha256, sizeBytes }) => [path, { sha256, size_bytes: sizeBytes }]),
  );
}
