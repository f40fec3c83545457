/** The unit file as it stands. */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";

/** Undefined where there is none. @throws AkcError FILE_UNREADABLE */
export async function unitTextAt(path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await readFileBounded(path, limits.serviceUnitBytesMax)).toString();
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
    throw cause;
  }
}
