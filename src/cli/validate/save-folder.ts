/**
 * Where `akc validate run --save` keeps what was answered: binding by binding, as the answers come. Writes nowhere else.
 */
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { writeObservations } from "../../validation/execution/artifact/write.ts";
import type { BindingObservation } from "../../validation/execution/model.ts";

export interface SaveFolder {
  /** Absolute. */
  readonly folder: string;
  /** Absolute paths of the artifacts, by binding. */
  readonly artifacts: ReadonlyMap<string, string>;
  /** @throws AkcError DISK_FULL, OUTPUTS_UNWRITABLE, PATH_UNSAFE */
  keep(observation: BindingObservation): Promise<void>;
}

/** Makes it where it is not there. @throws AkcError OUTPUTS_UNWRITABLE */
export async function openSaveFolder(path: string): Promise<SaveFolder> {
  const folder = resolve(path);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new AkcError("OUTPUTS_UNWRITABLE", {
      message: "the folder to save in cannot be made",
      hint: "Name another one with --save DIR.",
      cause,
      details: { path: folder },
    });
  });
  const artifacts = new Map<string, string>();
  return {
    folder,
    artifacts,
    async keep(observation) {
      const [artifact] = await writeObservations(folder, [observation]);
      if (artifact !== undefined) artifacts.set(observation.bindingId, join(folder, artifact));
    },
  };
}
