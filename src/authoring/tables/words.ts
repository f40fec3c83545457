/** The names and paths that several tables of a plan share. Readers only. */
import { limits } from "../../limits.ts";
import { list, named } from "../form/composed.ts";
import { lengthOfTime, text, word } from "../form/plain.ts";
import { made, type Reader, wrongForm } from "../form/reader.ts";

/** Without a dot, so that `steps.ID.outputs` can be told apart, and without a slash, so that `step/file` can. */
export const idPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
export const idWants = "letters, digits, `_` and `-`, at most 128, the first a letter or digit";

/** The name of something that a run knows by it: tenant, repository, run, signal. */
export const identifier: Reader<string> = text({
  pattern: /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  wants: "1 to 128 letters, digits, `.`, `_` or `-`, the first a letter or digit, without `..`",
});

export const roleName: Reader<string> = text({
  pattern: idPattern,
  wants: idWants,
});

/** Whether a relative path stays below where it starts and has one spelling. */
export function isConfined(path: string): boolean {
  const parts = path.split("/");
  return !/[\\\0]/.test(path) && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

/** Below the folder that it is relative to, without detours. */
export const relativePath: Reader<string> = made(text(), (path, at, ground) => {
  if (path.includes("${{") || isConfined(path)) return path;
  ground.faults.add(
    "file-unsafe",
    at,
    `\`${path}\` must be a relative path without \`..\`, \`.\`, \`\\\` or empty parts`,
  );
  return undefined;
});

/** A folder to read: also `.`, the repository itself. */
export const readableRoot: Reader<string> = made(text(), (path, at, ground) => {
  const plain = path.replace(/\/$/, "");
  if (plain === "." || isConfined(plain)) return plain;
  ground.faults.add("file-unsafe", at, `\`${path}\` must be a path below the plan's folder, without \`..\``);
  return undefined;
});

export const texts = list(text());
export const routeTimeout = lengthOfTime(1, limits.routeTimeoutMsMax);

export const argv: Reader<readonly string[]> = made(
  list(word, { least: 1, most: limits.argvItemsMax }),
  (items, path, ground) => {
    if (items[0]?.trim() === "") return wrongForm("begins with the name of a program", path, ground);
    const blank = items.findIndex((item) => item.trim() === "");
    // The runtime leaves such items out, so the program would not get what is written here.
    if (blank >= 0)
      return wrongForm(
        "holds a blank item, which no program would be given",
        [...path, String(blank)],
        ground,
      );
    const bytes = items.reduce((sum, item) => sum + Buffer.byteLength(item) + 1, 0);
    return bytes <= limits.argvBytesMax
      ? items
      : wrongForm(`is longer than ${limits.argvBytesMax} bytes`, path, ground);
  },
);

export const environment = named(
  "the name of a variable",
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  word,
  "a map of variables",
);
