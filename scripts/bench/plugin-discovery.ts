/**
 * How long it takes to find, read, digest and judge fifty plugins without starting any, in a fresh process and in a warm one.
 * Nothing is remembered between passes: each reads every byte again. Beside it, only reading the same files.
 *
 * Run: bun scripts/bench/plugin-discovery.ts
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PlacedPlugin } from "../../src/plugin-host/contract.ts";
import { discoverPlugins } from "../../src/plugin-host/discover.ts";
import type { TrustRules } from "../../src/plugin-host/trust.ts";
import { lockPlugins } from "../../src/plugin-host/vouch.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const count = 50;
const passes = 21;

export async function benchPluginDiscovery(): Promise<readonly BenchRow[]> {
  const place = mkdtempSync(join(tmpdir(), "akc-bench-"));
  const directory = join(place, "plugins");
  try {
    for (let index = 0; index < count; index++)
      writePlugin(join(directory, `acme.tool-${index}@1.0.0`), index);
    const first = await timed(() => search(directory, "any"));
    await lockPlugins(directory, first.answer);
    const [whole, reading]: [number[], number[]] = [[], []];
    for (let pass = 0; pass < passes; pass++) {
      whole.push((await timed(() => search(directory, "locked"))).ms);
      reading.push((await timed(async () => readAll(directory))).ms);
    }
    const ms = median(whole);
    return [
      {
        name: "50 plugins found, digested and judged",
        value: ms,
        unit: "ms",
        baseline: "reading the same files",
        ratio: ms / median(reading),
        goal: "under 30 ms",
      },
      { name: "the first time in a process", value: first.ms, unit: "ms" },
    ];
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function search(directory: string, trust: TrustRules["trust"]): Promise<readonly PlacedPlugin[]> {
  const rules = { trust, signers: new Map(), deny: [] };
  const { plugins } = await discoverPlugins([{ kind: "flag", directory }], rules);
  const ready = plugins.filter(({ state }) => state.kind === "ready");
  if (ready.length !== count) throw new Error(`${ready.length} of ${count} plugins are ready`);
  return ready;
}

function readAll(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory)) {
    for (const file of readdirSync(join(directory, name))) {
      bytes += readFileSync(join(directory, name, file)).length;
    }
  }
  return bytes;
}

async function timed<Answer>(
  work: () => Promise<Answer>,
): Promise<{ readonly ms: number; readonly answer: Answer }> {
  const startMs = performance.now();
  const answer = await work();
  return { ms: performance.now() - startMs, answer };
}

function writePlugin(root: string, index: number): void {
  mkdirSync(root, { recursive: true, mode: 0o755 });
  const files = {
    "index.ts": `export const n = ${index};\n// ${"x".repeat(4_000)}\n`,
    "README.md": `# Tool ${index}\n${"words ".repeat(300)}\n`,
    "plugin.yaml": `schema: akc.plugin/v1
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
  };
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(root, name), content, { mode: 0o644 });
}

if (import.meta.main) printRows(await benchPluginDiscovery());
