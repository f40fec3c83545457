/**
 * Reads a YAML file that people write: one document of plain values, checked with a schema, every fault with its line and
 * column, nothing unknown accepted. Never takes a file by half, and never touches a disk.
 */
import type * as v from "valibot";
import { safeParse } from "valibot";
import { Composer, type CST, Document, LineCounter, Parser, YAMLParseError } from "yaml";
import type { Issue } from "../errors.ts";
import { limits } from "../limits.ts";
import { pointer } from "./pointer.ts";
import { positionAt } from "./position.ts";
import { tooDeepAt } from "./yaml-depth.ts";
import {
  keyIssues,
  keyPlaceAt,
  keyPlaces,
  placeAt,
  placeOfOffset,
  shapeIssues,
  type YamlText,
} from "./yaml-places.ts";
import type { DocumentShape } from "./yaml-shape.ts";

/** A file for people has use for some repetition, not for a bomb. */
const aliasesMax = 100;

export interface YamlFormat<Schema extends v.GenericSchema> {
  readonly schema: Schema;
  readonly shape: DocumentShape;
  readonly bytesMax: number;
  /** What an empty file lacks, e.g. `schema: akc.policy/v1`. */
  readonly leastText: string;
  /** Words for a fault of a value at `path`. */
  messageFor(issue: v.BaseIssue<unknown>, path: readonly string[]): string;
  /** What schema and shape cannot tell, since it depends on what is written elsewhere in the file. */
  faultsIn?(raw: unknown): readonly YamlFault[];
}

export interface YamlFault {
  /** Keys from the top of the file. */
  readonly path: readonly string[];
  readonly message: string;
  /** Where it is shown: at the value unless said. */
  readonly at?: "value" | "key";
}

export type YamlReading<Value> =
  | {
      readonly kind: "read";
      readonly value: Value;
      /** Where the value at a path of keys stands, or the nearest thing above it that is there. */
      placeAt(path: readonly string[], what?: "value" | "key"): Pick<Issue, "line" | "column">;
      /** Where the key at the end of a path stands; undefined where there is no such key. */
      keyPlaceAt(path: readonly string[]): { readonly line: number; readonly column: number } | undefined;
      /** Where each key of the map at `path` stands. */
      keyPlaces(
        path: readonly string[],
      ): ReadonlyMap<string, { readonly line: number; readonly column: number }>;
      /** As written, before the schema. */
      readonly raw: unknown;
    }
  /** In the order of the text. `cause` is what the library threw, if it did. */
  | { readonly kind: "faulty"; readonly issues: readonly Issue[]; readonly cause?: unknown };

export function readYamlAs<const Schema extends v.GenericSchema>(
  text: string,
  format: YamlFormat<Schema>,
): YamlReading<v.InferOutput<Schema>> {
  const sizeBytes = new TextEncoder().encode(text).byteLength;
  if (sizeBytes > format.bytesMax) {
    return faulty([
      {
        path: "",
        message: `the file has ${sizeBytes} bytes; at most ${format.bytesMax} are read`,
      },
    ]);
  }
  try {
    return readChecked(text, format);
  } catch (cause) {
    // The library throws when it runs out of stack or meets too many aliases.
    const why = cause instanceof RangeError ? "the file is nested too deeply" : messageOf(cause);
    return { kind: "faulty", issues: [{ path: "", message: why }], cause };
  }
}

function readChecked<const Schema extends v.GenericSchema>(
  text: string,
  format: YamlFormat<Schema>,
): YamlReading<v.InferOutput<Schema>> {
  const yaml = parse(text);
  if (yaml.kind === "too-deep") {
    return faulty([{ path: "", message: "the file is nested too deeply", ...positionAt(text, yaml.offset) }]);
  }
  // A tag that the core schema does not know is only a warning to the library; here it is a fault.
  const faults = [...yaml.document.errors, ...yaml.document.warnings];
  const misread = faults.slice(0, limits.issuesCollectedMax).map((fault) => ({
    path: "",
    message: fault.message,
    ...placeOfOffset(yaml.lines, fault.pos[0]),
  }));
  const unreadable = [...misread, ...keyIssues(yaml)].sort(byPlace);
  if (unreadable.length > 0) return faulty(unreadable);
  if (yaml.document.contents === null) {
    const message = `the file is empty: it needs at least \`${format.leastText}\``;
    return faulty([{ path: "", message, line: 1, column: 1 }]);
  }
  const shape = shapeIssues(yaml, format.shape);
  const raw: unknown = yaml.document.toJS({ maxAliasCount: aliasesMax });
  const result = safeParse(format.schema, raw);
  const further = (format.faultsIn?.(raw) ?? []).map(({ path, message, at }) => ({
    path: pointer(...path),
    message,
    ...placeAt(yaml, path, at),
  }));
  if (result.success && shape.length + further.length === 0) {
    return {
      kind: "read",
      value: result.output,
      placeAt: (path, what) => placeAt(yaml, path, what),
      keyPlaceAt: (path) => keyPlaceAt(yaml, path),
      keyPlaces: (path) => keyPlaces(yaml, path),
      raw,
    };
  }
  const shapeless = new Set(shape.map((issue) => issue.path));
  const values = (result.issues ?? [])
    .filter((issue) => issue.expected !== "never")
    .map((issue) => valueIssue(issue, yaml, format))
    .filter(({ path }) => !withAncestors(path).some((above) => shapeless.has(above)));
  return faulty([...shape, ...values, ...further].sort(byPlace));
}

/** `/a/b` and what it stands in: `/a/b`, `/a`, and the file itself. */
function withAncestors(path: string): readonly string[] {
  const keys = path.split("/");
  return keys.map((_, index) => keys.slice(0, keys.length - index).join("/"));
}

type ParsedText =
  | (YamlText & { readonly kind: "tree" })
  | { readonly kind: "too-deep"; readonly offset: number };

/** What the library's `parseDocument` does, but for one thing: its tokens are looked at on their way, and no tree is made of too deep ones. */
function parse(text: string): ParsedText {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const parts: CST.Token[] = [];
  const offset = tooDeepAt(text, limits.jsonDepthMax, (token) => {
    for (const part of parser.next(token)) parts.push(part);
  });
  if (offset !== undefined) return { kind: "too-deep", offset };
  for (const part of parser.end()) parts.push(part);
  const composer = new Composer({
    prettyErrors: false,
    logLevel: "error",
    schema: "core",
    customTags: [],
    resolveKnownTags: false,
    uniqueKeys: false,
    merge: false,
    strict: true,
  });
  const [document = new Document(null), second] = composer.compose(parts, true, text.length);
  if (second !== undefined) {
    const [from, to] = second.range;
    const message = "Source contains multiple documents";
    document.errors.push(new YAMLParseError([from, to], "MULTIPLE_DOCS", message));
  }
  return { kind: "tree", document, lines };
}

/** One fault of a value, at its place in the text. */
function valueIssue(
  issue: v.BaseIssue<unknown>,
  yaml: YamlText,
  format: Pick<YamlFormat<v.GenericSchema>, "messageFor">,
): Issue {
  const path = (issue.path ?? []).map((item) => String(item.key));
  const what = issue.path?.at(-1)?.origin === "key" ? "key" : "value";
  return { path: pointer(...path), message: format.messageFor(issue, path), ...placeAt(yaml, path, what) };
}

export function byPlace(a: Issue, b: Issue): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function faulty(issues: readonly Issue[]): { readonly kind: "faulty"; readonly issues: readonly Issue[] } {
  return { kind: "faulty", issues };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : "the text cannot be read";
}
