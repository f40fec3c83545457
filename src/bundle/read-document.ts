/** The bundle's own text as JSON; a fault in it is told with the file in which it stands. */
import { AkcError } from "../errors.ts";
import { parseJson } from "../json/read.ts";
import type { JsonValue } from "../json/value.ts";
import type { BundleSource } from "./files.ts";

/** @throws AkcError JSON_… with `details.path` beside line and column */
export function readDocument({ text, path }: Pick<BundleSource, "text" | "path">): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const { code, message, hint, issues, details } = cause;
    throw new AkcError(code, { message, hint, issues, cause, details: { path, ...details } });
  }
}
