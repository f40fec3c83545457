/**
 * Builds `dist/akc`: one file with everything in it, minified, with source map and bytecode.
 * Nothing of this machine's environment and nothing of a later working directory gets in, and no failpoint: those are only in
 * `dist/akc-failpoints`, which is for tests (`--failpoints`).
 *
 * Source: node_modules/bun-types/docs/bundler/executables.mdx; docs/decisions/0003-environment-of-the-binary.md.
 */
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BunPlugin } from "bun";
import { pluginTexts } from "../src/plugin-host/embedded.ts";
import { bundleRuntime } from "../src/plugin-host/runtime-bundle.ts";
import { workerEntries } from "../src/system/worker-entries.ts";

const root = join(import.meta.dir, "..");

export interface BuildOptions {
  readonly outfile: string;
  /** Whether the places of `src/system/failpoint.ts` are in it. Default false. */
  readonly failpoints?: boolean;
}

/** @throws Error when the bundler refuses; its messages are on stderr by then. */
export async function build({ outfile, failpoints = false }: BuildOptions): Promise<void> {
  // A run that is using the old binary keeps it: the new one takes its name in one step.
  const temporary = `${outfile}.new`;
  const result = await Bun.build({
    // Worker threads are entry points of their own: the bundler does not follow `new Worker`. At run time they are found
    // by their path below the root.
    entrypoints: ["main.ts", ...workerEntries].map((path) => join(root, "src", path)),
    root: join(root, "src"),
    target: "bun",
    format: "esm",
    minify: true,
    // One chunk would load every built-in module of every command at start: 9 ms instead of 4 for `akc --version`.
    splitting: true,
    sourcemap: "linked",
    bytecode: true,
    env: "disable",
    throw: false,
    define: {
      AKC_FAILPOINTS: String(failpoints),
      // What a plugin's process is started with, as text: akc writes it to its cache and compares it there before each use.
      AKC_PLUGIN_RUNTIME: JSON.stringify(await bundleRuntime()),
      AKC_EMBEDDED_PLUGINS: JSON.stringify(pluginTexts(join(root, "plugins"))),
    },
    plugins: failpoints ? [] : [withoutFailpoints],
    compile: {
      outfile: temporary,
      // Only the code in the binary runs: no eval, no preload, no inspector, no import or worker from disk.
      execArgv: ["--disallow-code-generation-from-strings=strict"],
      // Each of them would run or obey files found in the working directory.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
  if (!result.success) {
    for (const log of result.logs) console.error(log);
    throw new Error("the build failed");
  }
  await rename(temporary, outfile);
}

/**
 * Takes the lines that are a failpoint, and nothing else, out of the source: the bundler keeps calls of functions that do
 * nothing, with the names that they are called with. An empty line stays, so that the source map is right.
 */
const withoutFailpoints: BunPlugin = {
  name: "without-failpoints",
  setup(builder) {
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: (await Bun.file(path).text()).replaceAll(failpointLine, ""),
      loader: "ts",
    }));
  },
};

/** How each of them stands in the source; `test/crash/binary.test.ts` finds any that does not. */
export const failpointLine = /^ *failpoint\("[a-z_.]+"\);$/gm;

/** Source maps of earlier builds have names of their own and would pile up. */
async function removeMaps(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(".map")) await rm(join(folder, name));
  }
}

if (import.meta.main) {
  const failpoints = process.argv.includes("--failpoints");
  const name = failpoints ? "dist/akc-failpoints" : "dist/akc";
  const outfile = join(root, name);
  await mkdir(join(root, "dist"), { recursive: true });
  const startedAtMs = performance.now();
  if (!failpoints) await removeMaps(join(root, "dist"));
  await build({ outfile, failpoints });
  const { size } = await stat(outfile);
  console.log(`${name}  ${(size / 1e6).toFixed(1)} MB  ${Math.round(performance.now() - startedAtMs)} ms`);
}
