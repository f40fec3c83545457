/**
 * Starts and ends single copies, and records both: the intent before the start, the process after it, the removal last.
 * Decides nothing about how many there should be; the caller holds the service's lock.
 */
import { mkdirSync } from "node:fs";
import { basename } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import { findExecutable, fixedPath } from "../../system/executable.ts";
import { errnoOf } from "../../system/files.ts";
import type { Launcher } from "../../system/launch.ts";
import { libc } from "../../system/libc.ts";
import { openLog } from "../../system/log-file.ts";
import {
  bootId,
  isAlive,
  leadersMarked,
  type ProcessIdentity,
  startTicksOf,
} from "../../system/process-identity.ts";
import type { ResourceLimits } from "../../system/rlimits.ts";
import { endService } from "../../system/service-end.ts";
import {
  launchIdVariable,
  type ServiceExit,
  type StartedService,
  serviceIdVariable,
  startService,
} from "../../system/service-process.ts";
import { confinementOf } from "./confinement.ts";
import { identityOf, type ReplicaRecord } from "./record.ts";
import type { RecordStore } from "./record-store.ts";
import { programFault } from "./revision.ts";
import type { ServiceSettings } from "./settings.ts";
import { type OpenSocket, refuseTaken } from "./sockets.ts";

export interface StarterDeps {
  readonly scopeRoot: string;
  readonly store: RecordStore;
  readonly clock: Clock;
  /** Made when it is first needed. */
  launcher(): Promise<Launcher>;
  /** Of a copy that this very akc has started. */
  began(serviceId: string): void;
  ended(serviceId: string, exit: ServiceExit): void;
}

/** A copy that is to be started: its record but for what the start adds. */
export type Wanted = Omit<
  ReplicaRecord,
  "service_id" | "phase" | "process" | "started_ms" | "next_start_ms" | "ready"
>;

export class Starter {
  readonly #deps: StarterDeps;

  constructor(deps: StarterDeps) {
    this.#deps = deps;
  }

