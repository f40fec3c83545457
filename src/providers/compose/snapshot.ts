/**
 * All that is needed to make a service of Compose stand again, as it is kept in the store: the text of the files themselves.
 * Holds no value of the environment and nothing that Compose has filled in.
 */

import { listAt, objectsAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";

export interface ComposeFile {
  /** Relative to the repository; for people. */
  readonly path: string;
  readonly content: string;
}

export interface ComposeSnapshot {
  readonly project: string;
  readonly service: string;
  /** Relative to the repository. */
  readonly workingDir: string;
  /** In the order in which Compose merges them; none: it is only observed. */
  readonly files: readonly ComposeFile[];
  readonly job: boolean;
  /** Of this resource alone. */
  readonly observeProbes?: readonly JsonObject[];
}

const version = 1;

export function snapshotJson(snapshot: ComposeSnapshot): JsonObject {
  const { project, service, workingDir, files, job, observeProbes } = snapshot;
  return {
    version,
    project,
    service,
    working_dir: workingDir,
    files: files.map(({ path, content }) => ({ path, content })),
    job,
    ...(observeProbes === undefined ? {} : { observe_probes: observeProbes }),
  };
}

/** @throws AkcError INTERNAL for what this provider has not written */
export function readSnapshot(json: JsonObject): ComposeSnapshot {
  const project = textAt(json, "project");
  const service = textAt(json, "service");
  const workingDir = textAt(json, "working_dir");
  if (
    json["version"] !== version ||
    project === undefined ||
    service === undefined ||
    workingDir === undefined
  ) {
    throw new AkcError("INTERNAL", { message: "a stored revision is not one of the Compose provider's" });
  }
  const files = objectsAt(json, "files").map(({ path, content }) => {
    if (typeof path !== "string" || typeof content !== "string") {
      throw new AkcError("INTERNAL", { message: "a file of a stored revision has no content" });
    }
    return { path, content };
  });
  return {
    project,
    service,
    workingDir,
    files,
    job: json["job"] === true,
    ...(Object.hasOwn(json, "observe_probes")
      ? { observeProbes: listAt(json, "observe_probes").filter((row) => isJsonObject(row)) }
      : {}),
  };
}
