/**
 * What whole commands of the built binary cost: starting up, planning, and running processes, each against the nearest
 * thing that does the same without akc, taken in turns.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleOf } from "./documents.ts";
import { writeNoopBundle } from "./noop-bundle.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const akc = join(import.meta.dir, "../../dist/akc");
const processes = 1_000;
const width = 4;

export async function benchCommands(): Promise<BenchRow[]> {
  if (!existsSync(akc)) throw new Error("dist/akc is not built: run the build first");
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-commands-"));
  try {
    return [...(await starting(folder)), ...(await planning(folder)), ...(await running(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function starting(folder: string): Promise<BenchRow[]> {
  writeFileSync(join(folder, "hello.ts"), 'console.log("hello");\n');
  const hello = join(folder, "hello");
  const built = await Bun.build({
    entrypoints: [join(folder, "hello.ts")],
    minify: true,
    bytecode: true,
    format: "esm",
    target: "bun",
    compile: { outfile: hello },
  });
  if (!built.success) throw new Error("hello-world did not build");
  const small = await writeNoopBundle(join(folder, "small"), { steps: 8, width: 4 });
  const times = await inTurns(30, {
    hello: [hello],
    version: [akc, "--version"],
    plan: [akc, "runtime", "coordination-plan", "--bundle", small],
  });
  const base = times("hello");
  return [
    { name: "hello-world, compiled with the same Bun", value: base, unit: "ms" },
    compared("akc --version", times("version"), base, "hello-world", "at most 1.5x"),
    { name: "akc runtime coordination-plan, 8 steps", value: times("plan"), unit: "ms", goal: "under 40 ms" },
  ];
}

async function planning(folder: string): Promise<BenchRow[]> {
  const file = join(folder, "large.json");
  await Bun.write(file, JSON.stringify(bundleOf(100_000)));
  const parse = join(folder, "parse.ts");
  writeFileSync(
    parse,
    `const text = require("node:fs").readFileSync(${JSON.stringify(file)}, "utf8");
const started = performance.now(); JSON.parse(text); console.log(performance.now() - started);\n`,
  );
  const parses: number[] = [];
  const plans: number[] = [];
  for (let turn = 0; turn <= 5; turn += 1) {
    const child = Bun.spawn([process.execPath, parse], { stdout: "pipe" });
    parses.push(Number(await new Response(child.stdout).text()));
    plans.push(await spawnedMs([akc, "runtime", "coordination-plan", "--bundle", file]));
  }
  const base = median(parses);
  return [
    { name: "JSON.parse of 100 000 steps, 200 000 edges", value: base, unit: "ms" },
    compared(
      "akc runtime coordination-plan of the same file",
      median(plans),
      base,
      "JSON.parse",
      "at most 8x",
    ),
  ];
}

async function running(folder: string): Promise<BenchRow[]> {
  const targets = Array.from({ length: processes }, (_, index) => index);
  const rules = targets.map(
    (index) => `t${index}:${index < width ? "" : ` t${index - width}`}\n\t@/bin/true\n`,
  );
  const all = targets.map((index) => `t${index}`).join(" ");
  const makefile = join(folder, "graph.mk");
  writeFileSync(makefile, `.PHONY: all ${all}\nall: ${all}\n${rules.join("")}`);
  const outputs = join(folder, "outputs");
  const bundle = await writeNoopBundle(outputs, { steps: processes, width, argv: ["/bin/true"] });
  const times = await inTurns(5, {
    make: ["make", "-s", `-j${width}`, "-f", makefile],
    akc: [akc, "runtime", "start", "--bundle", bundle, "--mode", "enforce", "--quiet"],
  });
  const base = times("make");
  return [
    { name: `make -j4, ${processes} x /bin/true`, value: base, unit: "ms" },
    compared("akc runtime start, the same graph, Landlock", times("akc"), base, "make -j4", "at most 1.3x"),
  ];
}

function compared(name: string, value: number, base: number, baseline: string, goal: string): BenchRow {
  return { name, value, unit: "ms", baseline, ratio: value / base, goal };
}

/** Median milliseconds of each command, taken in turns; the first turn only warms up. */
async function inTurns<Name extends string>(
  turns: number,
  commands: Readonly<Record<Name, readonly string[]>>,
): Promise<(name: Name) => number> {
  const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  for (let turn = 0; turn <= turns; turn += 1) {
    for (const [name, argv] of Object.entries<readonly string[]>(commands)) {
      const ms = await spawnedMs(argv);
      if (turn > 0) times.get(name)?.push(ms);
    }
  }
  return (name) => median(times.get(name) ?? []);
}

async function spawnedMs(argv: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const child = Bun.spawn([...argv], { stdout: "ignore", stderr: "ignore", stdin: "ignore" });
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} failed`);
  return performance.now() - startedMs;
}

if (import.meta.main) printRows(await benchCommands());
