/**
 * One process of a plugin, from the look at its files to the last of its children: started, spoken with, watched, ended.
 * Never started a second time, and never left running: whatever it does wrong, it is gone soon after.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { ContainmentLevel } from "../policy/model.ts";
import { hostCalls, type InitializeParams, type Json, type JsonMap } from "../sdk/protocol.ts";
import { type Launched, type LaunchedEnd, type Launcher, launch } from "../system/launch.ts";
import { launcherExit } from "../system/launch-order.ts";
import { memoryOfTree } from "../system/process-table.ts";
import { confinementOf, environmentOf, resourcesOf } from "./confinement.ts";
import { type CallOptions, Connection } from "./connection.ts";
import type { FoundPlugin, Granted } from "./contract.ts";
import { spawnKey } from "./leftovers.ts";
import { initializeParams, type Negotiated, outputWindowBytes, readInitializeResult } from "./negotiate.ts";
import type { PluginLog } from "./plugin-log.ts";
import { bunEnvironment, bunOptions, programOf } from "./runtime.ts";
import type { RuntimeFiles } from "./runtime-files.ts";
import { answerOwnCall } from "./services.ts";
import { verifyFiles } from "./trust.ts";

export interface ProcessInput {
  readonly plugin: FoundPlugin;
  readonly granted: Granted;
  readonly config: JsonMap;
  readonly files: RuntimeFiles;
  /** An empty folder of this process's own. */
  readonly workdir: string;
  readonly closed: readonly string[];
  readonly level: ContainmentLevel;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: PluginLog;
}

export interface PluginProcess {
  readonly pid: number;
  /** False once it is known to be ending. */
  readonly alive: boolean;
  readonly negotiated: Negotiated;
  /** Why it ended, once nothing of it is left; undefined when it was told to. */
  readonly ended: Promise<AkcError | undefined>;
  /** As `Connection.call`. */
  call(method: string, params: JsonMap, options: CallOptions): Promise<Json>;
  callsUnderWay(): number;
  lateAnswers(): number;
  /** Bytes of memory when last looked at. */
  memoryBytes(): number;
  /** Asks it to end, then ends it; `ended` resolves soon after. Calls under way are rejected with `why`. */
  stop(why: AkcError): void;
  /** Ends it at once. */
  kill(why: AkcError): void;
}

/**
 * Started and initialized.
 * @throws AkcError PLUGIN_MODIFIED, PLUGIN_START_FAILED, PLUGIN_TIMEOUT, PLUGIN_LIES, PLUGIN_PROTOCOL_UNSUPPORTED,
 *   CONTAINMENT_UNAVAILABLE, or what the plugin does wrong before it is ready; nothing is left of it then.
 */
export async function startProcess(input: ProcessInput): Promise<PluginProcess> {
  const { plugin } = input;
  const { manifest } = plugin;
  const modified = await verifyFiles(plugin);
  if (modified.length > 0) {
    throw new AkcError("PLUGIN_MODIFIED", { details: { plugin: manifest.id, files: modified } });
  }
  const asked = initializeParams(manifest, input.granted, input.config, input.workdir);
  const started = new Started(input);
  try {
    return await started.initialize(asked);
  } catch (cause) {
    started.kill(cause instanceof AkcError ? cause : new AkcError("PLUGIN_START_FAILED", { cause }));
    await started.ended;
    throw started.why ?? cause;
  }
}

