/**
 * How long it takes to find, read, digest and judge fifty plugins without starting any, in a fresh process and in a warm one.
 * Nothing is remembered between passes: each reads every byte again.
 *
 * Run: bun scripts/bench/plugin-discovery.ts
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discoverPlugins } from "../../src/plugin-host/discover.ts";
import { writeLock } from "../../src/plugin-host/lock.ts";
import { type BenchRow, median, printRows } from "./row.ts";

export async function benchPluginDiscovery(): Promise<readonly BenchRow[]> {
const place = mkdtempSync(join(tmpdir(), "akc-bench-"));
const directory = join(place, "plugins");
try {
  for (let index = 0; index < 50; index++) {
    const root = join(directory, `acme.tool-${index}@1.0.0`);
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, "index.ts"), `export const n = ${index};\n// ${"x".repeat(4_000)}\n`);
    writeFileSync(join(root, "README.md"), `# Tool ${index}\n${"words ".repeat(300)}\n`);
    writeFileSync(
      join(root, "plugin.yaml"),
      `schema: akc.plugin/v1
id: acme/tool-${index}
version: 1.0.0
description: Tool number ${index}.
kind: [adapter, validator]
api: { min: 1, max: 1 }
runtime: bun
entry: index.ts
capabilities:
  adapter: { tool-${index}: [recover, cancel, stream] }
  validator: { tool-${index}: [http_slo, latency] }
permissions:
  net: ["api.example.com:443", "*.example.com:8443"]
  read: [/srv/data]
  run: [/usr/bin/docker]
  env: [LANG]
  secrets: [token]
config:
  type: object
  properties:
    url: { type: string, minLength: 1 }
    retries: { type: integer, minimum: 0, maximum: 9 }
limits: { memory_bytes: 536870912, call_ms: 30000 }
`,
    );
  }
  const places = [{ kind: "flag", directory } as const];
  const rules = { trust: "any", signers: new Map<string, string>(), deny: [] } as const;
  const passes: number[] = [];
  for (let pass = 0; pass < 21; pass++) {
    const startMs = performance.now();
    const { plugins, broken } = await discoverPlugins(
      places,
      pass === 0 ? rules : { ...rules, trust: "locked" },
    );
    passes.push(performance.now() - startMs);
    if (plugins.length !== 50 || broken.length > 0) throw new Error("not all plugins were found");
    if (pass > 0 && plugins.some(({ state }) => state.kind !== "ready")) throw new Error("not all are ready");
    if (pass === 0) {
      await writeLock(
        directory,
        plugins.map(({ manifest, folder, digest, files }) => ({
          id: manifest.id,
          version: manifest.version,
          folder,
          digest,
          files,
        })),
      );
    }
  }
  const [first = 0, ...warm] = passes;
  console.log(
    `50 plugins found and judged   first ${first.toFixed(1)} ms   median ${(warm[10] ?? 0).toFixed(1)} ms`,
  );
} finally {
  rmSync(place, { recursive: true, force: true });
}
