/**
 * From a method's name to the function of the plugin that does it, and from what that returns to what goes over the wire.
 * Judges nothing and catches only what is a result: an action that failed.
 */
import type { ActionOutcome, AdapterDefinition, Recovery } from "./adapter.ts";
import type { Call } from "./call.ts";
import type { PluginDefinition } from "./define.ts";
import { isPluginError } from "./errors.ts";
import type { LiveCall } from "./live-call.ts";
import { type ExecuteResult, hostCalls, type JsonMap } from "./protocol.ts";
import type { Observed, ProviderDefinition, SeenResource } from "./provider.ts";
import {
  changeOptionsOf,
  contextAt,
  executeRequestOf,
  InvalidParams,
  mapAt,
  numberAt,
  observedAt,
  optionalTextAt,
  resourceAt,
  resourceNameOf,
  resourceNamesAt,
  textAt,
} from "./read.ts";
import { wireVerdict } from "./tools.ts";
import type { ValidatorDefinition } from "./validator.ts";

/** The plugin does not offer what was asked; becomes JSON-RPC's -32601. */
export class NotOffered extends Error {
  override readonly name = "NotOffered";
}

/**
 * What the method answers, for JSON to write.
 * @throws InvalidParams, NotOffered, PluginError, and whatever the plugin throws
 */
export type Dispatch = (method: string, params: JsonMap, live: LiveCall) => Promise<object | null>;

type Handler<Thing, Settings> = (
  thing: Thing,
  params: JsonMap,
  call: Call<Settings>,
  live: LiveCall,
) => Promise<object | null>;

export function createDispatch<Settings>(
  { adapters, providers, validators }: PluginDefinition<Settings>,
  settings: Settings,
): Dispatch {
  const methods = new Map([
    ...bound(adapterHandlers<Settings>(), adapters, "adapter", settings),
    ...bound(providerHandlers<Settings>(), providers, "provider", settings),
    ...bound(validatorHandlers<Settings>(), validators, "validator", settings),
  ]);
  return async (method, params, live) => {
    const found = methods.get(method);
    if (found === undefined) throw new NotOffered(`there is no ${method}`);
    return found(params, live);
  };
}

type Bound = (params: JsonMap, live: LiveCall) => Promise<object | null>;

function bound<Thing, Settings>(
  handlers: Readonly<Record<string, Handler<Thing, Settings>>>,
  things: Readonly<Record<string, Thing>> | undefined,
  kind: string,
  settings: Settings,
): readonly [string, Bound][] {
  if (things === undefined) return [];
  return Object.entries(handlers).map(([method, handler]) => [
    method,
    (params, live) => {
      const id = textAt(params, kind);
      const thing = Object.hasOwn(things, id) ? things[id] : undefined;
      if (thing === undefined) throw new InvalidParams(`params: there is no ${kind} "${id}" here`);
      return handler(thing, params, { ...live.call, settings }, live);
    },
  ]);
}

function adapterHandlers<Settings>(): Readonly<
  Record<string, Handler<AdapterDefinition<Settings>, Settings>>
> {
  return {
    async [hostCalls.adapterPrepare](adapter, params, call) {
      await adapter.prepare?.(contextAt(params), call);
      return null;
    },
    async [hostCalls.adapterExecute](adapter, params, call, live) {
      const request = executeRequestOf(params);
      try {
        return await succeeded(await adapter.execute(request, call), live);
      } catch (cause) {
        if (!isPluginError(cause) || cause.kind !== "failed") throw cause;
        call.log.debug(`the action failed: ${cause.message}`);
        const { message, retryable, outputs = {}, cost, code } = cause;
        const error = code === undefined ? message : `${code}: ${message}`;
        return { status: "failed", outputs, error, retryable, ...(cost === undefined ? {} : { cost }) };
      }
    },
    async [hostCalls.adapterRecover](adapter, params, call, live) {
      const recovery = await offered(adapter.recover, "recover").call(
        adapter,
        executeRequestOf(params),
        call,
      );
      return recovered(recovery, live);
    },
    async [hostCalls.adapterCancel](adapter, params, call) {
      const cancel = offered(adapter.cancel, "cancel");
      await cancel.call(adapter, contextAt(params), textAt(params, "action_id"), call);
      return null;
    },
    async [hostCalls.adapterWaitSignal](adapter, params, call) {
      const wait = offered(adapter.waitSignal, "waitSignal");
      return { payload: (await wait.call(adapter, contextAt(params), mapAt(params, "spec"), call)) ?? null };
    },
    async [hostCalls.adapterCheckpoint](adapter, params, call) {
      const checkpoint = offered(adapter.checkpoint, "checkpoint");
      return { token: (await checkpoint.call(adapter, contextAt(params), call)) ?? null };
    },
    async [hostCalls.adapterRestore](adapter, params, call) {
      const restore = offered(adapter.restore, "restore");
      await restore.call(adapter, contextAt(params), textAt(params, "token"), call);
      return null;
    },
  };
}

