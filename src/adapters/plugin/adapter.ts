/**
 * A plugin's adapter as akc's own kind of adapter: asks the plugin, and makes a result of whatever comes of it. It starts no
 * process itself, decides nothing, and never rejects for what a plugin does wrong: that is a result and a fact of the run.
 *
 * Source: docs/plugin-protocol.md; spec bundle §14.1.
 */
import * as v from "valibot";
import type { Bundle } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { fromPlain } from "../../json/plain.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { PluginHandle } from "../../plugin-host/host.ts";
import type { HandedOver } from "../../plugin-host/secrets.ts";
import type { HttpLane } from "../../policy/model.ts";
import { type AdapterCapability, hostCalls, type Json, rpcErrors } from "../../sdk/protocol.ts";
import type { Clock } from "../../system/clock.ts";
import type { GuardedRequest } from "../../system/http.ts";
import { boundsOf, goalOf, stepFacts } from "../agent-worker/of-bundle.ts";
import type { ActionRequest, ActionResult, Adapter, Recovery, RunContext } from "../contract.ts";
import { isPluginFault, type PluginNotes } from "./notes.ts";
import { AttemptOutput } from "./output.ts";
import { type BundleWords, executeParams, wireContext, wireJson } from "./request.ts";
import { type ExecuteAnswer, failureOf, readExecuteAnswer, readRecoverAnswer, resultOf } from "./result.ts";
import { servicesFor } from "./services.ts";

/** One adapter of the manifest's `offers`. */
export interface AdapterOffer {
  readonly id: string;
  readonly capabilities: readonly AdapterCapability[];
}

export interface PluginAdapterDeps extends Pick<GuardedRequest, "resolve" | "tls"> {
  readonly clock: Clock;
  readonly notes: PluginNotes;
  readonly secrets: HandedOver;
  readonly secretOf: (name: string) => Promise<string>;
  /** The lane of the run's policy that the plugin's requests take for an action; undefined: none may be made. */
  readonly laneOf: (request: ActionRequest) => HttpLane | undefined;
}

/** The handle is the adapter's from here on: closing the one closes the other. */
export function createPluginAdapter(
  handle: PluginHandle,
  offer: AdapterOffer,
  deps: PluginAdapterDeps,
): Adapter {
  const plugin = new PluginAdapter(handle, offer, deps);
  const can = (capability: AdapterCapability) => offer.capabilities.includes(capability);
  return {
    id: offer.id,
    capabilities: {
      durableWaits: can("durable_waits"),
      externalSignals: can("external_signals"),
      compensationHooks: can("compensation_hooks"),
      externalCheckpointing: can("external_checkpointing"),
    },
    respectsRouting: false,
    async prepare(_context, bundle) {
      plugin.learn(bundle);
    },
    execute: (request) => plugin.execute(request),
    ...(can("recover") ? { recover: (request: ActionRequest) => plugin.recover(request) } : {}),
    ...(can("cancel")
      ? { cancel: (context: RunContext, actionId: string) => plugin.cancel(context, actionId) }
      : {}),
    ...(can("durable_waits") || can("external_signals")
      ? { waitSignal: (context: RunContext, spec: JsonObject) => plugin.waitSignal(context, spec) }
      : {}),
    ...(can("external_checkpointing")
      ? {
          checkpoint: (context: RunContext) => plugin.checkpoint(context),
          restore: (context: RunContext, token: string) => plugin.restore(context, token),
        }
      : {}),
    close: () => handle.close(),
  };
}

const Waited = v.object({ payload: v.optional(v.unknown(), null) });
const Checkpointed = v.object({ token: v.optional(v.nullable(v.string()), null) });

class PluginAdapter {
  readonly #handle: PluginHandle;
  readonly #offer: AdapterOffer;
  readonly #deps: PluginAdapterDeps;
  #words: BundleWords | undefined;
  /** Number of the start whose process has been told of the run. */
  #preparedStart = 0;
  #preparing: Promise<void> | undefined;
  /** Idempotency keys of attempts whose end nobody heard of: the plugin is asked before they are made again. */
  readonly #lost = new Set<string>();

