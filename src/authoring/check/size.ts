/**
 * How large a plan becomes once everything is written out: a few lines with a matrix, a file or an alias can ask for more than a host has.
 * It counts before anything is copied, and never judges what is counted.
 */
import type { Planned } from "../planned.ts";
import type { StepForm } from "../tables/step.ts";

/** Characters of all texts in a form, each as often as it is written out; keys and numbers count as well. */
export function sizeOf(value: unknown, lengthOf = (text: string) => text.length): number {
  if (typeof value === "string") return lengthOf(value);
  if (typeof value !== "object" || value === null) return smallest;
  let size = smallest;
  if (Array.isArray(value)) for (const item of value) size += sizeOf(item, lengthOf);
  else {
    const members = value instanceof Map ? value : Object.entries(value);
    for (const [key, item] of members) size += String(key).length + sizeOf(item, lengthOf);
  }
  return size;
}

/** An upper bound of one step of a matrix, with the longest values of it filled in everywhere. */
export function filledSizeOf({ matrix, ...form }: StepForm): number {
  if (matrix === undefined) return sizeOf(form);
  const longest = Math.max(0, ...[...matrix.values()].flat().map((value) => value.length));
  return sizeOf(form, (text) => text.length + (text.split("${{").length - 1) * longest);
}

/** Of the whole plan, with what its steps take from files and defaults. */
export function plannedSizeOf({ form, steps }: Planned): number {
  const { steps: _, ...whole } = form;
  const env = sizeOf(form.defaults?.env);
  return steps.reduce(
    (size, { id, form: { matrix: __, ...own }, stdin = "", bodyText = "", edges, values }) =>
      size +
      id.length +
      sizeOf(own) +
      sizeOf(values) +
      stdin.length +
      bodyText.length +
      (own.run === undefined ? 0 : env) +
      sizeOf(edges.map(({ from, metadata }) => ({ from, metadata }))),
    sizeOf(whole),
  );
}

/** Of a number, a bracket, a word such as `true`. */
const smallest = 4;
