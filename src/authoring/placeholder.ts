/**
 * The two placeholders of a plan: `${{ matrix.NAME }}`, which is filled in here, and `${{ steps.ID.outputs.KEY }}`, which is
 * left for the runtime to fill in when the step starts. `$${{` stands for the characters themselves.
 */
import { parseTemplate } from "../bundle/placeholders.ts";
import { type Faults, meant, type Path } from "./form/faults.ts";

/** Values of one step of a matrix, by name. */
export type MatrixValues = ReadonlyMap<string, string>;

const matrixForm = /(?<!\$)\$\{\{\s*matrix\.([A-Za-z0-9_-]+)\s*\}\}/g;

export interface OutputReference {
  readonly step: string;
  readonly key: string;
}

/** Fills in the values of a matrix; a name that it does not have is a fault at `path`. */
export function filledIn(text: string, values: MatrixValues, path: Path, faults: Faults): string {
  if (!text.includes("${{")) return text;
  return text.replaceAll(matrixForm, (whole, name: string) => {
    const value = values.get(name);
    if (value !== undefined) return value;
    const known = [...values.keys()];
    const why =
      known.length === 0
        ? "the step has no `matrix`"
        : `the step's matrix has no \`${name}\`${meant(name, known, `; it has ${known.join(", ")}`)}`;
    faults.add("placeholder-unknown", path, `\`${whole}\`: ${why}`);
    return "";
  });
}

/** Which outputs a text takes, after the values of the matrix were filled in. */
export function outputsTaken(text: string, path: Path, faults: Faults): readonly OutputReference[] {
  if (!text.includes("${{")) return [];
  const template = parseTemplate(text);
  if (template.kind === "template")
    return template.parts.flatMap((part) =>
      typeof part === "string" ? [] : [{ step: part.stepId, key: part.key.join(".") }],
    );
  faults.add(
    "placeholder-unknown",
    path,
    `the text ${template.why}, and matrix.NAME of the step's own matrix`,
  );
  return [];
}

/** A text in which nothing is filled in when the step starts. */
export function plainText(text: string, path: Path, faults: Faults): void {
  for (const { step, key } of outputsTaken(text, path, faults)) {
    const what = `\`steps.${step}.outputs.${key}\` is not filled in here`;
    faults.add("placeholder-place", path, `${what}: a program is always written out`);
  }
}