  /**
   * @returns the record of the process that was started
   * @throws AkcError PROVIDER_FAILED for what cannot be started, DISK_FULL; nothing runs then that has no record
   */
  async start(resourceId: string, wanted: Wanted, sockets: readonly OpenSocket[]): Promise<ReplicaRecord> {
    const { store, clock } = this.#deps;
    const fault = programFault(wanted.settings);
    if (fault !== undefined)
      throw new AkcError("PROVIDER_FAILED", { message: fault, details: { resourceId, retryable: true } });
    refuseTaken(resourceId, wanted.settings);
    const intent: ReplicaRecord = {
      ...wanted,
      service_id: crypto.randomUUID(),
      phase: "starting",
      started_ms: clock.nowMs(),
    };
    await store.writeReplica(resourceId, intent);
    const started = await this.#spawn(resourceId, intent, sockets);
    this.#deps.began(intent.service_id);
    void started.exited.then((exit) => this.#deps.ended(intent.service_id, exit));
    // Also of one that is dead already: akc has not taken it off the table yet, or the number is enough to say so.
    const startTicks = await startTicksOf(started.pid, started.exited, this.#deps.clock);
    const running: ReplicaRecord = {
      ...intent,
      phase: "running",
      process: { pid: started.pid, start_ticks: startTicks, boot_id: bootId() },
    };
    await store.writeReplica(resourceId, running);
    return running;
  }

  /** Ends the copy and everything that came of it; its record stays. @throws AkcError CANCELLED, PROVIDER_FAILED */
  async end(resourceId: string, record: ReplicaRecord, abort: AbortSignal): Promise<void> {
    const { stop } = record.settings;
    const ended = await endService({
      leader: identityOf(record) ?? leadersMarked(serviceIdVariable).get(record.service_id),
      serviceId: record.service_id,
      signal: stop.signal,
      graceMs: stop.grace_ms,
      killMs: limits.processKillMsMax,
      clock: this.#deps.clock,
      abort,
    });
    switch (ended.kind) {
      case "gone":
        return;
      case "cancelled":
        throw new AkcError("CANCELLED");
      case "stuck":
        throw new AkcError("PROVIDER_FAILED", {
          message: "a process of the service does not go, not even when it is killed",
          details: { resourceId, slot: record.slot, pids: ended.pids, retryable: true },
        });
    }
  }

  async #spawn(
    resourceId: string,
    intent: ReplicaRecord,
    sockets: readonly OpenSocket[],
  ): Promise<StartedService> {
    const { store, scopeRoot } = this.#deps;
    const { settings, slot } = intent;
    const places = store.places(resourceId);
    const launcher = await this.#deps.launcher();
    let output: number | undefined;
    try {
      mkdirSync(places.temporary, { recursive: true, mode: 0o700 });
      if (settings.workdir === undefined) mkdirSync(places.work, { recursive: true, mode: 0o700 });
      const workdir = settings.workdir ?? places.work;
      const executable = executableOf(settings);
      const confinement = confinementOf(settings, { scopeRoot, places, executable, workdir });
      output = openLog(places.log(slot));
      return startService(
        {
          serviceId: intent.service_id,
          executable,
          argv: settings.command,
          workdir,
          env: environmentOf(resourceId, intent, workdir, places.temporary),
          limits: resourceLimits(settings),
          ...(confinement === undefined ? {} : { confinement }),
          output,
          listen: sockets,
        },
        launcher,
      );
    } catch (cause) {
      // Nothing has started: the intent must not look like a start that may have happened.
      store.removeReplica(resourceId, slot);
      throw new AkcError("PROVIDER_FAILED", {
        message: `${basename(settings.command[0] ?? "")} could not be started: ${
          errnoOf(cause) ?? (cause instanceof Error ? cause.message : String(cause))
        }`,
        cause,
        details: { resourceId, slot, errno: errnoOf(cause), retryable: true },
      });
    } finally {
      if (output !== undefined) libc()?.close(output);
    }
  }
}

function executableOf({ command: [program = ""] }: ServiceSettings): string {
  const place = findExecutable(program);
  if (place.kind === "found") return place.real;
  throw new Error(`there is no ${program}`);
}

/** Made from nothing; what akc itself was started with never reaches a service. */
export function environmentOf(
  resourceId: string,
  { settings, slot }: Pick<ReplicaRecord, "settings" | "slot">,
  workdir: string,
  temporary: string,
): Readonly<Record<string, string>> {
  return {
    HOME: workdir,
    LANG: "C.UTF-8",
    TMPDIR: temporary,
    ...settings.env,
    PATH: fixedPath,
    AKC_RESOURCE_ID: resourceId,
    AKC_REPLICA: String(slot),
  };
}

export function resourceLimits({ limits: own }: ServiceSettings): ResourceLimits {
  return {
    openFiles: own.open_files,
    processes: own.processes,
    // The log is a file of its own too, and turned over by akc.
    fileBytes: Number.MAX_SAFE_INTEGER,
    ...(own.memory_bytes === undefined ? {} : { dataBytes: own.memory_bytes }),
    ...(own.cpu_seconds === undefined ? {} : { cpuSeconds: own.cpu_seconds }),
  };
}

/** What has become of the process of a record. */
export type Life =
  | { readonly kind: "alive"; readonly identity: ProcessIdentity }
  | { readonly kind: "gone"; readonly rebooted: boolean }
  /** An intent, and nobody knows yet. */
  | { readonly kind: "starting" };

/** Processes by the start that they came of: those that are what was to be started, and those that have yet to become it. */
export interface Starts {
  readonly started: ReadonlyMap<string, ProcessIdentity>;
  readonly launching: ReadonlyMap<string, ProcessIdentity>;
}

/** Looks at every process, once, and only if somebody asks. */
export function startsOnce(): () => Starts {
  let found: Starts | undefined;
  return () => {
    found ??= { launching: leadersMarked(launchIdVariable), started: leadersMarked(serviceIdVariable) };
    return found;
  };
}

/** @param starts asked only when a record is an intent */
export function lifeOf(record: ReplicaRecord, starts: () => Starts, nowMs: number): Life {
  const identity = identityOf(record);
  if (identity !== undefined) {
    if (isAlive(identity)) return { kind: "alive", identity };
    return { kind: "gone", rebooted: identity.bootId !== bootId() };
  }
  if (record.phase !== "starting") return { kind: "gone", rebooted: false };
  const found = starts().started.get(record.service_id);
  if (found !== undefined) return { kind: "alive", identity: found };
  // One that lies ahead was written by a clock that was set back since.
  const young = Math.abs(nowMs - record.started_ms) < limits.processStartMsMax;
  return young || starts().launching.has(record.service_id)
    ? { kind: "starting" }
    : { kind: "gone", rebooted: false };
}

/** When no process is on its way to becoming what an intent of the resource meant. */
export async function launchesOver(records: readonly ReplicaRecord[], clock: Clock): Promise<void> {
  const ids = records.flatMap(({ phase, service_id: id }) => (phase === "starting" ? [id] : []));
  const untilMs = clock.monotonicMs() + limits.processStartMsMax;
  while (ids.length > 0 && clock.monotonicMs() < untilMs) {
    const launching = leadersMarked(launchIdVariable);
    if (!ids.some((id) => launching.has(id))) return;
    await clock.sleep(launchPollMs);
  }
}

const launchPollMs = 10;
