/**
 * A plan as a person writes it in `akc.yaml`, once it has been read: names resolved to nothing yet, places kept for errors.
 * Nothing here knows what a bundle looks like; `compile.ts` writes it down as one.
 */
import type { Issue } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";

/** A fault of the file with its place. Lines and columns count from 1. */
export interface PlacedIssue extends Issue {
  readonly line: number;
  readonly column: number;
  /** The rule that it breaks, as a stable word: `step-unknown`, `program-not-allowed`, … Listed in docs/akc-yaml.md. */
  readonly rule: string;
}

/** A file that the plan refers to (a script for stdin); the compiler is given its text, it never reads a disk. */
export interface NamedFile {
  readonly path: string;
  readonly text: string;
}

export interface Compiled {
  /** The bundle's document, v4. The same text and files always give the same bytes. */
  readonly bundle: JsonObject;
  /** Fingerprint of the bundle (spec bundle §1). */
  readonly sha256: string;
  readonly warnings: readonly PlacedIssue[];
  /** Id of the step that the file has for each step of the bundle: a step of a matrix has the name of its matrix. */
  readonly writtenAs: ReadonlyMap<string, string>;
  /** Line of the key at a path of keys: `["steps", "build"]`. Undefined where nobody wrote it. */
  lineOf(path: readonly string[]): number | undefined;
}
