/** The same host in a compiled binary that may not make code of text: the plugin runs in a copy of the binary, as Bun. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { bundleRuntime } from "../../src/plugin-host/runtime-bundle.ts";

let folder = "";
let binary = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "akc-compiled-plugins-"));
  const main = join(folder, "main.ts");
  writeFileSync(
    main,
    `import { PluginWorld, patient } from ${JSON.stringify(resolve(import.meta.dir, "hosted.ts"))};
     const world = new PluginWorld();
     const plugin = world.open(world.plugin({ "index.ts": ${JSON.stringify(entry)}, "word.ts": "export const word: string = 'hi';" }));
     await plugin.ping(60_000);
     const { negotiated, containment } = plugin.info();
     console.log(JSON.stringify({ negotiated, containment, logs: world.logs.map((one) => one.message) }));
     await world.close();`,
  );
  binary = join(folder, "program");
  const built = await Bun.build({
    entrypoints: [main],
    format: "esm",
    bytecode: true,
    minify: true,
    define: { AKC_PLUGIN_RUNTIME: JSON.stringify(await bundleRuntime()) },
    compile: {
      outfile: binary,
      execArgv: ["--disallow-code-generation-from-strings=strict"],
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
  expect(built.success).toBe(true);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const entry = `import { definePlugin } from "akc/sdk";
import { word } from "./word.ts";
console.error(word, process.env.BUN_OPTIONS ?? "no options", import.meta.path.endsWith("index.ts"));
export default definePlugin({ adapters: { hostile: { async execute() { return {}; } } } });`;

test("a compiled akc runs plugins from source, and nothing that lies about or its environment says", async () => {
  const lure = join(folder, "lure");
  await Bun.write(join(lure, "bunfig.toml"), `preload = ["./planted.ts"]`);
  await Bun.write(join(lure, "planted.ts"), `await Bun.write(${JSON.stringify(join(lure, "ran"))}, "");`);
  const child = Bun.spawn([binary], {
    cwd: lure,
    env: { PATH: "/usr/bin:/bin", HOME: folder },
    stderr: "inherit",
  });
  const said = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  expect(said.negotiated).toMatchObject({ protocol: 1, offers: { adapters: { hostile: {} } } });
  expect(said.logs).toEqual(["hi no options true"]);
  expect(existsSync(join(lure, "ran"))).toBe(false);
}, 60_000);
