/**
 * The shape of `runtime_execution.files`: which files a step takes from the steps before it and which it leaves, and which
 * paths they may have. It judges text only; what stands in a step's folder is asked where the step is carried out.
 *
 * Source: docs/step-files.md.
 */
import { isJsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { listAt, member } from "../member.ts";
import type { StepFiles } from "../model.ts";
import { all, faultAt, filledText, issuesOf, listOf, type Report, type Rule, record, text } from "./rule.ts";

/** Why a file of a step cannot have this path below the step's folder; undefined when it can. */
export function stepPathFault(path: string): string | undefined {
  if (path === "") return "must not be empty";
  if (/\p{Cc}/u.test(path)) return "must not hold a control character";
  if (path.includes("\\")) return 'must be written with "/"';
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "must be relative to the step's working folder";
  if (new TextEncoder().encode(path).byteLength > limits.stepFilePathBytesMax)
    return `must not be longer than ${limits.stepFilePathBytesMax} bytes`;
  const parts = path.split("/");
  if (parts.length > limits.stepFilePathPartsMax)
    return `must not lie deeper than ${limits.stepFilePathPartsMax} folders`;
  if (parts.some((part) => part === "" || part === "." || part === ".."))
    return 'must not hold "..", "." or an empty part';
  if (parts.some((part) => part.toLowerCase() === ".akc")) return 'must not lead through ".akc"';
  if (parts.some((part) => new TextEncoder().encode(part).byteLength > 255))
    return "has a part that is longer than 255 bytes";
  return undefined;
}

const stepPath: Rule = all(text(), (value, report) => {
  const wrong = typeof value === "string" ? stepPathFault(value) : undefined;
  if (wrong !== undefined) faultAt(report, [], wrong);
});

const closed = { closed: true };

/** Judges the value of `files`. */
export const stepFilesShape: Rule = all(
  record(
    {},
    {
      inputs: listOf(record({ step: filledText, path: stepPath }, { as: stepPath }, closed)),
      outputs: listOf(stepPath),
    },
    closed,
  ),
  placesAreDistinct,
);

function placesAreDistinct(value: JsonValue, report: Report): void {
  if (!isJsonObject(value)) return;
  const inputs = listAt(value, "inputs").map((input) =>
    isJsonObject(input) ? (member(input, "as") ?? member(input, "path")) : undefined,
  );
  const outputs = listAt(value, "outputs");
  const places = [
    ...inputs.map((path, index) => ({ path, at: ["inputs", index] as const })),
    ...outputs.map((path, index) => ({ path, at: ["outputs", index] as const })),
  ];
  for (const [kind, list] of [
    ["inputs", inputs],
    ["outputs", outputs],
  ] as const) {
    if (list.length > limits.stepFilesMax)
      faultAt(report, [kind], `must not have more than ${limits.stepFilesMax} items`);
    const seen = new Set<unknown>();
    for (const [index, path] of list.entries()) {
      if (typeof path === "string" && seen.has(path))
        faultAt(report, [kind, index], `"${path}" stands here for the second time`);
      seen.add(path);
    }
  }
  const all = new Set(places.map(({ path }) => path));
  for (const { path, at } of places) {
    const folder = typeof path === "string" ? foldersOf(path).find((one) => all.has(one)) : undefined;
    if (folder !== undefined) faultAt(report, at, `"${folder}" is a file already and cannot be a folder too`);
  }
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** The files, or in words the first thing that is wrong with them. */
export function readStepFiles(value: JsonValue): StepFiles | string {
  const [issue] = issuesOf(value, stepFilesShape);
  if (issue !== undefined) return `files${issue.path} ${issue.message}`;
  if (!isJsonObject(value)) return "files must be an object";
  const inputs = listAt(value, "inputs").flatMap((input) => {
    if (!isJsonObject(input)) return [];
    const { step, path, as = path } = input;
    return typeof step === "string" && typeof path === "string" && typeof as === "string"
      ? [{ stepId: step, path, as }]
      : [];
  });
  const outputs = listAt(value, "outputs").filter((path) => typeof path === "string");
  return { inputs, outputs };
}
