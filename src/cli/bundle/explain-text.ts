/** An explanation as people read it, wrapped to their terminal, and as programs get it: the shape `BundleExplanation`. */
import type { ExplainedPart, Sentence } from "../../authoring/explain/model.ts";
import type { Place } from "../io.ts";
import type { Plain } from "../render/output.ts";
import { styleOf } from "../render/style.ts";
import { printable, wrap } from "../render/text.ts";

/** Sentences of one part; JSON has all. */
const sentencesShownMax = 150;
const columnsMax = 100;

export function explanationData(
  parts: readonly ExplainedPart[],
  { path, sha256 }: { readonly path: string; readonly sha256: string },
): Plain {
  return {
    kind: "BundleExplanation",
    path,
    sha256,
    parts: parts.map(({ part, title, sentences }) => ({
      part,
      title,
      sentences: sentences.map(({ text, about, line, denied }) => ({
        text,
        ...(about === undefined ? {} : { about }),
        ...(line === undefined ? {} : { line }),
        denied: denied === true,
      })),
    })),
  };
}

/** @param file the plan that the lines are of */
export function explanationText(
  parts: readonly ExplainedPart[],
  place: Place,
  file: string | undefined,
): string {
  const style = styleOf(place.color);
  const columns = place.isTerminal ? Math.max(20, Math.min(columnsMax, place.columns())) : undefined;
  const sentenceLines = (sentence: Sentence): readonly string[] => {
    const where =
      sentence.line === undefined || file === undefined ? "" : ` (${printable(file)}:${sentence.line})`;
    const text = `${printable(sentence.text)}${where}`;
    const lines = columns === undefined ? [text] : wrap(text, columns - 2);
    return lines.map((line) => `  ${sentence.denied === true ? style.bad(line) : line}`);
  };
  return parts
    .map(({ title, sentences }) => {
      const shown = sentences.slice(0, sentencesShownMax);
      const more = sentences.length - shown.length;
      return [
        style.strong(printable(title)),
        ...shown.flatMap(sentenceLines),
        ...(more > 0 ? [`  … and ${more} more; -o json has all`] : []),
      ].join("\n");
    })
    .join("\n\n");
}
