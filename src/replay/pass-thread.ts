/**
 * Makes the passes over a run's rows beside the work of this thread, where the run can be opened a second time; else, and where
 * the other thread fails, here.
 */
import type { RunReader, RunRow } from "../store/contract.ts";
import { workerUrl } from "../system/worker-entries.ts";
import type { FromPasses, StoredRun, ToPasses } from "./pass-protocol.ts";
import {
  type ChainOrder,
  type ChainPass,
  type DecisionPass,
  digestDecisions,
  followChain,
} from "./passes.ts";

/** Below this number of events a thread takes longer to start than to work. */
const eventsWorthwhile = 5_000;

export class PassThread {
  readonly #reader: RunReader;
  readonly #run: RunRow;
  readonly #stored: StoredRun | undefined;
  #worker: Worker | undefined;
  #answer: (message: FromPasses | undefined) => void = () => {};

  /** @param stored where the run can be opened again; absent when it cannot */
  constructor(reader: RunReader, run: RunRow, stored: StoredRun | undefined) {
    this.#reader = reader;
    this.#run = run;
    this.#stored = stored;
    if (stored === undefined || run.lastSeq < eventsWorthwhile) return;
    try {
      this.#worker = new Worker(workerUrl("replay/pass-worker.ts"));
      this.#worker.onmessage = ({ data }: MessageEvent<FromPasses>) => this.#answer(data);
      this.#worker.onerror = () => {
        this.close();
        this.#answer(undefined);
      };
    } catch {
      this.#worker = undefined;
    }
  }

  async chain(order: ChainOrder): Promise<ChainPass> {
    const answer = await this.#ask((stored) => ({ ...stored, kind: "chain", order }));
    if (answer?.kind === "chain" && answer.pass !== undefined) return answer.pass;
    return followChain(this.#reader, this.#run, order);
  }

  async decisions(covered: number): Promise<DecisionPass> {
    const answer = await this.#ask((stored) => ({ ...stored, kind: "decisions", covered }));
    if (answer?.kind === "decisions" && answer.pass !== undefined) return answer.pass;
    return digestDecisions(this.#reader, covered);
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** One at a time: the caller waits for an answer before it asks again. */
  #ask(make: (stored: StoredRun) => ToPasses): Promise<FromPasses | undefined> {
    const { promise, resolve } = Promise.withResolvers<FromPasses | undefined>();
    const worker = this.#worker;
    if (worker === undefined || this.#stored === undefined) resolve(undefined);
    else {
      this.#answer = resolve;
      worker.postMessage(make(this.#stored));
    }
    return promise;
  }
}
