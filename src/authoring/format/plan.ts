/**
 * Writes a plan in its one form: members in their order, two blanks of indentation, comments where they belong.
 * It changes how a file looks and never what it says: what does not read back as the same values is refused.
 */
import {
  Composer,
  type CST,
  Document,
  type DocumentOptions,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  type ParseOptions,
  Parser,
  type SchemaOptions,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { AkcError } from "../../errors.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { fromPlain } from "../../json/plain.ts";
import { markedTokens, partComment, unmarkComments } from "./comments.ts";
import { memberOrder } from "./order.ts";

/** As every YAML file that people write is read; the text is without faults when it comes here. */
const reading: ParseOptions & DocumentOptions & SchemaOptions = {
  schema: "core",
  customTags: [],
  resolveKnownTags: false,
  // None stands twice, or the text would have a fault; the library would compare each with every other.
  uniqueKeys: false,
  merge: false,
  strict: true,
  prettyErrors: false,
  logLevel: "error",
};

/** As many aliases as a plan may have when it is read. */
const aliasesMax = 100;
/** Some comments find their place only when the text is read again; it has always been the second time. */
const roundsMax = 6;

/**
 * `text` in its one form, which it already has when the answer is the same. Formatting what was formatted changes nothing.
 * @param text a plan that has been read without a fault
 * @throws AkcError INTERNAL where the form would say something else
 */
export function formatPlan(text: string): string {
  const first = roundOf(text);
  if (first.formed === text) return text;
  let { formed } = first;
  for (let round = 1; ; round++) {
    const again = roundOf(formed);
    if (again.formed === formed || round === roundsMax) {
      if (canonicalJson(fromPlain(again.meaning)) === canonicalJson(fromPlain(first.meaning))) return formed;
      throw new AkcError("INTERNAL", { message: "the plan would mean something else once formatted" });
    }
    formed = again.formed;
  }
}

interface Round {
  readonly formed: string;
  /** Of the text that came in. */
  readonly meaning: unknown;
}

function roundOf(text: string): Round {
  const { document, lines } = parsed(text.replaceAll("\r\n", "\n"));
  // Before anything is moved. A mark that came into a value would be seen here like any other change of it.
  const meaning = meaningOf(document);
  if (isMap(document.contents)) {
    const outer = settle(document.contents, (offset) => lines.linePos(offset).col - 1);
    if (outer !== "") document.comment = joined(outer, document.comment);
    raiseTitle(document, document.contents);
    // An alias must stand behind its anchor: such a file keeps its order.
    if (!hasAlias(document)) arrange(document.contents, []);
    space(document.contents);
  }
  thin(document);
  const written = document.toString({ indent: 2, lineWidth: 0, flowCollectionPadding: false });
  return { formed: `${unmarkComments(written).trimEnd()}\n`, meaning };
}

/** What the library's `parseDocument` does, but that comments are marked on their way: to lex a text twice takes a third more. */
function parsed(text: string): { readonly document: Document; readonly lines: LineCounter } {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const parts: CST.Token[] = [];
  for (const token of markedTokens(text)) for (const part of parser.next(token)) parts.push(part);
  for (const part of parser.end()) parts.push(part);
  const [document = new Document(null)] = new Composer(reading).compose(parts, true);
  return { document, lines };
}

/**
 * A comment behind the last member of a map or a list belongs to what comes next where it stands as far out as that.
 * @returns what belongs further out than `holder`
 */
function settle(holder: YAMLMap | YAMLSeq, columnOf: (offset: number) => number): string {
  if (holder.flow === true) return "";
  const rows = isMap(holder)
    ? holder.items.map(({ key, value }) => ({ head: isNode(key) ? key : undefined, value }))
    : holder.items.map((item) => ({ head: isNode(item) ? item : undefined, value: item }));
  const start = columnOf(rows[0]?.head?.range?.[0] ?? 0);
  // A list begins with its dash.
  const column = isMap(holder) ? start : Math.max(0, start - 2);
  let outer = "";
  for (const { head, value } of rows) {
    if (outer !== "" && head !== undefined) {
      head.commentBefore = joined(outer, head.commentBefore);
      outer = "";
    }
    if (isMap(value) || isSeq(value)) outer = settle(value, columnOf);
  }
  const parts = partComment(joined(outer, holder.comment), column);
  holder.comment = parts.own || null;
  return parts.outer;
}

function joined(one: string, other: string | null | undefined): string {
  return [one, other].filter(Boolean).join("\n");
}

/** As canonical JSON independent of the order of members, but for the keys that an author chooses: steps keep theirs. */
function meaningOf(document: Document): unknown {
  const value: unknown = document.toJS({ maxAliasCount: aliasesMax });
  const own = ["steps", "roles", "services"].map((key) => {
    const map = document.get(key);
    return isMap(map) ? map.items.map(wordOf) : [];
  });
  return [value, own];
}

function hasAlias(document: Document): boolean {
  let found = false;
  eachNode(document.contents, (node) => {
    found ||= isAlias(node);
  });
  return found;
}

/** All nodes, each before those that it holds. The library's `visit` freezes a path for each of them, which nobody needs here. */
function eachNode(node: unknown, see: (node: Node) => void): void {
  if (!isNode(node)) return;
  see(node);
  if (isSeq(node)) for (const item of node.items) eachNode(item, see);
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    eachNode(key, see);
    eachNode(value, see);
  }
}

