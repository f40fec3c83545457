/**
 * Where two small documents begin to differ, apart from the lines that tell of places and of the version that wrote them.
 */
import { readFile } from "node:fs/promises";
import type { TextDifference } from "./first-difference.ts";

/** A tree may be moved, and written again by a later akc: these lines then say something else and nothing is wrong. */
const ofPlaceOrVersion =
  /^\s*"(\w*_path|path|scope_dir|outputs_root|akc_version|fingerprint_sha256|sha256)": /;

/** undefined when nothing else differs. @throws when one of them cannot be read */
export async function firstLineDifference(
  expectedPath: string,
  foundPath: string,
): Promise<TextDifference | undefined> {
  const expected = (await readFile(expectedPath, "utf8")).split("\n");
  const found = (await readFile(foundPath, "utf8")).split("\n");
  const lines = Math.max(expected.length, found.length);
  for (let index = 0; index < lines; index += 1) {
    const left = expected[index];
    const right = found[index];
    if (left === right) continue;
    if (
      left !== undefined &&
      right !== undefined &&
      ofPlaceOrVersion.test(left) &&
      ofPlaceOrVersion.test(right)
    )
      continue;
    return {
      line: index + 1,
      row: 0,
      expected: left?.trim() ?? "(end of the file)",
      found: right?.trim() ?? "(end of the file)",
    };
  }
  return undefined;
}
