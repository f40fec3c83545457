/**
 * What a step takes of others: files, by `inputs`, and single outputs, by placeholders. Whether they come before it is asked
 * in `order.ts`; here only what is written is read, and whether it stands where it may.
 */
import { urlTemplateFault } from "../../bundle/placeholders.ts";
import { stepPathFault } from "../../bundle/shape/step-files.ts";
import { isJsonArray, isJsonObject, type JsonValue } from "../../json/value.ts";
import { type Faults, meant, type Path } from "../form/faults.ts";
import type { WrittenStep, WrittenSteps } from "../matrix.ts";
import { outputsTaken, plainText } from "../placeholder.ts";

export interface Taken {
  /** The step that it is taken of, by its id in the bundle. */
  readonly from: string;
  readonly path: Path;
  /** Only of a file: what the other step calls it, and where it is put for this one. */
  readonly file?: { readonly path: string; readonly as: string };
}

/** @param texts of files that become part of the step, each with its place */
export function takenBy(
  step: WrittenStep,
  all: WrittenSteps,
  texts: readonly { readonly text: string; readonly path: Path }[],
  faults: Faults,
): readonly Taken[] {
  const { form, path } = step;
  const at = (...keys: readonly string[]) => [...path, ...keys];
  const places: { readonly text: string; readonly path: Path }[] = [...texts];
  const [program = "", ...args] = form.run?.argv ?? [];
  plainText(program, at("run", "0"), faults);
  for (const [index, text] of args.entries()) places.push({ text, path: at("run", String(index + 1)) });
  if (typeof form.run?.stdin === "string") places.push({ text: form.run.stdin, path: at("run", "stdin") });
  for (const [name, text] of form.env ?? []) places.push({ text, path: at("env", name) });
  if (form.http !== undefined) {
    const { url } = form.http;
    places.push({ text: url, path: at("http", "url") });
    const wrong = url.includes("${{") ? urlTemplateFault(url) : undefined;
    if (wrong !== undefined) faults.add("placeholder-place", at("http", "url"), `the URL ${wrong}`);
    for (const [name, text] of form.http.headers ?? [])
      places.push({ text, path: at("http", "headers", name) });
    for (const text of textsIn(form.http.body)) places.push({ text, path: at("http", "body") });
  }
  for (const [index, file] of (form.outputs ?? []).entries())
    ownFile(file, at("outputs", String(index)), faults);
  const outputs = places.flatMap(({ text, path: place }) =>
    outputsTaken(text, place, faults).flatMap(({ step: id }) => {
      const from = oneStep(id, place, all, faults);
      return from === undefined ? [] : [{ from, path: place }];
    }),
  );
  return [...outputs, ...inputsOf(step, all, faults)];
}

function inputsOf(step: WrittenStep, all: WrittenSteps, faults: Faults): readonly Taken[] {
  const seen = new Set<string>();
  return (step.form.inputs ?? []).flatMap((input, index) => {
    const path = [...step.path, "inputs", String(index)];
    const slash = input.file.indexOf("/");
    const file = input.file.slice(slash + 1);
    const from = oneStep(input.file.slice(0, slash), path, all, faults);
    const as = input.as ?? file;
    if (!ownFile(file, path, faults) || !ownFile(as, path, faults) || from === undefined) return [];
    if (seen.has(as)) {
      const fix = "give one another name: `{file: STEP/FILE, as: NAME}`";
      faults.add("output-twice", path, `\`${as}\` would come twice into the step's folder; ${fix}`);
      return [];
    }
    seen.add(as);
    const outputs = all.byId.get(from)?.form.outputs ?? [];
    if (!outputs.includes(file)) {
      const why = `\`${from}\` does not put out \`${file}\``;
      const fix = `; add it to \`outputs\` of \`${from}\``;
      faults.add("output-unknown", path, `${why}${meant(file, outputs, fix)}`);
      return [];
    }
    return [{ from, path, file: { path: file, as } }];
  });
}

/** One step by the name that the file has for it; a matrix stands for several, of which one must be named. */
function oneStep(name: string, path: Path, all: WrittenSteps, faults: Faults): string | undefined {
  const ids = all.byKey.get(name);
  if (ids === undefined || ids.length === 0) {
    if (all.byId.has(name)) return name;
    const known = [...all.byKey.keys(), ...all.byId.keys()];
    faults.add("step-unknown", path, `there is no step \`${name}\`${meant(name, known)}`);
    return undefined;
  }
  if (ids.length === 1) return ids[0];
  faults.add(
    "step-unknown",
    path,
    `\`${name}\` is a matrix of ${ids.length} steps: name one, such as \`${ids[0]}\``,
  );
  return undefined;
}

function ownFile(file: string, path: Path, faults: Faults): boolean {
  const why = stepPathFault(file);
  if (why !== undefined) faults.add("file-unsafe", path, `\`${file}\` ${why}`);
  return why === undefined;
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  if (typeof value === "string") return [value];
  if (isJsonArray(value)) return value.flatMap(textsIn);
  return isJsonObject(value) ? Object.values(value).flatMap(textsIn) : [];
}