/** What stands above the file and is set apart from its first member, and the line for editors, stay at its top. */
function raiseTitle(document: Document, top: YAMLMap): void {
  const key = top.items[0]?.key;
  if (!isScalar(key) || !key.commentBefore) return;
  const lines = key.commentBefore.split("\n");
  const apart = lines.lastIndexOf("");
  const modeline = lines[0]?.includes("yaml-language-server:") === true ? 1 : 0;
  const raised = Math.max(apart, modeline);
  if (raised <= 0) return;
  const title = lines.slice(0, raised).join("\n");
  document.commentBefore = [document.commentBefore, title].filter(Boolean).join("\n\n");
  key.commentBefore = lines.slice(apart === raised ? raised + 1 : raised).join("\n") || null;
}

function arrange(map: YAMLMap, path: readonly string[]): void {
  const order = memberOrder(path);
  const [first] = map.items;
  // What is said above the first member belongs to it, not to the map: it goes where the member goes.
  if (path.length > 0 && order.length > 0 && map.commentBefore && isScalar(first?.key)) {
    first.key.commentBefore = [map.commentBefore, first.key.commentBefore].filter(Boolean).join("\n");
    map.commentBefore = null;
  }
  const rank = (pair: Pair) => {
    const at = order.indexOf(wordOf(pair));
    return at < 0 ? order.length : at;
  };
  map.items.sort((one, other) => rank(one) - rank(other));
  for (const pair of map.items) if (isMap(pair.value)) arrange(pair.value, [...path, wordOf(pair)]);
}

/** One empty line before each part of the file that is longer than its line. */
function space(top: YAMLMap): void {
  for (const [index, { key, value }] of top.items.entries()) {
    if (!isScalar(key)) continue;
    const long = isCollection(value) && !isAlias(value) && value.flow !== true;
    if (index > 0 && long) key.spaceBefore = true;
    if (index === 0) key.spaceBefore = false;
  }
}

/** Never two empty lines in a row, nor one at the end of a map: there it stands before what comes next. */
function thin(document: Document): void {
  const thinned = (comment: string) => comment.replaceAll(/\n{3,}/g, "\n\n").replace(/\n+$/, "");
  eachNode(document.contents, (node) => {
    if (isMap(node)) {
      // What a map holds is thinned after the map, so the line end that asks for an empty line is still there.
      for (const [index, { key }] of node.items.entries()) {
        const before = node.items[index - 1]?.value;
        if (isScalar(key) && isNode(before) && before.comment?.endsWith("\n")) key.spaceBefore = true;
      }
    }
    if (node.commentBefore) node.commentBefore = thinned(node.commentBefore);
    if (node.comment) node.comment = thinned(node.comment);
  });
  if (document.comment) document.comment = thinned(document.comment);
  if (document.commentBefore) document.commentBefore = thinned(document.commentBefore);
}

function wordOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}
