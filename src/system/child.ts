/**
 * The life of one child: started, limited, read, ended in time, with its whole process group.
 * Runs on a spawn worker; it never touches a file outside the working directory and never decides what may start.
 */
import { constants } from "node:os";
import { ChildOutput, OutputBudget } from "./child-output.ts";
import { errnoOf } from "./files.ts";
import { libc } from "./libc.ts";
import { limitProcess } from "./rlimits.ts";
import type { EndCause, FromWorker, SpawnOrder } from "./spawn-protocol.ts";
import type { TemporaryFolders } from "./temporary-folders.ts";

/** A child that ends sooner is read once, at its end. */
const watchAfterMs = 10;
const groupPollMsMax = 20;
/** How long pipes may stay open after the child's death before somebody is asked who holds them, then before they are dropped. */
const heldAfterMs = 50;
const dropAfterMs = 1_000;
const timerMsMax = 2 ** 31 - 1;

const { SIGKILL, SIGTERM } = constants.signals;

interface Death {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Starts the child and tells all that becomes of it to `send`; the last message is `ended`. */
export function startChild(
  order: SpawnOrder,
  folders: TemporaryFolders,
  send: (message: FromWorker) => void,
): Child | undefined {
  try {
    return new Child(order, folders, send);
  } catch (cause) {
    send({ kind: "ended", id: order.id, end: { kind: "not-started", errno: errnoOf(cause) ?? "UNKNOWN" } });
    return undefined;
  }
}

export class Child {
  readonly #startedAt = performance.now();
  readonly #order: SpawnOrder;
  readonly #folders: TemporaryFolders;
  readonly #temporary: string;
  readonly #send: (message: FromWorker) => void;
  readonly #budget: OutputBudget;
  readonly #stdout: ChildOutput;
  readonly #stderr: ChildOutput;
  readonly #process: Bun.Subprocess<"ignore" | Uint8Array, number | "pipe", number | "pipe">;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #watch: ReturnType<typeof setTimeout>;
  #killAtMs = 0;
  #kill: ReturnType<typeof setTimeout> | undefined;
  #cause: EndCause = "itself";
  #dead = false;

  /** @throws what mkdir(2) or the spawn says; nothing is left then. */
  constructor(order: SpawnOrder, folders: TemporaryFolders, send: (message: FromWorker) => void) {
    this.#order = order;
    this.#folders = folders;
    this.#send = send;
    this.#temporary = folders.take(order.workdir);
    this.#budget = new OutputBudget(order.outputBytesMax, () => this.end("output"));
    const shared = { id: order.id, budget: this.#budget, send };
    this.#stdout = new ChildOutput({ ...shared, name: "stdout" });
    this.#stderr = new ChildOutput({ ...shared, name: "stderr" });
    try {
      this.#process = this.#spawn();
    } catch (cause) {
      this.#stdout.abandon();
      this.#stderr.abandon();
      folders.give(order.workdir, this.#temporary);
      throw cause;
    }
    if (order.limits !== undefined) limitProcess(this.#process.pid, order.limits);
    this.#stdout.attach(this.#process.stdout);
    this.#stderr.attach(this.#process.stderr);
    this.#deadline = setTimeout(() => this.end("timeout"), Math.min(order.timeoutMs, timerMsMax));
    this.#watch = setTimeout(() => {
      void this.#stdout.watch();
      void this.#stderr.watch();
    }, watchAfterMs);
  }

  /** TERM to its group, KILL after the grace; only the first cause counts. */
  end(cause: EndCause): void {
    if (this.#cause !== "itself") return;
    if (this.#dead) {
      // What it wrote in its last moments is read after its end, and counts like all the rest.
      if (cause === "output") this.#cause = cause;
      return;
    }
    this.#cause = cause;
    // Whoever floods us would go on while it cleans up; everybody else may.
    this.#signal(cause === "output" ? SIGKILL : SIGTERM);
    this.#killAtMs = performance.now() + this.#order.killGraceMs;
    this.#kill = setTimeout(() => this.#signal(SIGKILL), this.#order.killGraceMs);
  }

  taken(bytes: number): void {
    this.#budget.taken(bytes);
  }

  #spawn() {
    const { argv, env, executable, stdin, workdir } = this.#order;
    return Bun.spawn([executable, ...argv.slice(1)], {
      argv0: argv[0] ?? executable,
      cwd: workdir,
      env: { ...env, TMPDIR: this.#temporary },
      stdin: stdin === undefined ? "ignore" : new TextEncoder().encode(stdin),
      stdout: this.#stdout.childEnd,
      stderr: this.#stderr.childEnd,
      // A session and a process group of its own: signals reach all of it.
      detached: true,
      onExit: (_, exitCode, signal) => {
        void this.#finish({ exitCode, signal: signal === null ? null : nameOf(signal) });
      },
    });
  }

  async #finish(death: Death): Promise<void> {
    this.#dead = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#watch);
    // The rest of its group has the same grace as the child itself had.
    if (this.#killAtMs > 0) await this.#groupGone(this.#killAtMs);
    clearTimeout(this.#kill);
    // What it left behind in its group. The number cannot be another's while that group has members.
    if (this.#signal(SIGKILL)) await this.#groupGone(performance.now() + dropAfterMs);
    const rest = [this.#stdout.drain(), this.#stderr.drain()];
    if (rest.some((one) => one !== undefined)) await this.#drained(rest);
    this.#stdout.close();
    this.#stderr.close();
    this.#folders.give(this.#order.workdir, this.#temporary);
    this.#send({
      kind: "ended",
      id: this.#order.id,
      end: {
        kind: "ran",
        exitCode: death.exitCode,
        signal: death.signal,
        cause: this.#cause,
        stdout: this.#stdout.rest(),
        stderr: this.#stderr.rest(),
        durationMs: Math.round(performance.now() - this.#startedAt),
      },
    });
  }

  /** Orphans of the group are akc's children now: dead ones would keep the group on the table. */
  async #groupGone(untilMs: number): Promise<void> {
    const group = this.#process.pid;
    const host = libc();
    for (let pauseMs = 1; host !== undefined; pauseMs = Math.min(pauseMs * 2, groupPollMsMax)) {
      host.reapGroup(group);
      if (host.kill(-group, 0) !== 0 || performance.now() >= untilMs) return;
      await Bun.sleep(pauseMs);
    }
  }

  async #drained(rest: readonly (Promise<void> | undefined)[]): Promise<void> {
    const held = setTimeout(() => this.#send({ kind: "held", id: this.#order.id }), heldAfterMs);
    const drop = setInterval(() => {
      const dropped = [this.#stdout.drop(), this.#stderr.drop()];
      if (dropped.every(Boolean)) clearInterval(drop);
    }, dropAfterMs);
    await Promise.all(rest);
    clearTimeout(held);
    clearInterval(drop);
  }

  /** Whether anybody was there to get it. */
  #signal(signal: number): boolean {
    const host = libc();
    if (host !== undefined) return host.kill(-this.#process.pid, signal) === 0;
    if (!this.#dead) this.#process.kill(signal);
    return false;
  }
}

function nameOf(signal: number | string): string {
  if (typeof signal === "string") return signal;
  const known = Object.entries(constants.signals).find(([, number]) => number === signal);
  return known?.[0] ?? `signal ${signal}`;
}