  constructor(handle: PluginHandle, offer: AdapterOffer, deps: PluginAdapterDeps) {
    this.#handle = handle;
    this.#offer = offer;
    this.#deps = deps;
  }

  learn(bundle: Bundle): void {
    const goal = goalOf(bundle);
    const facts = stepFacts(bundle);
    this.#words = {
      ...(goal === undefined ? {} : { goal }),
      bounds: boundsOf(bundle),
      factsOf: (stepId) => facts.get(stepId) ?? {},
    };
  }

  async execute(request: ActionRequest): Promise<ActionResult> {
    const { idempotencyKey } = request.action;
    if (this.#lost.delete(idempotencyKey) && this.#can("recover")) {
      const asked = await this.#askAfter(request);
      // Who breaks at the question is not given the work as well.
      if (asked.kind === "answered" || asked.kind === "broken") return asked.result;
    }
    const { result } = await this.#attempt(request, hostCalls.adapterExecute, readExecuteAnswer);
    return result;
  }

  /** A plugin that cannot be asked does not know. */
  async recover(request: ActionRequest): Promise<Recovery> {
    const { kind, result } = await this.#askAfter(request);
    // Whoever aborts the question means the attempt.
    const ended = kind === "answered" || (kind !== "unknown" && request.signal.aborted);
    return ended ? { kind: "ended", result } : { kind: "unknown" };
  }

  /** What became of the attempt before this one? */
  #askAfter(request: ActionRequest): Promise<Attempted> {
    return this.#attempt(request, hostCalls.adapterRecover, (answer) => {
      const recovery = readRecoverAnswer(answer);
      return recovery.kind === "ended" ? recovery.result : undefined;
    });
  }

  async cancel(context: RunContext, actionId: string): Promise<void> {
    await this.#call(hostCalls.adapterCancel, context, { action_id: actionId }, cancelTimeoutMs);
  }

  async waitSignal(context: RunContext, spec: JsonObject) {
    const answer = await this.#call(hostCalls.adapterWaitSignal, context, { spec: wireJson(spec) });
    return fromPlain(this.#read(Waited, answer).payload);
  }

  async checkpoint(context: RunContext): Promise<string | null> {
    const answer = await this.#call(hostCalls.adapterCheckpoint, context, {});
    return this.#read(Checkpointed, answer).token;
  }

  async restore(context: RunContext, token: string): Promise<void> {
    await this.#call(hostCalls.adapterRestore, context, { token });
  }

  async #attempt(
    request: ActionRequest,
    method: string,
    read: (answer: Json) => ExecuteAnswer | undefined,
  ): Promise<Attempted> {
    const { clock, secrets, notes } = this.#deps;
    const { action, artifacts, policy, signal, timeoutMs } = request;
    const startedMs = clock.monotonicMs();
    const elapsedMs = () => Math.max(0, Math.round(clock.monotonicMs() - startedMs));
    const facts = () => ({ request, adapterId: this.#offer.id, secrets, durationMs: elapsedMs() });
    const output = new AttemptOutput(artifacts, secrets, policy.subprocess.outputBytesMax);
    let ending: Promise<void> | undefined;
    let sent = false;
    const abort = () => {
      if (sent) ending ??= this.#endElsewhere(request);
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      await this.#prepare(request);
      sent = true;
      const answer = read(
        await this.#handle.call(method, executeParams(this.#offer.id, request, this.#wordsFor(request)), {
          timeoutMs: Math.max(1, timeoutMs - elapsedMs()),
          signal,
          services: this.#services(request),
          onOutput: (bytes) => output.write(bytes),
        }),
      );
      if (answer === undefined) {
        output.discard();
        return { kind: "unknown", result: failureOf(new AkcError("PLUGIN_FAILED"), facts()) };
      }
      return { kind: "answered", result: await this.#kept(answer, output, resultOf(answer, facts())) };
    } catch (cause) {
      output.discard();
      if (!(cause instanceof AkcError)) throw cause;
      if (isPluginFault(cause)) {
        notes.befell(cause, action.actionId);
        if (sent) this.#lost.add(action.idempotencyKey);
        if (cause.code === "PLUGIN_TIMEOUT") abort();
        return { kind: "broken", result: failureOf(cause, facts()) };
      }
      return { kind: "failed", result: failureOf(cause, facts()) };
    } finally {
      signal.removeEventListener("abort", abort);
      notes.started();
      await ending;
    }
  }

  async #kept(answer: ExecuteAnswer, output: AttemptOutput, result: ActionResult): Promise<ActionResult> {
    if (result.status !== "succeeded") {
      output.discard();
      return result;
    }
    if (answer.output_base64 !== undefined) output.write(Buffer.from(answer.output_base64, "base64"));
    const kept = await output.finish();
    return kept === undefined ? result : { ...result, output: kept };
  }

  #wordsFor(request: ActionRequest): BundleWords | undefined {
    const requestBytesMax = this.#deps.laneOf(request)?.bodyBytesMax;
    return this.#words && { ...this.#words, ...(requestBytesMax === undefined ? {} : { requestBytesMax }) };
  }

  /** Once for each process, before its first action. What does not offer it need not be told. */
  async #prepare(request: ActionRequest): Promise<void> {
    const { info } = this.#handle;
    for (;;) {
      const { starts, negotiated } = info();
      if (negotiated !== undefined && starts === this.#preparedStart) return;
      if (this.#preparing === undefined) {
        this.#preparing = this.#tellOfRun(request).finally(() => {
          this.#preparing = undefined;
        });
        return this.#preparing;
      }
      // Another action's fault is not this one's.
      await this.#preparing.catch(() => undefined);
    }
  }

  async #tellOfRun({ context, timeoutMs, signal }: ActionRequest): Promise<void> {
    const { id } = this.#offer;
    const params = { adapter: id, context: wireContext(context, id) };
    try {
      await this.#handle.call(hostCalls.adapterPrepare, params, { timeoutMs, signal });
    } catch (cause) {
      const offersNone = cause instanceof AkcError && cause.details["rpcCode"] === rpcErrors.methodNotFound;
      if (!offersNone) throw cause;
    }
    const { starts, negotiated } = this.#handle.info();
    if (negotiated?.offers.adapters?.[id] === undefined) {
      throw new AkcError("PLUGIN_LIES", {
        message: `the plugin does not offer the adapter ${id} that its manifest names`,
      });
    }
    this.#preparedStart = starts;
    this.#deps.notes.started();
  }

  /** The action may go on where the plugin started it, beyond the call that was cancelled. */
  async #endElsewhere({ context, action }: ActionRequest): Promise<void> {
    if (!this.#can("cancel")) return;
    await this.cancel(context, action.actionId).catch(() => undefined);
  }

  #can(capability: AdapterCapability): boolean {
    return this.#offer.capabilities.includes(capability);
  }

  #services(request: ActionRequest) {
    const { laneOf, secrets, secretOf, resolve, tls } = this.#deps;
    return servicesFor(request, {
      granted: this.#handle.granted,
      secrets,
      secretOf,
      lane: laneOf(request),
      ...(resolve === undefined ? {} : { resolve }),
      ...(tls === undefined ? {} : { tls }),
    });
  }

  /** A call that belongs to no action. */
  #call(
    method: string,
    context: RunContext,
    params: { readonly [key: string]: Json },
    timeoutMs = limits.pluginCallMsMax,
  ): Promise<Json> {
    const { id } = this.#offer;
    const all = { adapter: id, context: wireContext(context, id), ...params };
    return this.#handle.call(method, all, { timeoutMs });
  }

  #read<Schema extends v.GenericSchema>(schema: Schema, answer: Json): v.InferOutput<Schema> {
    const read = v.safeParse(schema, answer);
    if (read.success) return read.output;
    throw new AkcError("PLUGIN_GARBAGE", { message: "the plugin's answer is malformed" });
  }
}

/** `failed` is what the plugin said, `broken` what it did wrong, `unknown` that it does not know. */
interface Attempted {
  readonly kind: "answered" | "failed" | "broken" | "unknown";
  readonly result: ActionResult;
}

/** The kernel waits for the end of a cancelled attempt for `limits.cancelGraceMs`. */
const cancelTimeoutMs = limits.cancelGraceMs / 2;
