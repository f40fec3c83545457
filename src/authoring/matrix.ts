/**
 * Writes the steps of a plan out: a step with a `matrix` becomes one for each combination of its values, with the values
 * filled into every text. Which step comes before which is not its affair.
 */
import { isJsonArray, isJsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { filledSizeOf } from "./check/size.ts";
import type { Faults, Path } from "./form/faults.ts";
import { filledIn, type MatrixValues } from "./placeholder.ts";
import type { StepForm } from "./tables/step.ts";
import { idPattern } from "./tables/words.ts";

/** One step of the bundle. */
export interface WrittenStep {
  readonly id: string;
  /** Key of the step in the file. */
  readonly writtenAs: string;
  readonly path: Path;
  readonly form: StepForm;
  readonly values: MatrixValues;
}

export interface WrittenSteps {
  /** In the order of the file; those of a matrix in the order of its values, the last value changing first. */
  readonly steps: readonly WrittenStep[];
  /** Ids of the steps that one key of the file stands for. */
  readonly byKey: ReadonlyMap<string, readonly string[]>;
  readonly byId: ReadonlyMap<string, WrittenStep>;
}

export function writtenOut(forms: ReadonlyMap<string, StepForm>, faults: Faults): WrittenSteps {
  const steps = new Map<string, WrittenStep>();
  const byKey = new Map<string, readonly string[]>();
  let size = 0;
  for (const [key, form] of forms) {
    const path = ["steps", key];
    const combinations = combinationsOf(form, path, faults, limits.planStepsMax - steps.size);
    size += filledSizeOf(form) * combinations.length;
    if (size > limits.planWrittenCharsMax) {
      const why = `written out, the plan up to here has more than ${limits.planWrittenCharsMax} characters`;
      faults.add("too-large", path, why, "key");
      byKey.set(key, []);
      continue;
    }
    const ids = combinations.map((values) => idOf(key, values));
    byKey.set(key, ids);
    for (const [index, values] of combinations.entries()) {
      const id = ids[index] ?? key;
      const taken = steps.get(id);
      if (taken !== undefined || (id !== key && forms.has(id))) {
        const other = taken?.writtenAs === key ? "two of its own combinations" : `\`${key}\` and \`${id}\``;
        faults.add("name-taken", path, `the id \`${id}\` would stand for ${other}: rename one`, "key");
        continue;
      }
      if (id !== key && !idPattern.test(id) && idPattern.test(key)) {
        faults.add("wrong-form", [...path, "matrix"], `gives a step an id that is none: \`${id}\``);
        continue;
      }
      steps.set(id, { id, writtenAs: key, path, form: filled(form, values, path, faults), values });
    }
  }
  return { steps: [...steps.values()], byKey, byId: steps };
}

const alone: MatrixValues = new Map();

function combinationsOf(form: StepForm, path: Path, faults: Faults, room: number): readonly MatrixValues[] {
  const axes = [...(form.matrix ?? [])];
  if (axes.length > limits.planMatrixNamesMax) {
    const why = `has more than ${limits.planMatrixNamesMax} names`;
    faults.add("too-large", [...path, "matrix"], why, "key");
    return [];
  }
  const total = axes.reduce((product, [, values]) => product * values.length, 1);
  if (total > room) {
    faults.add("too-large", path, `the plan has more than ${limits.planStepsMax} steps`, "key");
    return [];
  }
  return axes.reduce<readonly MatrixValues[]>(
    (rows, [name, values]) => rows.flatMap((row) => values.map((value) => new Map([...row, [name, value]]))),
    [alone],
  );
}

/** `test` and `unit` make `test-unit`; what an id may not hold becomes `-`. */
function idOf(key: string, values: MatrixValues): string {
  return [key, ...[...values.values()].map((value) => value.replaceAll(/[^A-Za-z0-9_-]/g, "-"))].join("-");
}

function filled(form: StepForm, values: MatrixValues, path: Path, faults: Faults): StepForm {
  const at = (...keys: readonly string[]) => [...path, ...keys];
  const text = (written: string, ...keys: readonly string[]) =>
    filledIn(written, values, at(...keys), faults);
  const texts = (written: readonly string[], ...keys: readonly string[]) =>
    written.map((item, index) => text(item, ...keys, String(index)));
  const table = (written: ReadonlyMap<string, string>, ...keys: readonly string[]) =>
    new Map([...written].map(([name, value]) => [name, text(value, ...keys, name)] as const));
  const json = (value: JsonValue, ...keys: readonly string[]) =>
    filledJson(value, values, at(...keys), faults);
  const { title, needs, run, http, wait, agent, env, inputs, outputs, node } = form;
  return {
    ...form,
    ...(title === undefined ? {} : { title: text(title, "title") }),
    ...(needs === undefined
      ? {}
      : { needs: needs.map((need, index) => ({ ...need, step: text(need.step, "needs", String(index)) })) }),
    ...(run === undefined ? {} : { run: filledRun(run, text, texts) }),
    ...(http === undefined
      ? {}
      : {
          http: {
            ...http,
            url: text(http.url, "http", "url"),
            ...(http.headers === undefined ? {} : { headers: table(http.headers, "http", "headers") }),
            ...(http.body === undefined ? {} : { body: json(http.body, "http", "body") }),
            ...(http.body_file === undefined ? {} : { body_file: text(http.body_file, "http", "body_file") }),
          },
        }),
    ...(wait === undefined
      ? {}
      : {
          wait: {
            ...wait,
            ...(wait.approval === undefined ? {} : { approval: text(wait.approval, "wait", "approval") }),
            ...(wait.signal === undefined ? {} : { signal: text(wait.signal, "wait", "signal") }),
          },
        }),
    ...(agent?.task === undefined ? {} : { agent: { ...agent, task: text(agent.task, "agent", "task") } }),
    ...(env === undefined ? {} : { env: table(env, "env") }),
    ...(inputs === undefined
      ? {}
      : {
          inputs: inputs.map((input, index) => ({
            ...input,
            file: text(input.file, "inputs", String(index)),
          })),
        }),
    ...(outputs === undefined ? {} : { outputs: texts(outputs, "outputs") }),
    ...(node === undefined ? {} : { node: filledMap(node, values, at("node"), faults) }),
  };
}

type Run = NonNullable<StepForm["run"]>;

function filledRun(
  run: Run,
  text: (written: string, ...keys: readonly string[]) => string,
  texts: (written: readonly string[], ...keys: readonly string[]) => readonly string[],
): Run {
  const argv = texts(run.argv, "run");
  const { stdin } = run;
  if (stdin === undefined) return { ...run, argv };
  if (typeof stdin === "string") return { ...run, argv, stdin: text(stdin, "run", "stdin") };
  const file =
    typeof stdin.file === "string"
      ? text(stdin.file, "run", "stdin", "file")
      : texts(stdin.file, "run", "stdin", "file");
  return { ...run, argv, stdin: { file } };
}

function filledJson(value: JsonValue, values: MatrixValues, path: Path, faults: Faults): JsonValue {
  if (typeof value === "string") return filledIn(value, values, path, faults);
  if (isJsonArray(value))
    return value.map((item, index) => filledJson(item, values, [...path, String(index)], faults));
  return isJsonObject(value) ? filledMap(value, values, path, faults) : value;
}

function filledMap(
  value: Readonly<Record<string, JsonValue>>,
  values: MatrixValues,
  path: Path,
  faults: Faults,
): Readonly<Record<string, JsonValue>> {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, filledJson(item, values, [...path, key], faults)]),
  );
}
