/**
 * Reads the imports of every source file and holds them against the picture: an arrow only ever points down.
 */
import { expect, test } from "bun:test";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dir, "..");
const linesMax = 350;

/**
 * Which rooms each room may import, besides itself and the floor (`errors.ts`, `limits.ts`, `spelling.ts`, `version.ts`).
 * A `model.ts` or `contract.ts` holds types and plain lists only, so it may be imported from anywhere below the commands.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  main: ["cli"],
  cli: "ui picture authoring doctor autopilot run replay kernel reconciler validation adapters providers validators plugin-host store evidence service bundle coordination policy json system sdk".split(
    " ",
  ),
  autopilot:
    "run replay kernel reconciler validation store evidence bundle coordination policy json system".split(
      " ",
    ),
  ui: "picture autopilot run replay kernel reconciler store evidence service bundle coordination policy json system".split(
    " ",
  ),
  picture: "replay kernel reconciler validation store evidence bundle coordination policy json system".split(
    " ",
  ),
  doctor: "plugin-host store policy bundle json system".split(" "),
  authoring: ["policy", "bundle", "coordination", "json"],
  replay: "kernel store evidence bundle policy json system".split(" "),
  service: ["store", "evidence", "json", "system"],
  embed: "run kernel adapters store evidence bundle policy json system".split(" "),
  run: "replay kernel reconciler validation adapters providers validators plugin-host store evidence bundle coordination policy json system".split(
    " ",
  ),
  kernel: "adapters store evidence bundle coordination policy json system".split(" "),
  reconciler: "providers store evidence bundle policy json system".split(" "),
  validation: "validators sdk store evidence bundle policy json system".split(" "),
  adapters: "plugin-host sdk bundle coordination policy json system store".split(" "),
  providers: "plugin-host sdk bundle policy json system".split(" "),
  validators: "plugin-host sdk bundle policy json system".split(" "),
  "plugin-host": "sdk store bundle policy json system".split(" "),
  sdk: ["json"],
  evidence: "store bundle coordination policy json system".split(" "),
  store: ["json", "system"],
  policy: ["bundle", "coordination", "json"],
  coordination: ["bundle", "json"],
  bundle: ["coordination", "json"],
  json: [],
  system: ["json"],
};

/** Nothing in them may touch a clock, a disk, a process or a network, not even through a built-in module. */
const pureRooms = ["authoring", "bundle", "coordination", "policy", "json"];
const floor = ["errors", "limits", "spelling", "version"];

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly {
    readonly specifier: string;
    readonly typeOnly: boolean;
    /** Loaded when it is asked for. */
    readonly lazy: boolean;
  }[];
}

const sources = await readSources();

test("there is something to check", () => {
  expect(sources.length).toBeGreaterThan(10);
  expect(sources.map((source) => source.path)).toContain("src/main.ts");
});

