/**
 * Makes the files that a plugin's process is started with: the launcher, the bootstraps, the SDK. Plain JavaScript, one file each.
 * Runs when akc is built, and once a process when akc runs from source; a compiled akc has its results and never comes here.
 */
import { join } from "node:path";
import type { BunPlugin } from "bun";

/** Name of each file → its text. */
export type RuntimeTexts = Readonly<Record<RuntimeFile, string>>;
export type RuntimeFile = (typeof runtimeFileNames)[number];
export const runtimeFileNames = ["launcher.js", "bun.js", "deno.js", "sdk.js"] as const;

const source = join(import.meta.dir, "..");
const entries: Readonly<Record<RuntimeFile, string>> = {
  "launcher.js": "system/launcher.ts",
  "bun.js": "plugin-host/bootstrap-bun.ts",
  "deno.js": "plugin-host/bootstrap-deno.ts",
  "sdk.js": "plugin-host/bootstrap-sdk.ts",
};

/** @throws Error when the bundler refuses. */
export async function bundleRuntime(): Promise<RuntimeTexts> {
  const texts: Record<string, string> = {};
  for (const name of runtimeFileNames) texts[name] = await bundle(name);
  const {
    "launcher.js": launcher = "",
    "bun.js": bun = "",
    "deno.js": deno = "",
    "sdk.js": sdk = "",
  } = texts;
  return { "launcher.js": launcher, "bun.js": bun, "deno.js": deno, "sdk.js": sdk };
}

/** The plugin and the bootstrap must have one and the same SDK: on Deno the import map gives it to both. */
const sdkFromImportMap: BunPlugin = {
  name: "sdk-from-import-map",
  setup(builder) {
    builder.onResolve({ filter: /\/sdk\/[a-z]+\.ts$/ }, () => ({ path: "akc/sdk", external: true }));
  },
};

async function bundle(name: RuntimeFile): Promise<string> {
  const forBun = name === "launcher.js" || name === "bun.js";
  const result = await Bun.build({
    entrypoints: [join(source, entries[name])],
    target: forBun ? "bun" : "browser",
    format: "esm",
    minify: true,
    env: "disable",
    plugins: name === "deno.js" ? [sdkFromImportMap] : [],
    throw: false,
  });
  const [output] = result.outputs;
  if (!result.success || output === undefined) {
    throw new Error(`cannot bundle ${entries[name]}: ${result.logs.map(String).join("; ")}`);
  }
  return output.text();
}
