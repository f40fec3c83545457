/**
 * Reads the text of the configuration file: YAML 1.2, every fault with its line and column, nothing unknown accepted. Never touches a
 * disk, and never takes a file by half.
 */
import type * as v from "valibot";
import type { Issue } from "../../errors.ts";
import { readYamlAs } from "../../json/yaml-text.ts";
import { limits } from "../../limits.ts";
import { type AutopilotFile, AutopilotFileSchema, autopilotShape } from "./schema.ts";

export type FileReading =
  | {
      readonly kind: "read";
      readonly file: AutopilotFile;
      /** Line and column of what stands at a path of keys, or of the nearest thing above it. */
      placeAt(path: readonly string[]): Pick<Issue, "line" | "column">;
    }
  | { readonly kind: "faulty"; readonly issues: readonly Issue[] };

export function readAutopilotFile(text: string): FileReading {
  const reading = readYamlAs(text, {
    schema: AutopilotFileSchema,
    shape: autopilotShape,
    bytesMax: limits.autopilotConfigBytesMax,
    leastText: "version: 1",
    messageFor,
  });
  return reading.kind === "faulty"
    ? { kind: "faulty", issues: reading.issues }
    : { kind: "read", file: reading.value, placeAt: reading.placeAt };
}

function messageFor(issue: v.BaseIssue<unknown>, path: readonly string[]): string {
  if (issue.type === "strict_object" && issue.input === undefined) return `\`${path.at(-1)}\` is missing`;
  return `\`${path.join(".") || "the file"}\` ${issue.message}`;
}
