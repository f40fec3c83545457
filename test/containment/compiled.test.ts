/** The same containment in a compiled binary: its worker is embedded, never taken from the working directory. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { strongestContainment } from "../../src/system/sandbox.ts";
import { workerEntries } from "../../src/system/worker-entries.ts";

const source = resolve(import.meta.dir, "../..");
let folder = "";
let binary = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "akc-compiled-"));
  const entries = workerEntries.map((entry) => {
    const path = join(folder, entry);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, `import ${JSON.stringify(join(source, "src", entry))};\n`);
    return path;
  });
  const main = join(folder, "main.ts");
  writeFileSync(
    main,
    `import { world } from ${JSON.stringify(join(source, "test/containment/request.ts"))};
     const place = world();
     const inside = await place.sh("echo x > kept && cat kept");
     const outside = await place.sh("echo x > " + place.outside + "/planted");
     console.log(JSON.stringify({ inside: inside.outputs, outside: outside.status }));
     await place.close();`,
  );
  binary = join(folder, "program");
  const built = await Bun.build({
    entrypoints: [main, ...entries],
    root: folder,
    format: "esm",
    bytecode: true,
    minify: true,
    compile: { outfile: binary, autoloadDotenv: false, autoloadBunfig: false },
  });
  expect(built.success).toBe(true);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a compiled binary confines its children, and ignores a worker that lies about", async () => {
  const lure = join(folder, "lure");
  for (const entry of workerEntries) {
    mkdirSync(dirname(join(lure, entry)), { recursive: true });
    writeFileSync(join(lure, entry), `console.log("lured"); process.exit(1);`);
    writeFileSync(join(lure, entry.replace(".ts", ".js")), `console.log("lured"); process.exit(1);`);
  }
  const child = Bun.spawn([binary], { cwd: lure, env: { PATH: "/usr/bin:/bin" }, stderr: "inherit" });
  const said = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  const level = strongestContainment();
  expect(said.inside).toMatchObject({ stdout: "x\n", containment: level });
  expect(said.outside).toBe(level === "landlock" ? "failed" : "succeeded");
});
