/**
 * Stands by while akc runs: notices deaths at once, starts again what is to be started again, turns logs over.
 * Only ever restores what a change has already made; where it may not supervise it says what it sees and touches nothing.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import { DeathWatch } from "../../system/death-watch.ts";
import { turnLog } from "../../system/log-file.ts";
import type { ProbeBoard, Turn } from "./board.ts";
import type { Children } from "./children.ts";
import { identityOf, type ReplicaRecord } from "./record.ts";
import type { RecordStore } from "./record-store.ts";
import { afterExit, waitLeftMs } from "./restart.ts";
import type { SocketKeeper } from "./sockets.ts";
import { settledRecord } from "./standing.ts";
import { lifeOf, type Starter, type Starts } from "./starter.ts";

export interface SupervisorDeps {
  readonly store: RecordStore;
  readonly starter: Starter;
  readonly sockets: SocketKeeper;
  readonly board: ProbeBoard;
  readonly children: Children;
  readonly clock: Clock;
  /** Whether copies are started again here. Otherwise it is left to the next change. */
  readonly supervise: boolean;
}

interface Tracked {
  readonly resourceId: string;
  readonly record: ReplicaRecord;
}

export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #deaths = new DeathWatch();
  readonly #tracked = new Map<string, Tracked>();
  /** Keys with something under way, and when their start was told of where it is not made here. */
  readonly #busy = new Set<string>();
  readonly #told = new Map<string, number>();
  readonly #logsFull = new Map<string, number>();
  #changed: (resourceIds: readonly string[]) => void = () => undefined;
  #wake = Promise.withResolvers<void>();
  #stale = true;
  #watching = false;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
  }

  /** Until the signal aborts. */
  async watch(changed: (resourceIds: readonly string[]) => void, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    this.#changed = changed;
    this.#watching = true;
    let rescanAtMs = 0;
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs();
      if (this.#stale || nowMs >= rescanAtMs) {
        this.#stale = false;
        this.#rescan();
        this.#turnLogs();
        rescanAtMs = nowMs + limits.processRescanMs;
      }
      for (const key of this.#deaths.dead()) this.#do(key, (tracked) => this.#died(tracked));
      this.#startDue();
      await this.#pause(signal);
    }
    this.#watching = false;
    this.#changed = () => undefined;
    this.#deaths.close();
    this.#tracked.clear();
    this.#stale = true;
  }

  /** Something of this akc's own has changed the records. */
  touched(): void {
    this.#stale = true;
    this.#wake.resolve();
  }

  /** A verdict has turned. */
  turned({ resourceId, slot, serviceId, probe, state }: Turn): void {
    this.#changed([resourceId]);
    if (!this.#watching) return;
    const mine = (record: ReplicaRecord) => record.service_id === serviceId && record.phase === "running";
    if (probe === "readiness") {
      const ready = state.verdict === "passing";
      void this.#edit(resourceId, slot, async (record) => (mine(record) ? { ...record, ready } : record));
    } else if (state.verdict === "failing" && this.#deps.supervise) {
      void this.#edit(resourceId, slot, async (record) => {
        if (!mine(record)) return record;
        await this.#deps.starter.end(resourceId, record, new AbortController().signal);
        const exit = { at_ms: this.#deps.clock.nowMs(), why: "liveness" as const };
        return afterExit(record, {
          ...exit,
          ...(state.message === undefined ? {} : { message: state.message }),
        });
      });
    }
  }

  /** What keeps logs from being turned over, by resource. */
  logTrouble(resourceId: string): boolean {
    return [...this.#logsFull.keys()].some((key) => key.startsWith(`${resourceId}\n`));
  }

  #rescan(): void {
    const { store, board, clock } = this.#deps;
    const seen = new Set<string>();
    for (const folder of this.#folders()) {
      try {
        const { service, replicas } = store.readFolder(folder);
        if (service === undefined) continue;
        for (const record of replicas) {
          const key = keyOf(service.resource_id, record.slot);
          seen.add(key);
          this.#tracked.set(key, { resourceId: service.resource_id, record });
          const identity = identityOf(record);
          if (record.phase !== "running" || identity === undefined) {
            this.#deaths.remove(key);
            continue;
          }
          if (!this.#deaths.has(key, identity)) this.#deaths.add(key, identity);
          if (lifeOf(record, noStarts, clock.nowMs()).kind === "alive")
            board.track(service.resource_id, record);
        }
      } catch (error) {
        // Whoever looks will be told of it.
        if (!(error instanceof AkcError)) throw error;
        this.#changed([]);
      }
    }
    for (const key of this.#tracked.keys()) {
      if (seen.has(key)) continue;
      this.#tracked.delete(key);
      this.#deaths.remove(key);
    }
  }

  #folders(): readonly string[] {
    try {
      return this.#deps.store.folders();
    } catch {
      return [];
    }
  }

  async #died({ resourceId, record }: Tracked): Promise<void> {
    const exit = await this.#deps.children.exitOf(record.service_id);
    await this.#edit(resourceId, record.slot, async (now) => {
      if (now.service_id !== record.service_id) return now;
      const nowMs = this.#deps.clock.nowMs();
      const life = lifeOf(now, noStarts, nowMs);
      return settledRecord(
        {
          record: now,
          life: life.kind,
          rebooted: life.kind === "gone" && life.rebooted,
          exit: exit ?? { at_ms: nowMs, why: "unseen" },
        },
        nowMs,
      );
    });
    this.#changed([resourceId]);
  }

  #startDue(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const [key, { resourceId, record }] of this.#tracked) {
      const dueMs = record.next_start_ms;
      if (record.phase !== "waiting" || dueMs === undefined || waitLeftMs(record, nowMs) > 0) continue;
      if (this.#deps.supervise) this.#do(key, (tracked) => this.#restart(tracked));
      else if (this.#told.get(key) !== dueMs) {
        this.#told.set(key, dueMs);
        this.#changed([resourceId]);
      }
    }
  }

  async #restart({ resourceId, record }: Tracked): Promise<void> {
    const { store, starter, sockets, clock, board } = this.#deps;
    await this.#edit(resourceId, record.slot, async (now) => {
      if (now.phase !== "waiting" || waitLeftMs(now, clock.nowMs()) > 0) return now;
      const { process: _, next_start_ms: __, ready: ___, ...wanted } = now;
      try {
        await starter.end(resourceId, now, new AbortController().signal);
        const { ports } = now.settings;
        const listening =
          ports.handover === "listen_fds"
            ? sockets.obtain(resourceId, ports.listen, store.read(resourceId).replicas)
            : undefined;
        if (listening?.kind === "held") throw new AkcError("PROVIDER_FAILED", { message: listening.why });
        const restarted = { ...wanted, total_restarts: now.total_restarts + 1 };
        const started = await starter.start(resourceId, restarted, listening?.sockets ?? []);
        board.track(resourceId, started);
        return started;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const nowMs = clock.nowMs();
        const failed = { ...now, started_ms: nowMs };
        return afterExit(failed, { at_ms: nowMs, why: "start_failed", message });
      }
    });
    this.#changed([resourceId]);
  }

  /** Under the service's lock, on the record as it is now. What cannot be written is tried again with the next look. */
  async #edit(
    resourceId: string,
    slot: number,
    edit: (record: ReplicaRecord) => Promise<ReplicaRecord>,
  ): Promise<void> {
    const { store } = this.#deps;
    try {
      await store.locked(resourceId, async () => {
        const now = store.read(resourceId).replicas.find((record) => record.slot === slot);
        if (now === undefined) return;
        const next = await edit(now);
        if (next !== now) await store.writeReplica(resourceId, next);
      });
    } catch {
      this.#changed([resourceId]);
      await this.#deps.clock.sleep(limits.processRescanMs);
    }
    this.touched();
  }

  /** One thing a copy at a time. */
  #do(key: string, work: (tracked: Tracked) => Promise<void>): void {
    const tracked = this.#tracked.get(key);
    if (tracked === undefined || this.#busy.has(key)) return;
    this.#busy.add(key);
    void work(tracked).finally(() => {
      this.#busy.delete(key);
      this.touched();
    });
  }

  #turnLogs(): void {
    const { store, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    for (const [key, { resourceId, record }] of this.#tracked) {
      if (nowMs < (this.#logsFull.get(key) ?? 0)) continue;
      const { max_bytes: max, keep } = record.settings.logs;
      const turned = turnLog(store.places(resourceId).log(record.slot), max, keep);
      if (turned === "disk-full" || turned === "failed")
        this.#logsFull.set(key, nowMs + limits.processLogRetryMs);
      else this.#logsFull.delete(key);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const sleep = this.#deps.clock.sleep(limits.processWatchMs, AbortSignal.any([signal, over.signal]));
    await Promise.race([sleep, this.#wake.promise]);
    over.abort();
    this.#wake = Promise.withResolvers();
  }
}

const noStarts = (): Starts => ({ started: new Map(), launching: new Map() });

function keyOf(resourceId: string, slot: number): string {
  return `${resourceId}\n${slot}`;
}
