/**
 * The host of all plugins of this process: opens them, tells what goes wrong with them, ends them together.
 * Decides neither which plugin may run nor what it is granted; both are handed in.
 */
import { existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../errors.ts";
import type { ContainmentLevel } from "../policy/model.ts";
import type { Json, JsonMap } from "../sdk/protocol.ts";
import { strongestContainment, weaker } from "../system/sandbox.ts";
import type { CallOptions } from "./connection.ts";
import type { FoundPlugin, Granted } from "./contract.ts";
import { makeWorkRoot, sweepLeftovers } from "./leftovers.ts";
import { majorsFor, type Negotiated } from "./negotiate.ts";
import { type LogEntry, PluginLog } from "./plugin-log.ts";
import { type PluginProcess, startProcess } from "./process.ts";
import { defaultCacheRoot, runtimeFiles } from "./runtime-files.ts";
import { Supervisor, type SupervisorInfo } from "./supervisor.ts";
import { readyPlugin } from "./trust.ts";

export type { CallOptions, Progress } from "./connection.ts";
export type { TakeOutput } from "./output-flow.ts";
export type { LogEntry, LogLevel } from "./plugin-log.ts";
export type { CallServices, HandoffPart, HostFetchRequest, HostFetchResponse } from "./services.ts";
export type { SupervisorInfo } from "./supervisor.ts";
export type { HostRunEnd, HostRunRequest, MadePart } from "./tool-services.ts";

export interface PluginHostDeps {
  /** Where granted variables and the cache folder are looked up; a plugin gets nothing else of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute paths that no plugin may reach, whatever it was granted: the state database, evidence. */
  readonly closedPaths?: readonly string[];
  /** `defaultCacheRoot(env)` unless given. */
  readonly cacheRoot?: string;
  /** The system's temporary folder unless given. Must not lie in a folder that a plugin may read. */
  readonly workParent?: string;
  /** Never stronger than this: for measuring and for tests. A required level above it is refused. */
  readonly containmentAtMost?: ContainmentLevel;
  readonly onLog?: (plugin: FoundPlugin, entry: LogEntry) => void;
}

export interface PluginHost {
  /**
   * Starts nothing yet; the first call does. The same plugin may be opened more than once: each has a process of its own.
   * @throws AkcError PLUGIN_DISABLED, PLUGIN_UNTRUSTED, PLUGIN_MODIFIED, PLUGIN_PROTOCOL_UNSUPPORTED
   */
  open(plugin: FoundPlugin, granted: Granted, config: JsonMap): PluginHandle;
  /** Told of every process that ended though nobody told it to. Returns a function that ends that. */
  onFault(listener: (fault: PluginFault) => void): () => void;
  /** Ends all plugins; nothing of them is left when it resolves. */
  close(): Promise<void>;
}

export interface PluginFault {
  readonly plugin: FoundPlugin;
  readonly error: AkcError;
  /** No start before; 0 when at once. */
  readonly restartInMs: number;
}

export interface PluginHandle {
  readonly plugin: FoundPlugin;
  readonly granted: Granted;
  /**
   * One call, sent at most once. It ends only when the plugin has nothing more to do with it, or has been ended.
   * @throws AkcError one of the codes PLUGIN_*, CONTAINMENT_UNAVAILABLE, CANCELLED. PLUGIN_FAILED has details `code`, `retryable`.
   */
  call(method: string, params: JsonMap, options: CallOptions): Promise<Json>;
  /** Starts the plugin if need be. What it offers, as agreed. @throws as `call` */
  ready(timeoutMs: number): Promise<Negotiated>;
  ping(timeoutMs: number): Promise<void>;
  info(): PluginInfo;
  close(): Promise<void>;
}

export interface PluginInfo extends SupervisorInfo {
  /** The level that is enforced. */
  readonly containment: ContainmentLevel;
}

export function createPluginHost(deps: PluginHostDeps): PluginHost {
  const listeners = new Set<(fault: PluginFault) => void>();
  const handles = new Set<PluginHandle>();
  const workParent = deps.workParent ?? tmpdir();
  const level = weaker(strongestContainment(), deps.containmentAtMost ?? "landlock");
  let workRoot: string | undefined;
  let workdirs = 0;

  /** Emptied at each start by being another one. */
  const makeWorkdir = () => {
    if (workRoot === undefined) {
      workRoot = realpathSync.native(makeWorkRoot(workParent));
      // While the first plugin starts there is nothing better to do.
      setTimeout(() => sweepLeftovers(workParent), sweepAfterMs).unref();
    }
    workdirs += 1;
    const workdir = join(workRoot, String(workdirs));
    mkdirSync(workdir, { mode: 0o700 });
    return workdir;
  };

  const start = async (plugin: FoundPlugin, granted: Granted, config: JsonMap, log: PluginLog) => {
    const files = await runtimeFiles(deps.cacheRoot ?? defaultCacheRoot(deps.env));
    const workdir = makeWorkdir();
    const remove = () => rmSync(workdir, { recursive: true, force: true });
    const { env, closedPaths: closed = [] } = deps;
    let process: PluginProcess;
    try {
      process = await startProcess({ plugin, granted, config, files, workdir, closed, level, env, log });
    } catch (cause) {
      remove();
      throw cause;
    }
    void process.ended.then(remove);
    return process;
  };

  return {
    open(found, granted, config) {
      const plugin = readyPlugin(found);
      majorsFor(plugin.manifest);
      const secrets = new Map<string, string>();
      const newLog = () => new PluginLog((entry) => deps.onLog?.(plugin, entry), secrets);
      const supervisor = new Supervisor({
        manifest: plugin.manifest,
        start: () => start(plugin, granted, config, newLog()),
        nowMs: () => performance.now(),
        fault: (error, restartInMs) => {
          for (const listener of listeners) listener({ plugin, error, restartInMs });
        },
      });
      const handle: PluginHandle = {
        plugin,
        granted,
        call: (method, params, options) => supervisor.call(method, params, options),
        ping: (timeoutMs) => supervisor.ping(timeoutMs),
        async ready(timeoutMs) {
          const known = supervisor.info().negotiated;
          if (known !== undefined) return known;
          await supervisor.ping(timeoutMs);
          const { negotiated } = supervisor.info();
          if (negotiated !== undefined) return negotiated;
          throw new AkcError("PLUGIN_CRASHED", { details: { plugin: plugin.manifest.id } });
        },
        info: () => ({ ...supervisor.info(), containment: level }),
        async close() {
          handles.delete(handle);
          await supervisor.close();
        },
      };
      handles.add(handle);
      return handle;
    },
    onFault(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      await Promise.all([...handles].map((handle) => handle.close()));
      if (workRoot !== undefined && existsSync(workRoot)) rmSync(workRoot, { recursive: true, force: true });
      workRoot = undefined;
    },
  };
}

const sweepAfterMs = 5;