test("an import never points up the picture", () => {
  const wrong = sources.flatMap((source) =>
    source.imports
      .filter(({ specifier }) => specifier.startsWith("."))
      .filter(({ specifier }) => !allowed(source, specifier))
      .map(({ specifier }) => `${source.path} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("pure rooms and machines import nothing that touches the world", () => {
  const isPure = (source: Source) =>
    pureRooms.includes(source.room) ||
    source.path.endsWith("/machine.ts") ||
    source.path.endsWith("/model.ts");
  const wrong = sources
    .filter(isPure)
    .flatMap((source) =>
      source.imports
        .filter(({ specifier, typeOnly }) => !typeOnly && touchesTheWorld(specifier))
        .map(({ specifier }) => `${source.path} imports ${specifier}`),
    );
  expect(wrong).toEqual([]);
});

test("pure rooms read no clock, no chance and no environment", () => {
  const world =
    /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|crypto\.(randomUUID|getRandomValues)|process\.env|Bun\.(spawn|file|write|env)|fetch\()/;
  const wrong = sources
    .filter((source) => pureRooms.includes(source.room) && world.test(withoutComments(source.text)))
    .map((source) => source.path);
  expect(wrong).toEqual([]);
});

test("only main.ts and commands import cli", () => {
  const wrong = sources
    .filter((source) => source.room !== "cli" && source.room !== "main")
    .filter((source) => source.imports.some(({ specifier }) => roomOf(resolve(source, specifier)) === "cli"))
    .map((source) => source.path);
  expect(wrong).toEqual([]);
});

/** All that one of these files loads before anything is done. */
function loadedBy(...entries: readonly string[]): readonly string[] {
  const loaded = new Set<string>();
  const load = (path: string) => {
    const source = sources.find((one) => one.path === path);
    if (source === undefined || loaded.has(path)) return;
    loaded.add(path);
    for (const { specifier, typeOnly, lazy } of source.imports)
      if (specifier.startsWith(".") && !typeOnly && !lazy) load(resolve(source, specifier));
  };
  for (const entry of entries) load(entry);
  expect(loaded.size).toBeGreaterThan(100);
  return [...loaded].sort();
}

test("starting a run that deploys nothing loads neither the reconciler nor a provider", () => {
  // What the bundle wants, whether somebody deploys here, and what the events are called.
  const small = ["src/reconciler/desired.ts", "src/reconciler/model.ts", "src/run/deployment/held-scope.ts"];
  const deploying = /^src\/(reconciler|providers|run\/deployment)\//;
  const loaded = loadedBy("src/cli/runtime/start.ts", "src/run/start.ts");
  expect(loaded.filter((path) => deploying.test(path))).toEqual(small);
});

test("starting a run that nobody judges loads nothing that asks outside systems or judges by them", () => {
  // Where a registry is, what it is a list of, and what verdicts are called.
  const small = [
    "src/validation/bindings/paths.ts",
    "src/validation/bindings/place.ts",
    "src/validators/contract.ts",
  ];
  const judging = /^src\/(validation|validators|run\/validation)\/|^src\/run\/validators\.ts$/;
  const loaded = loadedBy("src/cli/runtime/start.ts", "src/run/start.ts");
  expect(loaded.filter((path) => judging.test(path))).toEqual(small);
});

test("every import names its file", () => {
  const wrong = sources.flatMap((source) =>
    source.imports
      .filter(
        ({ specifier }) =>
          specifier.startsWith(".") && !/\.(ts|js|json|sql|html|css|svg|txt)$/.test(specifier),
      )
      .map(({ specifier }) => `${source.path} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test(`no file is longer than ${linesMax} lines`, () => {
  // Lists are read by looking one entry up; length is no burden there.
  const lists = ["src/errors.ts", "src/limits.ts", "src/cli/tree.ts"];
  const long = sources
    .filter((source) => !lists.includes(source.path) && lineCount(source) > linesMax)
    .map((source) => `${source.path}: ${lineCount(source)}`);
  expect(long).toEqual([]);
});

test("no file or folder has a name that means nothing", () => {
  const empty = /(^|[/.-])(utils?|helpers?|common|misc|manager|stuff|shared)([/.-]|$)/i;
  expect(sources.map((source) => source.path).filter((path) => empty.test(path))).toEqual([]);
});

test("nothing is typed any, and nothing is silenced", () => {
  const any = /(:\s*any\b|\bas any\b|<any>|as unknown as|@ts-ignore|@ts-expect-error|@ts-nocheck)/;
  const wrong = sources.flatMap((source) =>
    withoutComments(source.text, true)
      .split("\n")
      .flatMap((line, index) => (any.test(line) ? [`${source.path}:${index + 1}: ${line.trim()}`] : [])),
  );
  expect(wrong).toEqual([]);
});

test("every module says what it is in its first lines", () => {
  const silent = sources
    .filter((source) => !source.text.startsWith("/**") && !source.text.startsWith("#!"))
    .map((source) => source.path);
  expect(silent).toEqual([]);
});

function allowed(source: Source, specifier: string): boolean {
  const target = resolve(source, specifier);
  const room = roomOf(target);
  if (room === source.room || floor.includes(room)) return true;
  // Types and plain lists: see `mayImport`.
  if (/\/(model|contract|value)\.ts$/.test(target)) return source.room !== "json" && room !== "cli";
  return mayImport[source.room]?.includes(room) ?? false;
}

function resolve(source: Source, specifier: string): string {
  return relative(root, join(root, dirname(source.path), specifier));
}

/** `src/kernel/loop.ts` is in `kernel`, `src/errors.ts` is `errors`. */
function roomOf(path: string): string {
  return (path.split("/")[1] ?? "").replace(/\.ts$/, "");
}

function touchesTheWorld(specifier: string): boolean {
  if (/^bun:(sqlite|ffi)$/.test(specifier)) return true;
  if (/^node:/.test(specifier)) return !/^node:(path|path\/posix|util|buffer|url|crypto)$/.test(specifier);
  return /\/(system|store)\//.test(specifier) && !/\/(model|contract)\.ts$/.test(specifier);
}

/** Comments may speak of anything. `keepDirectives` leaves those that steer the compiler. */
function withoutComments(text: string, keepDirectives = false): string {
  const directive = /@ts-(ignore|expect-error|nocheck)/;
  const drop = (comment: string) =>
    keepDirectives && directive.test(comment) ? comment : comment.replaceAll(/[^\n]/g, "");
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, drop).replaceAll(/(?<=^|\s)\/\/.*$/gm, drop);
}

async function readSources(): Promise<Source[]> {
  const found: Source[] = [];
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  for await (const name of new Bun.Glob("src/**/*.ts").scan({ cwd: root })) {
    if (/\.(test|test-d)\.ts$/.test(name)) continue;
    const text = await Bun.file(join(root, name)).text();
    const scanned = transpiler.scanImports(text);
    const values = scanned.map(({ path }) => path);
    const loaded = scanned.filter(({ kind }) => kind !== "dynamic-import").map(({ path }) => path);
    // The transpiler drops type imports; they are arrows too.
    const written = [...text.matchAll(/^\s*(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"/gms)].map(
      (match) => match[1] ?? "",
    );
    const specifiers = [...new Set([...values, ...written])];
    found.push({
      path: name,
      room: roomOf(name),
      text,
      imports: specifiers.map((specifier) => ({
        specifier,
        typeOnly: !values.includes(specifier),
        lazy: values.includes(specifier) && !loaded.includes(specifier),
      })),
    });
  }
  return found;
}

function lineCount(source: Source): number {
  return source.text.split("\n").length - (source.text.endsWith("\n") ? 1 : 0);
}
