/**
 * Walks the YAML tree of a file that people write: what stands where, and which keys or shapes do not belong.
 * Never reads a value; the schema does that.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Pair,
  type YAMLMap,
} from "yaml";
import type { Issue } from "../errors.ts";
import { limits } from "../limits.ts";
import { nearestWord } from "../spelling.ts";
import { pointer } from "./pointer.ts";
import { type DocumentShape, impossibleKeys } from "./yaml-shape.ts";

export interface YamlText {
  readonly document: Document;
  readonly lines: LineCounter;
}

/** Keys that nobody knows, keys that are no words, and maps that are none: what the schema would not report. */
export function shapeIssues(text: YamlText, shape: DocumentShape): readonly Issue[] {
  return mapIssues(text, shape, text.document.contents, []);
}

function mapIssues(
  text: YamlText,
  shape: DocumentShape,
  node: unknown,
  path: readonly string[],
): readonly Issue[] {
  if (!shape.isMapAt(path)) return listIssues(text, shape, node, path);
  const map = target(text, node);
  if (!isMap(map)) {
    const subject = path.length === 0 ? "the file" : `\`${path.join(".")}\``;
    return [{ path: pointer(...path), message: `${subject} must be a map`, ...placeOf(text, node) }];
  }
  const known = shape.keysAt(path);
  return map.items.flatMap((pair): readonly Issue[] => {
    const key = wordOf(pair);
    const at = placeOf(text, pair.key);
    if (key === undefined)
      return [{ path: pointer(...path, String(pair.key)), message: "a key must be a word", ...at }];
    const here = [...path, key];
    if (known !== undefined && !known.includes(key)) {
      return [{ path: pointer(...here), message: unknownKey(key, known), ...at }];
    }
    if (known === undefined && impossibleKeys.includes(key)) {
      return [{ path: pointer(...here), message: `\`${key}\` is not ${shape.keyNoun(path)}`, ...at }];
    }
    return mapIssues(text, shape, pair.value, here);
  });
}

/** Of the maps in a list of them. */
function listIssues(
  text: YamlText,
  shape: DocumentShape,
  node: unknown,
  path: readonly string[],
): readonly Issue[] {
  const list = target(text, node);
  if (!isSeq(list) || !shape.isMapAt([...path, "0"])) return [];
  return list.items.flatMap((item, index) => mapIssues(text, shape, item, [...path, String(index)]));
}

/**
 * Keys that are no words, and those that stand twice in one map, however they are written (`1` and `"1"`): one of the two would
 * be lost in silence. The library's own check compares every key with every other one; a long file would take minutes.
 */
export function keyIssues(text: YamlText): readonly Issue[] {
  const issues: Issue[] = [];
  // No recursion: a text may be nested deeper than the stack reaches.
  const open: unknown[] = [text.document.contents];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (issues.length >= limits.issuesCollectedMax) break;
    if (isSeq(node)) {
      for (const item of node.items) if (isMap(item) || isSeq(item)) open.push(item);
    } else if (isMap(node)) {
      for (const issue of keyIssuesOf(text, node)) issues.push(issue);
      for (const { value } of node.items) if (isMap(value) || isSeq(value)) open.push(value);
    }
  }
  return issues;
}

function keyIssuesOf(text: YamlText, map: YAMLMap): readonly Issue[] {
  const seen = new Set<string>();
  return map.items.flatMap((pair): readonly Issue[] => {
    const key = wordOf(pair);
    if (key === undefined) return [{ path: "", message: "a key must be a word", ...placeOf(text, pair.key) }];
    if (seen.has(key)) return [{ path: "", message: "Map keys must be unique", ...placeOf(text, pair.key) }];
    seen.add(key);
    return [];
  });
}

/** The words for a key that nobody knows. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  return `unknown key \`${key}\`; ${near === undefined ? `known: ${known.join(", ")}` : `did you mean \`${near}\`?`}`;
}

/** Line and column of the value (or key) at `path`, or of the nearest thing above it that is there. */
export function placeAt(
  text: YamlText,
  path: readonly string[],
  what: "value" | "key" = "value",
): Pick<Issue, "line" | "column"> {
  let node: unknown = text.document.contents;
  let place = placeOf(text, node);
  for (const [depth, key] of path.entries()) {
    const holder = target(text, node);
    if (isMap(holder)) {
      const pair = pairOf(holder, key);
      if (pair === undefined) break;
      node = pair.value;
      const ofKey = what === "key" && depth === path.length - 1;
      place = placeOf(text, ofKey ? pair.key : (node ?? pair.key));
    } else if (isSeq(holder)) {
      node = holder.items[Number(key)];
      place = placeOf(text, node);
    } else break;
  }
  return place;
}

/** Where the key at the end of `path` stands; undefined where there is no such key. */
export function keyPlaceAt(
  text: YamlText,
  path: readonly string[],
): { readonly line: number; readonly column: number } | undefined {
  let node: unknown = text.document.contents;
  let pair: Pair | undefined;
  for (const key of path) {
    const holder = target(text, node);
    pair = isMap(holder) ? pairOf(holder, key) : undefined;
    node = isSeq(holder) ? holder.items[Number(key)] : pair?.value;
    if (pair === undefined && node === undefined) return undefined;
  }
  return pair === undefined ? undefined : placeOf(text, pair.key);
}

/** Where each key of the map at `path` stands; empty where there is none. */
export function keyPlaces(
  text: YamlText,
  path: readonly string[],
): ReadonlyMap<string, { readonly line: number; readonly column: number }> {
  let node: unknown = text.document.contents;
  for (const key of path) {
    const holder = target(text, node);
    node = isMap(holder) ? pairOf(holder, key)?.value : undefined;
  }
  const map = target(text, node);
  const pairs = isMap(map) ? map.items : [];
  return new Map(pairs.map((pair) => [wordOf(pair) ?? "", placeOf(text, pair.key)]));
}

/** Line and column of an offset into the text, both from 1. */
export function placeOfOffset(
  lines: LineCounter,
  offset: number,
): { readonly line: number; readonly column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function placeOf({ lines }: YamlText, node: unknown): { readonly line: number; readonly column: number } {
  const known = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node);
  return placeOfOffset(lines, known ? (node.range?.[0] ?? 0) : 0);
}

/** Pairs by key, once for each map: whoever asks for one place often asks for many. */
const pairsOf = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  let pairs = pairsOf.get(map);
  if (pairs === undefined) {
    // Of a repeated key the first counts.
    pairs = new Map(map.items.toReversed().map((pair) => [wordOf(pair) ?? "", pair]));
    pairsOf.set(map, pairs);
  }
  return pairs.get(key);
}

function target({ document }: YamlText, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function wordOf(pair: Pair): string | undefined {
  return isScalar(pair.key) && pair.key.value !== null ? String(pair.key.value) : undefined;
}