function providerHandlers<Settings>(): Readonly<
  Record<string, Handler<ProviderDefinition<Settings>, Settings>>
> {
  return {
    async [hostCalls.providerObserve](provider, params, call) {
      return wireObserved(await provider.observe(resourceNameOf(params), call));
    },
    async [hostCalls.providerObserveAll](provider, params, call) {
      const observeAll = offered(provider.observeAll, "observeAll");
      const seen = await observeAll.call(provider, resourceNamesAt(params), call);
      return { resources: seen.map(wireSeen) };
    },
    async [hostCalls.providerDiff](provider, params, call) {
      const diff = offered(provider.diff, "diff");
      return { changes: await diff.call(provider, resourceAt(params), observedAt(params), call) };
    },
    async [hostCalls.providerApply](provider, params, call) {
      const apply = offered(provider.apply, "apply");
      return wireObserved(await apply.call(provider, resourceAt(params), changeOptionsOf(params), call));
    },
    async [hostCalls.providerRollback](provider, params, call) {
      const rollback = offered(provider.rollback, "rollback");
      return wireObserved(await rollback.call(provider, resourceAt(params), changeOptionsOf(params), call));
    },
    async [hostCalls.providerDelete](provider, params, call) {
      const remove = offered(provider.delete, "delete");
      return wireObserved(await remove.call(provider, resourceNameOf(params), changeOptionsOf(params), call));
    },
    async [hostCalls.providerWatch](provider, params, call) {
      const watch = offered(provider.watch, "watch");
      const { changed, cursor } = await watch.call(provider, optionalTextAt(params, "cursor"), call);
      return { changed, cursor };
    },
  };
}

function validatorHandlers<Settings>(): Readonly<
  Record<string, Handler<ValidatorDefinition<Settings>, Settings>>
> {
  return {
    async [hostCalls.validatorValidate](validator, params, call, live) {
      const bindingKind = textAt(params, "binding_kind");
      if (!validator.bindingKinds.includes(bindingKind)) {
        throw new InvalidParams(`params: binding_kind "${bindingKind}" is not judged here`);
      }
      const verdict = await validator.validate(
        {
          bindingKind,
          bindingId: textAt(params, "binding_id"),
          binding: mapAt(params, "binding"),
          evaluatedAtMs: numberAt(params, "evaluated_at_ms"),
          timeoutMs: numberAt(params, "timeout_ms"),
          ...(params["context"] === undefined ? {} : { context: contextAt(params) }),
        },
        call,
      );
      return wireVerdict(verdict, live.known);
    },
  };
}

function offered<Method>(method: Method | undefined, name: string): Method {
  if (method === undefined) throw new NotOffered(`there is no ${name} here`);
  return method;
}

/** Output that is small goes with the answer; what is large, or follows what was sent already, goes ahead of it. */
const inlineOutputBytesMax = 32 * 1024;

async function succeeded(outcome: ActionOutcome | undefined, live: LiveCall): Promise<ExecuteResult> {
  const { outputs = {}, cost, output }: ActionOutcome = outcome ?? {};
  const bytes = typeof output === "string" ? new TextEncoder().encode(output) : output;
  const inline = bytes !== undefined && !live.output.used && bytes.length <= inlineOutputBytesMax;
  if (bytes !== undefined && !inline) await live.call.output(bytes);
  return {
    status: "succeeded",
    outputs,
    ...(cost === undefined ? {} : { cost }),
    ...(inline ? { output_base64: bytes.toBase64() } : {}),
  };
}

async function recovered(recovery: Recovery, live: LiveCall): Promise<object> {
  switch (recovery.kind) {
    case "unknown":
      return { kind: "unknown" };
    case "succeeded":
      return { kind: "ended", result: await succeeded(recovery, live) };
    case "failed": {
      const { error, retryable = false, outputs = {} } = recovery;
      return { kind: "ended", result: { status: "failed", outputs, error, retryable } };
    }
  }
}

function wireObserved({ exists, health, version, fields, observedHash, message, scope }: Observed): object {
  return { exists, health, version, fields, observed_hash: observedHash, message, scope };
}

function wireSeen(seen: SeenResource): object {
  const name = { resource_id: seen.resourceId, resource_class: seen.resourceClass };
  return "observed" in seen
    ? { ...name, observed: wireObserved(seen.observed) }
    : { ...name, unobservable: seen.unobservable };
}