class Started implements PluginProcess {
  readonly #connection: Connection;
  readonly ended: Promise<AkcError | undefined>;
  readonly #input: ProcessInput;
  readonly #child: Launched;
  readonly #logging: Promise<void>;
  readonly #heard = Promise.withResolvers<void>();
  #negotiated: Negotiated | undefined;
  #why: AkcError | undefined;
  #stopping = false;
  /** It has ended by itself. */
  #over = false;
  #looksSoon = false;
  #memoryBytes = 0;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(input: ProcessInput) {
    this.#input = input;
    this.#child = this.#launch();
    this.#logging = input.log.follow(this.#child.stderr);
    const { granted, log } = input;
    const { messageBytes, stopMs } = input.plugin.manifest.limits;
    this.#connection = new Connection({
      input: this.#child.stdout,
      output: this.#child.stdin,
      messageBytes,
      outputWindowBytes: outputWindowBytes(input.plugin.manifest),
      graceMs: stopMs,
      answer: (call) =>
        answerOwnCall(call, { granted, messageBytes, handedOver: (name, value) => log.hide(name, value) }),
      log: (params) => log.message(params),
      fault: (error) => this.kill(error),
      closed: () => this.#closed(),
    });
    this.ended = this.#child.exited.then((end) => this.#exited(end));
  }

  get pid(): number {
    return this.#child.pid;
  }

  get why(): AkcError | undefined {
    return this.#why;
  }

  get negotiated(): Negotiated {
    if (this.#negotiated === undefined)
      throw new AkcError("INTERNAL", { message: "a plugin is not initialized" });
    return this.#negotiated;
  }

  get alive(): boolean {
    return this.#why === undefined && !this.#stopping && !this.#over;
  }

  call(method: string, params: JsonMap, options: CallOptions): Promise<Json> {
    const answer = this.#connection.call(method, params, options);
    if (!this.#looksSoon) this.#lookIn(limits.pluginMemoryLookBusyMs);
    return answer;
  }

  callsUnderWay(): number {
    return this.#connection.callsUnderWay;
  }

  lateAnswers(): number {
    return this.#connection.lateAnswers;
  }

  memoryBytes(): number {
    return this.#memoryBytes;
  }

  async initialize(asked: InitializeParams): Promise<PluginProcess> {
    const { manifest } = this.#input.plugin;
    const answer = await this.call(
      hostCalls.initialize,
      {
        ...asked,
        limits: { ...asked.limits },
        protocol: { ...asked.protocol },
        host: { ...asked.host },
        plugin: { ...asked.plugin },
      },
      { timeoutMs: manifest.limits.startMs },
    );
    this.#negotiated = readInitializeResult(answer, manifest, asked);
    return this;
  }

  stop(why: AkcError): void {
    if (this.#stopping || this.#why !== undefined) return;
    this.#stopping = true;
    const { stopMs } = this.#input.plugin.manifest.limits;
    const asked = this.#connection.call(hostCalls.shutdown, {}, { timeoutMs: stopMs });
    const end = () => {
      this.#connection.end(why);
      void Promise.resolve(this.#child.stdin.end()).catch(() => undefined);
    };
    asked.then(end, end);
    const kill = setTimeout(() => this.#child.signal("SIGKILL"), stopMs);
    void this.#child.exited.then(() => clearTimeout(kill));
  }

  kill(why: AkcError): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.#child.signal("SIGKILL");
    this.#connection.end(forThoseUnderWay(why, this.#input.plugin));
  }

  #launch(): Launched {
    const { plugin, granted, files, workdir, level, env: own } = this.#input;
    const program = programOf({ plugin, granted, files, workdir, env: own });
    const confinement = confinementOf({ ...this.#input, program });
    const resources = resourcesOf({ plugin, level });
    mkdirSync(join(workdir, "tmp"), { recursive: true, mode: 0o700 });
    const { executable, argv, output } = program;
    const env = environmentOf({ granted, program, workdir }, own);
    try {
      return launch(launcherOf(files), spawnKey(), {
        executable,
        argv,
        workdir,
        env,
        output,
        ...(confinement === undefined ? {} : { confinement }),
        ...(resources === undefined ? {} : { limits: resources }),
      });
    } catch (cause) {
      throw new AkcError("PLUGIN_START_FAILED", { cause, details: { plugin: plugin.manifest.id } });
    }
  }

  /** Its stdout is closed: it has ended, or nobody will ever hear of it again. */
  #closed(): void {
    this.#heard.resolve();
    const kill = setTimeout(() => {
      if (!this.#stopping)
        this.kill(new AkcError("PLUGIN_CRASHED", { message: "the plugin closed its stdout" }));
    }, closedGraceMs);
    void this.#child.exited.then(() => clearTimeout(kill));
  }

  async #exited(end: LaunchedEnd): Promise<AkcError | undefined> {
    this.#over = true;
    clearTimeout(this.#watch);
    // Its last answers may still be in the pipe, unless somebody else holds that open.
    await Promise.race([
      Promise.all([this.#heard.promise, this.#logging]),
      Bun.sleep(this.#why === undefined ? drainMs : 0),
    ]);
    const why = this.#why ?? (this.#stopping ? undefined : this.#crash(end));
    this.#why ??= why;
    this.#connection.end(why ?? new AkcError("PLUGIN_CRASHED", { message: "the plugin was stopped" }));
    await this.#child.gone;
    return why;
  }

  #crash({ exitCode, signal }: LaunchedEnd): AkcError {
    const { manifest } = this.#input.plugin;
    const lastWords = this.#input.log.lastWords;
    const details = { plugin: manifest.id, exitCode, signal, lastWords };
    if (exitCode === launcherExit.confinementRefused) {
      return new AkcError("CONTAINMENT_UNAVAILABLE", {
        details: { ...details, why: lastWords.at(-1) ?? "" },
      });
    }
    if (this.#memoryBytes > manifest.limits.memoryBytes * nearlyFull) return this.#tooMuchMemory();
    return new AkcError(this.#negotiated === undefined ? "PLUGIN_START_FAILED" : "PLUGIN_CRASHED", {
      details,
    });
  }

  #watchMemory(): void {
    const { memoryBytes } = this.#input.plugin.manifest.limits;
    this.#memoryBytes = memoryOfTree(this.#child.pid, memoryBytes / 2);
    if (this.#memoryBytes > memoryBytes) {
      this.kill(this.#tooMuchMemory());
      return;
    }
    const busy = this.#connection.callsUnderWay > 0;
    this.#lookIn(busy ? limits.pluginMemoryLookBusyMs : limits.pluginMemoryLookIdleMs);
  }

  #lookIn(ms: number): void {
    if (!this.alive) return;
    clearTimeout(this.#watch);
    this.#looksSoon = ms <= limits.pluginMemoryLookBusyMs;
    this.#watch = setTimeout(() => this.#watchMemory(), ms);
    this.#watch.unref();
  }

  #tooMuchMemory(): AkcError {
    const { id, limits: own } = this.#input.plugin.manifest;
    return new AkcError("PLUGIN_MEMORY", {
      details: { plugin: id, bytes: this.#memoryBytes, limitBytes: own.memoryBytes },
    });
  }
}

const closedGraceMs = 100;
const drainMs = 200;
/** What runs into the kernel's own bound between two looks was nearly there at the last one. */
const nearlyFull = 0.75;

function launcherOf(files: RuntimeFiles): Launcher {
  return {
    executable: process.execPath,
    args: [...bunOptions, files.path("launcher.js")],
    env: bunEnvironment,
  };
}

/** A call that does not end ends the process; the others under way there have done nothing wrong. */
function forThoseUnderWay(why: AkcError, { manifest }: FoundPlugin): AkcError {
  if (why.code !== "PLUGIN_TIMEOUT") return why;
  return new AkcError("PLUGIN_CRASHED", {
    message: "the plugin was ended because it did not end another call",
    details: { plugin: manifest.id },
  });
}
