/** Plugins on disk and a host for them, as tests need them: no discovery, no trust, real processes. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import type { FoundPlugin, Granted, PluginLimits, PluginManifest } from "../../src/plugin-host/contract.ts";
import { ownIdentity, readFolder } from "../../src/plugin-host/folder.ts";
import {
  createPluginHost,
  type LogEntry,
  type PluginFault,
  type PluginHandle,
  type PluginHost,
  type PluginHostDeps,
} from "../../src/plugin-host/host.ts";
import type { Json, JsonMap } from "../../src/sdk/protocol.ts";

const fixtures = join(import.meta.dir, "fixtures");
/** One for all tests of a process: making it costs a bundling. */
const cacheRoot = mkdtempSync(join(tmpdir(), "akc-test-cache-"));
process.on("exit", () => rmSync(cacheRoot, { recursive: true, force: true }));

export const nothing: Granted = {
  net: [],
  read: [],
  write: [],
  run: [],
  env: [],
  secrets: [],
  containment: "limits",
};

export interface PluginOptions {
  readonly manifest?: Partial<PluginManifest>;
  readonly limits?: Partial<PluginLimits>;
  readonly granted?: Partial<Granted>;
  readonly config?: JsonMap;
}

const defaults: PluginLimits = {
  memoryBytes: 2 * 1024 * 1024 * 1024,
  startMs: 20_000,
  callMs: 60_000,
  stopMs: 500,
  idleMs: 60_000,
  concurrency: 4,
  messageBytes: 1024 * 1024,
};

export class PluginWorld {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "akc-test-plugins-")));
  readonly logs: LogEntry[] = [];
  readonly faults: PluginFault[] = [];
  readonly host: PluginHost;
  #plugins = 0;

  constructor(deps: Partial<PluginHostDeps> = {}) {
    mkdirSync(join(this.folder, "work"));
    this.host = createPluginHost({
      env: { HOME: this.folder, PATH: "/usr/bin" },
      cacheRoot,
      workParent: join(this.folder, "work"),
      onLog: (_plugin, entry) => this.logs.push(entry),
      ...deps,
    });
    this.host.onFault((fault) => this.faults.push(fault));
  }

  /** A plugin of these files. */
  plugin(files: Readonly<Record<string, string>>, { manifest, limits }: PluginOptions = {}): FoundPlugin {
    this.#plugins += 1;
    const root = join(this.folder, `plugin-${this.#plugins}`);
    mkdirSync(root, { mode: 0o755 });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text, { mode: 0o755 });
    const folder = readFolder(root, ownIdentity());
    if (folder.kind === "refused") throw new Error(folder.why);
    return {
      manifest: {
        id: "test/hostile",
        version: "1.0.0",
        description: "",
        kinds: ["adapter"],
        api: { min: 1, max: 1 },
        runtime: { kind: "bun", entry: "index.ts" },
        offers: { adapters: { hostile: { capabilities: [] } } },
        permissions: { net: [], read: [], write: [], run: [], env: [], secrets: [] },
        config: {},
        limits: { ...defaults, ...limits },
        digests: new Map(),
        ...manifest,
      },
      root,
      source: { kind: "flag", directory: this.folder },
      digest: folder.digest,
      files: folder.files,
      state: { kind: "ready" },
      shadows: [],
    };
  }

  /** The plugin of `fixtures/hostile.ts`, opened. */
  hostile(behaviour: string, options: PluginOptions = {}): PluginHandle {
    const script = readFileSync(join(fixtures, "hostile.ts"), "utf8");
    const command = [process.execPath, "--no-install", "hostile.ts", behaviour] as const;
    const manifest = { runtime: { kind: "exec", command }, ...options.manifest } as const;
    return this.open(this.plugin({ "hostile.ts": script }, { ...options, manifest }), options);
  }

  open(plugin: FoundPlugin, { granted, config }: PluginOptions = {}): PluginHandle {
    return this.host.open(plugin, { ...nothing, ...granted }, config ?? {});
  }

  /** Copies a folder of `fixtures` as a plugin's. */
  fixture(name: string, options: PluginOptions = {}): FoundPlugin {
    const from = join(fixtures, name);
    const plugin = this.plugin({}, options);
    cpSync(from, plugin.root, { recursive: true });
    const folder = readFolder(plugin.root, ownIdentity());
    if (folder.kind === "refused") throw new Error(folder.why);
    return { ...plugin, digest: folder.digest, files: folder.files };
  }

  async close(): Promise<void> {
    await this.host.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export const patient = { timeoutMs: 60_000 } as const;

/** What the call was refused with. */
export async function refusal(answer: Promise<Json>): Promise<AkcError> {
  try {
    const result = await answer;
    throw new Error(`answered: ${JSON.stringify(result)}`);
  } catch (cause) {
    if (cause instanceof AkcError) return cause;
    throw cause;
  }
}

export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits until it is so; the test's own time-out ends a wait in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(5);
}
