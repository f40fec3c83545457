/**
 * What it takes to come from a plan of ten thousand steps to its bundle: as a chain, as a fan and as one matrix, in process beside
 * the least that anybody needs who does the same (to parse the text, to read and write JSON of that size); then whole commands, and an
 * answer to a press of the tab key.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { compilePlan } from "../../src/authoring/compile.ts";
import { formatPlan } from "../../src/authoring/format/plan.ts";
import { prettyJson } from "../../src/json/canonical.ts";
import { type BenchRow, median, medianMs, printRows } from "./row.ts";

/** `AKC_BENCH_STEPS=1000` for a first look. */
const steps = Number(process.env["AKC_BENCH_STEPS"] ?? 10_000);
const turns = 3;
const binary = join(import.meta.dir, "../../dist/akc");

export async function benchAuthoring(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-authoring-"));
  try {
    const chain = await formed(folder, "chain", stepsOf(chained));
    const fan = await formed(folder, "fan", stepsOf(fanned));
    const matrix = await formed(folder, "matrix", matrixed());
    return [
      ...compiling("a chain", chain.text),
      ...compiling("a fan", fan.text),
      ...compiling("a matrix", matrix.text),
      ...(await commands(chain.path, folder)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compiling(form: string, text: string): readonly BenchRow[] {
  const bundle = prettyJson(compilePlan({ text, path: "akc.yaml" }, []).bundle);
  const times = medianMs(turns, {
    yaml: () => parseDocument(text, { lineCounter: new LineCounter(), uniqueKeys: false }),
    json: () => JSON.stringify(JSON.parse(bundle)),
    compile: () => compilePlan({ text, path: "akc.yaml" }, []),
  });
  const of = (name: string) => times.get(name) ?? Number.NaN;
  const said = `${form} of ${steps} steps, ${megabytes(text)} MB of text, ${megabytes(bundle)} MB of bundle`;
  const least = of("yaml") + of("json");
  return [
    { name: `${said}: parsed by the yaml library`, value: of("yaml"), unit: "ms" },
    { name: `${said}: JSON.parse and JSON.stringify of the bundle`, value: of("json"), unit: "ms" },
    {
      name: `${said}: compiled`,
      value: of("compile"),
      unit: "ms",
      baseline: "both of them",
      ratio: of("compile") / least,
      goal: "under 1 s on a quiet core",
    },
  ];
}

async function commands(plan: string, folder: string): Promise<readonly BenchRow[]> {
  const bundle = join(folder, "bench.json");
  const build = ["bundle", "build", plan, "--out", bundle];
  await spawned(build);
  const validate = await middleOf(["bundle", "validate", bundle]);
  const version = await middleOf(["--version"]);
  const beside = async (name: string, args: readonly string[]): Promise<readonly BenchRow[]> => {
    const { wallMs, cpuMs } = await middleOf(args);
    const compared = { unit: "ms", baseline: "akc bundle validate", goal: "under 3 s" };
    return [
      { ...compared, name, value: wallMs, ratio: wallMs / validate.wallMs },
      { ...compared, name: `${name}, processor time`, value: cpuMs, ratio: cpuMs / validate.cpuMs },
    ];
  };
  const completion = await middleOf(["__complete", "--", "runtime", "st"]);
  return [
    { name: `akc bundle validate, ${steps} steps`, value: validate.wallMs, unit: "ms" },
    { name: "akc bundle validate, processor time", value: validate.cpuMs, unit: "ms" },
    ...(await beside("akc bundle build of the chain", build)),
    ...(await beside("akc plan", ["plan", plan])),
    ...(await beside("akc bundle explain", ["bundle", "explain", plan])),
    ...(await beside("akc bundle diff with itself", ["bundle", "diff", plan, bundle])),
    ...(await beside("akc bundle fmt --check", ["bundle", "fmt", "--check", plan])),
    {
      name: "an answer to the tab key",
      value: completion.wallMs,
      unit: "ms",
      baseline: "akc --version",
      ratio: completion.wallMs / version.wallMs,
    },
    { name: "an answer to the tab key, processor time", value: completion.cpuMs, unit: "ms" },
  ];
}

async function formed(folder: string, name: string, body: string) {
  const head = `version: 1\nscope: acme/shop\nname: ${name}\npolicy: {programs: ["true"]}\nsteps:\n`;
  const path = join(folder, `${name}.yaml`);
  const text = formatPlan(`${head}${body}`);
  await Bun.write(path, text);
  return { path, text };
}

function stepsOf(needs: (index: number) => readonly number[]): string {
  return Array.from({ length: steps }, (_, index) => {
    const needed = needs(index).map(idOf);
    const after = needed.length === 0 ? "" : `    needs: [${needed.join(", ")}]\n`;
    return `  ${idOf(index)}:\n    title: Step number ${index}\n${after}    run: ["true", "${index}"]\n`;
  }).join("");
}

function chained(index: number): readonly number[] {
  return index === 0 ? [] : [index - 1];
}

/** All but two stand between the first and the last. */
function fanned(index: number): readonly number[] {
  if (index < steps - 1) return index === 0 ? [] : [0];
  return Array.from({ length: steps - 2 }, (_, other) => other + 1);
}

function matrixed(): string {
  const values = (letter: string) =>
    Array.from({ length: Math.round(Math.sqrt(steps)) }, (_, index) => `${letter}${index}`).join(", ");
  const argv = ["true", "$", "{{ matrix.a }}"];
  return `  cell:\n    matrix:\n      a: [${values("a")}]\n      b: [${values("b")}]\n    run: ["${argv[0]}", "${argv[1]}${argv[2]}"]\n`;
}

function idOf(index: number): string {
  return `step-${String(index).padStart(5, "0")}`;
}

function megabytes(text: string): string {
  return (text.length / 1e6).toFixed(1);
}

interface Spent {
  readonly wallMs: number;
  /** In all threads, the engine's compiler and collector included: what a busy machine changes least. */
  readonly cpuMs: number;
}

async function middleOf(args: readonly string[]): Promise<Spent> {
  const spent: Spent[] = [];
  for (let turn = 0; turn < turns; turn += 1) spent.push(await spawned(args));
  return {
    wallMs: median(spent.map(({ wallMs }) => wallMs)),
    cpuMs: median(spent.map(({ cpuMs }) => cpuMs)),
  };
}

async function spawned(args: readonly string[]): Promise<Spent> {
  const started = performance.now();
  const child = Bun.spawn([binary, ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const [words, exit] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  const wallMs = performance.now() - started;
  if (exit !== 0) throw new Error(`akc ${args.join(" ")} ended with ${exit}:\n${words}`);
  return { wallMs, cpuMs: Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN) / 1000 };
}

if (import.meta.main) printRows(await benchAuthoring());
