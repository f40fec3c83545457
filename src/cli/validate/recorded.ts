/**
 * Finds what was recorded of bindings: in a run's history, or in artifacts that lie somewhere as files. Reads only, and takes no file
 * from outside of the folder beside an artifact.
 */
import { lstat, readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { objectAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { RunReader } from "../../store/contract.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import { artifactKinds } from "../../validation/execution/model.ts";
import type { RecordedObservation } from "../../validation/replay.ts";
import { readJson } from "../read-json.ts";

/** The last answer of each binding in a run, in the order in which they were asked. @throws AkcError STORE_DAMAGED */
export async function recordedInRun(reader: RunReader): Promise<readonly RecordedObservation[]> {
  const found = new Map<string, RecordedObservation>();
  for await (const { seq, payload: text } of observedEvents(reader)) {
    const payload = parseJson(text);
    if (!isJsonObject(payload)) continue;
    const binding = textAt(payload, "binding_id") ?? "";
    found.delete(binding);
    found.set(binding, {
      where: `event ${seq}`,
      payload: objectAt(payload, "artifact"),
      read: ({ sha256 }) => storedContent(reader, sha256),
    });
  }
  return [...found.values()];
}

async function* observedEvents(reader: RunReader) {
  for (let after = 0; ; ) {
    const page = await reader.events(after, limits.replayPageRows);
    for (const event of page) if (event.type === "runtime.validation.observed") yield event;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}

async function storedContent(reader: RunReader, sha256: string): Promise<Uint8Array | undefined> {
  try {
    return await reader.artifacts.read(sha256);
  } catch (cause) {
    if (!(cause instanceof AkcError) || cause.code !== "STORE_DAMAGED") throw cause;
    // Something else stands there under this digest: no bytes are as little those of the record, and that is what is told.
    return cause.details["actual"] === undefined ? undefined : new Uint8Array();
  }
}

/**
 * The artifact at `path`, or those of the folder `path`, by name. Files beside an artifact stand in `attachments` next to it, wherever
 * that was when it was written.
 * @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE, JSON_SYNTAX and others of JSON, USAGE for a file that is no artifact
 */
export async function recordedInFiles(path: string): Promise<readonly RecordedObservation[]> {
  const place = resolve(path);
  const stat = await lstat(place).catch((cause: unknown) => {
    throw new AkcError("FILE_NOT_FOUND", { cause, details: { path: place } });
  });
  if (!stat.isDirectory()) return [await recordedInFile(place)];
  const names = (await readdir(place)).filter((name) =>
    artifactKinds.some((kind) => name.endsWith(`.${kind}.json`)),
  );
  return Promise.all(names.sort().map((name) => recordedInFile(join(place, name))));
}

async function recordedInFile(path: string): Promise<RecordedObservation> {
  const payload = await readJson(path, limits.artifactFileBytesMax);
  if (!isJsonObject(payload) || textAt(payload, "binding_id") === undefined) {
    throw new AkcError("USAGE", {
      message: "the file is no artifact of a validator",
      hint: "Name the folder that `akc validate run --save` or a run has written, or an artifact in it.",
      details: { path },
    });
  }
  return {
    where: path,
    payload,
    read: (file) => contentBeside(dirname(path), basename(file.path)),
  };
}

async function contentBeside(folder: string, name: string): Promise<Uint8Array | undefined> {
  try {
    const place = await resolveConfined(folder, join("attachments", name));
    return await readFileBounded(place, limits.validatorFileBytesMax);
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
    throw cause;
  }
}
