/**
 * Changes one service until it has the copies that a change asks for: level-based, so that asked again it does what is missing.
 * Holds the service's lock all the while; touches only copies that its own records speak of.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import { listenersAt } from "../../system/listeners.ts";
import { isAlive } from "../../system/process-identity.ts";
import type { Change, ProviderCall } from "../contract.ts";
import type { ProbeBoard } from "./board.ts";
import { type Exit, identityOf, processHash, type ReplicaRecord } from "./record.ts";
import type { Kept, RecordStore } from "./record-store.ts";
import { settingsOf } from "./revision.ts";
import type { ServiceSettings } from "./settings.ts";
import type { OpenSocket, SocketKeeper } from "./sockets.ts";
import { type SeenCopy, settledRecord, stateOf } from "./standing.ts";
import { launchesOver, lifeOf, type Starter, startsOnce, type Wanted } from "./starter.ts";
import { type Copy, type Step, stepsFor } from "./steps.ts";

export interface ChangeDeps {
  readonly store: RecordStore;
  readonly starter: Starter;
  readonly sockets: SocketKeeper;
  readonly board: ProbeBoard;
  readonly clock: Clock;
  /** How a child of this akc ended. */
  exitOf(serviceId: string): Promise<Exit | undefined>;
  /** The version of what stands as `observe` would say it; null when nothing does. */
  version(resourceId: string, kept: Kept): string | null;
}

/** @throws AkcError PROVIDER_CONFLICT, PROVIDER_NOT_OWNED, PROVIDER_FAILED, DISK_FULL, CANCELLED */
export function applyChange(deps: ChangeDeps, change: Change, call: ProviderCall): Promise<void> {
  return deps.store.locked(change.revision.resourceId, () => new Application(deps, change, call).run());
}

class Application {
  readonly #deps: ChangeDeps;
  readonly #change: Change;
  readonly #abort: AbortSignal;
  readonly #settings: ServiceSettings;
  readonly #id: string;
  readonly #records = new Map<number, ReplicaRecord>();
  #note: string | undefined;

  constructor(deps: ChangeDeps, change: Change, { signal }: ProviderCall) {
    this.#deps = deps;
    this.#change = change;
    this.#abort = signal;
    this.#settings = settingsOf(change.revision);
    this.#id = change.revision.resourceId;
  }

