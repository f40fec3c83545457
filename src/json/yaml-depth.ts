/**
 * How deeply a YAML text nests, before anybody builds a tree of it: a text of nothing but brackets would take minutes and
 * gigabytes. Looks at tokens only, and never judges them.
 *
 * Source: YAML 1.2.2 §7.4 (flow collections), §8.2 (compact block collections).
 */
import { Lexer } from "yaml";

/** Marks of the lexer that stand for no text of their own. */
const marks: ReadonlySet<string> = new Set(["\u0002", "\u0018", "\u001f"]);

/**
 * Where the text first nests deeper than `depthMax`, in UTF-16 units; undefined where it never does.
 * @param take is given every token up to there, so that nobody has to look for them again
 */
export function tooDeepAt(
  text: string,
  depthMax: number,
  take: (token: string) => void = () => {},
): number | undefined {
  let offset = 0;
  let flow = 0;
  // Indentation nests as well, but every level of it costs a line or a mark on the same one.
  let marksOfLine = 0;
  for (const token of new Lexer().lex(text)) {
    if (marks.has(token)) {
      take(token);
      continue;
    }
    if (token === "[" || token === "{") flow += 1;
    else if (token === "]" || token === "}") flow = Math.max(0, flow - 1);
    else if (token === "-" || token === "?") marksOfLine += 1;
    else if (token.startsWith("\n") || token.startsWith("\r")) marksOfLine = 0;
    if (flow > depthMax || marksOfLine > depthMax) return offset;
    take(token);
    offset += token.length;
  }
  return undefined;
}
