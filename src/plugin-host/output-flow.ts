/**
 * The output of one call on its way to whoever takes it: never more than a window of it is in memory, and the plugin is told
 * how much more it may send. It keeps the order of the pieces and looks into none.
 */
import { AkcError } from "../errors.ts";

/** A promise holds back the credit until it is settled; what it rejects with ends the call. */
export type TakeOutput = (bytes: Uint8Array) => void | Promise<void>;

export interface OutputFlowDeps {
  readonly windowBytes: number;
  readonly take: TakeOutput | undefined;
  /** Tells the plugin that it may send so many more bytes. */
  readonly credit: (bytes: number) => void;
  /** The output cannot be taken: what for is the call then? */
  readonly failed: (cause: unknown) => void;
}

export class OutputFlow {
  readonly #deps: OutputFlowDeps;
  #allowed: number;
  #owed = 0;
  #tail: Promise<void> | undefined;
  #failed = false;

  constructor(deps: OutputFlowDeps) {
    this.#deps = deps;
    this.#allowed = deps.windowBytes;
  }

  /** @throws AkcError PLUGIN_FLOOD when there was no credit for it. */
  receive(bytes: Uint8Array): void {
    this.#allowed -= bytes.length;
    if (this.#allowed < 0) {
      throw new AkcError("PLUGIN_FLOOD", {
        details: { what: "output without credit", bytes: -this.#allowed },
      });
    }
    if (this.#failed) return;
    if (this.#tail === undefined) {
      const taken = this.#take(bytes);
      if (taken === undefined) this.#repay(bytes.length);
      else this.#tail = this.#settle(taken, bytes.length);
      return;
    }
    this.#tail = this.#tail.then(() => this.#settle(this.#take(bytes), bytes.length));
  }

  /** Undefined when all of it has been taken. */
  taken(): Promise<void> | undefined {
    return this.#tail;
  }

  #take(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failed) return undefined;
    try {
      const taken = this.#deps.take?.(bytes);
      return taken instanceof Promise ? taken : undefined;
    } catch (cause) {
      this.#fail(cause);
      return undefined;
    }
  }

  async #settle(taken: Promise<void> | undefined, bytes: number): Promise<void> {
    try {
      await taken;
    } catch (cause) {
      this.#fail(cause);
    }
    this.#repay(bytes);
  }

  #fail(cause: unknown): void {
    this.#failed = true;
    this.#deps.failed(cause);
  }

  /** In large pieces: a credit is a message too. */
  #repay(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed * 4 < this.#deps.windowBytes) return;
    const credit = this.#owed;
    this.#owed = 0;
    this.#allowed += credit;
    this.#deps.credit(credit);
  }
}
