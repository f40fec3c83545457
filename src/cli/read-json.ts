/** Reads a JSON document that a command was pointed at: a file, or standard input where the path is `-`. */
import { AkcError } from "../errors.ts";
import { parseJson } from "../json/read.ts";
import type { JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { readFileBounded } from "../system/files.ts";

/** @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE, JSON_TOO_LARGE and the codes of the JSON reader, with the path. */
export async function readJson(path: string, bytesMax: number = limits.jsonTextBytesMax): Promise<JsonValue> {
  const bytes = path === "-" ? await readStdin(bytesMax) : await readFileBounded(path, bytesMax);
  try {
    return parseJson(bytes);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const { message, hint, details, issues } = cause;
    throw new AkcError(cause.code, { message, hint, issues, cause, details: { path, ...details } });
  }
}

/** @throws AkcError JSON_TOO_LARGE */
export async function readStdin(bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of Bun.stdin.stream()) {
    chunks.push(chunk);
    sizeBytes += chunk.byteLength;
    if (sizeBytes > bytesMax) {
      throw new AkcError("JSON_TOO_LARGE", { details: { path: "-", bytesMax } });
    }
  }
  return Buffer.concat(chunks);
}