  async run(): Promise<void> {
    const { store } = this.#deps;
    const { idempotencyKey, adopt } = this.#change;
    const kept = store.read(this.#id);
    const { service } = kept;
    if (service !== undefined && service.scope !== this.#change.mark.scope && !adopt)
      throw new AkcError("PROVIDER_NOT_OWNED", { details: { resourceId: this.#id, scope: service.scope } });
    const again = service?.idempotency_key === idempotencyKey;
    if (!again) this.#refuseMoved(kept);
    await this.#mark(again ? service?.note : undefined);
    const copies = await this.#settle(kept.replicas);
    const wish = this.#wish(again);
    const steps = stepsFor(copies, { ...wish, beside: this.#mayRunBeside() });
    const starts = steps.some(({ kind }) => kind !== "keep" && kind !== "stop");
    await this.#carryOut(starts ? await this.#sockets(steps, wish) : { steps, sockets: [] });
    const left = [...this.#records.values()];
    this.#deps.board.keepOnly(this.#id, new Set(left.map(({ service_id: id }) => id)));
    if (this.#settings.ports.handover !== "listen_fds") this.#deps.sockets.release(this.#id);
    if (this.#note !== undefined) await this.#mark(this.#note);
  }

  #refuseMoved(kept: Kept): void {
    const version = this.#deps.version(this.#id, kept);
    const { expectedVersion: expected } = this.#change;
    if (version !== expected)
      throw new AkcError("PROVIDER_CONFLICT", {
        details: { resourceId: this.#id, expected, found: version },
      });
  }

  async #mark(note: string | undefined): Promise<void> {
    const { revision, mark, idempotencyKey, copies } = this.#change;
    await this.#deps.store.writeService({
      format: 1,
      scope: mark.scope,
      resource_id: this.#id,
      resource_class: revision.resourceClass,
      desired_hash: mark.desiredHash,
      idempotency_key: idempotencyKey,
      settings: this.#settings,
      wanted_copies: copies === undefined ? this.#settings.replicas : copies.updated + copies.previous,
      ...(note === undefined ? {} : { note }),
    });
  }

  /** Takes back what was started without being recorded, and notes who has died meanwhile. */
  async #settle(replicas: readonly ReplicaRecord[]): Promise<readonly Copy[]> {
    const { clock, board } = this.#deps;
    await launchesOver(replicas, clock);
    const starts = startsOnce();
    const copies: Copy[] = [];
    for (const found of replicas) {
      const nowMs = clock.nowMs();
      const life = lifeOf(found, starts, nowMs);
      const liveness = board.state(found.service_id, "liveness");
      const exit = life.kind === "gone" ? await this.#deps.exitOf(found.service_id) : undefined;
      const seen: SeenCopy = {
        record: life.kind === "alive" ? takenBack(found, life.identity) : found,
        // Nobody else starts anything while the lock is held.
        life: life.kind === "starting" ? "gone" : life.kind,
        rebooted: life.kind === "gone" && life.rebooted,
        ...(exit === undefined ? {} : { exit }),
        ...(liveness === undefined ? {} : { liveness }),
      };
      const record = settledRecord(seen, nowMs);
      if (record !== found) await this.#write(record);
      else this.#records.set(record.slot, record);
      copies.push({
        slot: record.slot,
        current: processHash(record.settings) === processHash(this.#settings),
        state: stateOf(seen, record, nowMs),
      });
    }
    return copies;
  }

  #wish(again: boolean): { readonly updated: number; readonly previous: number; readonly revive: boolean } {
    const { copies } = this.#change;
    const { replicas } = this.#settings;
    return { updated: copies?.updated ?? replicas, previous: copies?.previous ?? 0, revive: !again };
  }

  #mayRunBeside(): boolean {
    const { handover } = this.#settings.ports;
    if (handover === "none") return false;
    return [...this.#records.values()].every(
      ({ settings, process }) => process === undefined || settings.ports.handover === handover,
    );
  }

  /** Where a running copy holds a socket that cannot be had from it, the copies end before the next are started. */
  async #sockets(
    steps: readonly Step[],
    wish: Omit<Parameters<typeof stepsFor>[1], "beside">,
  ): Promise<Plan> {
    const { ports } = this.#settings;
    if (ports.handover !== "listen_fds") return { steps, sockets: [] };
    const obtain = () => this.#deps.sockets.obtain(this.#id, ports.listen, [...this.#records.values()]);
    const first = obtain();
    if (first.kind === "open") return { steps, sockets: first.sockets };
    this.#note = `a listening socket could not be taken over (${first.why}): connections were refused while the copies were replaced`;
    for (const record of [...this.#records.values()]) await this.#end(record);
    const copies = [...this.#records.values()].map(
      ({ slot, settings }): Copy => ({
        slot,
        current: processHash(settings) === processHash(this.#settings),
        state: "due",
      }),
    );
    const second = await this.#patiently(obtain);
    if (second.kind === "held")
      throw new AkcError("PROVIDER_FAILED", {
        message: `a listening socket is still held: ${second.why}`,
        details: { resourceId: this.#id, retryable: true },
      });
    return { steps: stepsFor(copies, { ...wish, beside: false }), sockets: second.sockets };
  }

  /** A process counts as dead when its first thread is: the others may hold its sockets for a moment longer. */
  async #patiently<T>(obtain: () => T): Promise<T> {
    const { clock } = this.#deps;
    for (const untilMs = clock.monotonicMs() + socketReleaseMs; ; ) {
      try {
        return obtain();
      } catch (cause) {
        if (clock.monotonicMs() >= untilMs || this.#abort.aborted) throw cause;
      }
      await clock.sleep(socketPollMs, this.#abort);
    }
  }

  async #carryOut({ steps, sockets }: Plan): Promise<void> {
    for (const step of steps) {
      if (this.#abort.aborted) throw new AkcError("CANCELLED");
      const before = this.#records.get(step.slot);
      switch (step.kind) {
        case "keep":
          await this.#relabel(step.slot);
          break;
        case "start":
          await this.#start(step.slot, before, sockets);
          break;
        case "restart":
          if (before !== undefined) await this.#end(before);
          await this.#start(step.slot, before, sockets);
          break;
        case "replace": {
          const old = this.#records.get(step.from);
          await this.#startBeside(step.slot, sockets);
          if (old !== undefined) await this.#remove(old);
          break;
        }
        case "stop":
          if (before !== undefined) await this.#remove(before);
          break;
      }
    }
  }

  async #start(
    slot: number,
    before: ReplicaRecord | undefined,
    sockets: readonly OpenSocket[],
  ): Promise<ReplicaRecord> {
    const { starter, board } = this.#deps;
    const { mark, idempotencyKey } = this.#change;
    const same = before !== undefined && processHash(before.settings) === processHash(this.#settings);
    const wanted: Wanted = {
      format: 1,
      slot,
      desired_hash: mark.desiredHash,
      idempotency_key: idempotencyKey,
      settings: this.#settings,
      // Another program, another count; what was asked for anew has not crashed yet.
      restarts: same && before.idempotency_key === idempotencyKey ? before.restarts : 0,
      total_restarts: same ? before.total_restarts + 1 : 0,
      ...(same && before.last_exit !== undefined ? { last_exit: before.last_exit } : {}),
    };
    const record = await starter.start(this.#id, wanted, sockets);
    this.#records.set(slot, record);
    board.track(this.#id, record);
    return record;
  }

  /** Inherited sockets keep what comes meanwhile; who binds a port itself has to listen before the other lets go. */
  async #startBeside(slot: number, sockets: readonly OpenSocket[]): Promise<void> {
    const { ports } = this.#settings;
    const before = ports.listen.map(({ port }) => listenersAt(port));
    const identity = identityOf(await this.#start(slot, undefined, sockets));
    if (ports.handover !== "reuse_port" || identity === undefined) return;
    const { clock } = this.#deps;
    const untilMs = clock.monotonicMs() + limits.processHandoverMsMax;
    while (ports.listen.some(({ port }, index) => listenersAt(port) <= (before[index] ?? 0))) {
      if (!isAlive(identity) || clock.monotonicMs() >= untilMs) {
        throw new AkcError("PROVIDER_FAILED", {
          message: `copy ${slot} does not listen at its ports; the copies before it were left running`,
          details: { resourceId: this.#id, slot, retryable: true },
        });
      }
      await clock.sleep(listenPollMs, this.#abort);
      if (this.#abort.aborted) throw new AkcError("CANCELLED");
    }
  }

  /** A change that needs no new process only changes what is known of this one. */
  async #relabel(slot: number): Promise<void> {
    const record = this.#records.get(slot);
    if (record === undefined) return;
    const { mark, idempotencyKey } = this.#change;
    if (record.idempotency_key !== idempotencyKey)
      await this.#write({
        ...record,
        settings: this.#settings,
        desired_hash: mark.desiredHash,
        idempotency_key: idempotencyKey,
      });
    const now = this.#records.get(slot);
    if (now?.phase === "running") this.#deps.board.track(this.#id, now);
  }

  async #end(record: ReplicaRecord): Promise<void> {
    await this.#deps.starter.end(this.#id, record, this.#abort);
    const { process: _, ...rest } = record;
    this.#records.set(record.slot, rest);
  }

  async #remove(record: ReplicaRecord): Promise<void> {
    await this.#end(record);
    this.#deps.store.removeReplica(this.#id, record.slot);
    this.#records.delete(record.slot);
  }

  async #write(record: ReplicaRecord): Promise<void> {
    await this.#deps.store.writeReplica(this.#id, record);
    this.#records.set(record.slot, record);
  }
}

interface Plan {
  readonly steps: readonly Step[];
  readonly sockets: readonly OpenSocket[];
}

const listenPollMs = 20;

function takenBack(
  record: ReplicaRecord,
  { pid, startTicks, bootId }: { readonly pid: number; readonly startTicks: number; readonly bootId: string },
): ReplicaRecord {
  if (record.phase === "running") return record;
  return { ...record, phase: "running", process: { pid, start_ticks: startTicks, boot_id: bootId } };
}

const socketReleaseMs = 2_000;
const socketPollMs = 10;
