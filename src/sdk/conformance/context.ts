/**
 * What the checks share: the plugin, and one process of it that goes on from check to check for as long as it lives.
 * A process that a check has ended is followed by a new one.
 */
import { hostCalls, type JsonMap, protocolMajors } from "../protocol.ts";
import { isMap } from "../read.ts";
import { Broken, Skipped } from "./check.ts";
import { Client } from "./client.ts";
import { initializeParamsOf, type Subject } from "./subject.ts";

/** Between two looks, and until something that goes on by itself is given up. */
const settleMs = 100;
/** The kit waits no longer for an answer than this, whatever the manifest says. */
const patienceMs = 30_000;

export class Context {
  readonly subject: Subject;
  /** What was agreed in the first handshake. */
  agreed: JsonMap | undefined;
  readonly violations: string[] = [];
  #client: Client | undefined;
  readonly #all: Client[] = [];
  #handshakeBroken: string | undefined;
  #lastKey = 0;
  /** Keys of an earlier test must not be met again: a plugin may remember them. */
  readonly #test = crypto.randomUUID();

  constructor(subject: Subject) {
    const limits = { ...subject.limits, callMs: Math.min(subject.limits.callMs, patienceMs) };
    this.subject = { ...subject, limits };
  }

  /** A process that has been initialized. @throws Skipped when none can be had */
  async client(): Promise<Client> {
    if (this.#handshakeBroken !== undefined) throw new Skipped("the handshake does not work");
    if (this.#client?.alive === true) return this.#client;
    const client = await this.fresh();
    try {
      this.agreed = await this.shakeHands(client);
    } catch (cause) {
      this.#handshakeBroken = String(cause);
      throw cause;
    }
    this.#client = client;
    return client;
  }

  /** A process to which nothing was said. @throws Skipped as `client` */
  async fresh(): Promise<Client> {
    if (this.#handshakeBroken !== undefined) throw new Skipped("the handshake does not work");
    const client = new Client(this.subject, await this.subject.start());
    this.#all.push(client);
    return client;
  }

  async freshInitialized(): Promise<Client> {
    const client = await this.fresh();
    await this.shakeHands(client);
    return client;
  }

  async shakeHands(client: Client, majors: readonly number[] = protocolMajors): Promise<JsonMap> {
    const params = initializeParamsOf(this.subject, client.wire.workdir, majors);
    const answer = await client.result(hostCalls.initialize, params, this.subject.limits.startMs);
    if (!isMap(answer)) throw new Broken("initialize: the answer is not an object");
    return answer;
  }

  async mustPing(client: Client): Promise<void> {
    const reply = await client.call(hostCalls.ping, {}, this.subject.limits.stopMs + settleMs);
    if (reply.kind === "error") throw new Broken(`ping: ${reply.error.message}`);
  }

  /** An idempotency key that was not used before. */
  newKey(): string {
    this.#lastKey += 1;
    return `conformance-${this.#test}-${this.#lastKey}`;
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
  }

  /** Nothing is left of any process. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.kill()));
    for (const { violations } of this.#all) this.violations.push(...violations);
  }
}
