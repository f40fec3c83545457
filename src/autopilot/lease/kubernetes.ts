/**
 * Leases as `coordination.k8s.io/v1` objects, for controllers of several hosts. A lease is over when its holder has not moved it on
 * for its whole time by our own monotonic clock, as client-go judges it; the clocks of the hosts are never compared. Each write is
 * bound to the version that was read, so of several that take a lease at once one does.
 *
 * Source: spec cli §14.6, §18.8; client-go tools/leaderelection (design only).
 */
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { failpoint } from "../../system/failpoint.ts";
import { heldAnswer, type LeasePlace, takenAnswer, unknownAnswer } from "./answer.ts";
import type { LeaseAnswer, LeaseBackend } from "./contract.ts";
import type { LeaseKubectl } from "./kubectl.ts";
import { freeLease, heldLease, type KubernetesLease, newLease, readLease } from "./kubernetes-object.ts";
import { Unmoved } from "./unmoved.ts";

export interface KubernetesLeases {
  readonly kubectl: LeaseKubectl;
  readonly namespace: string;
  readonly holder: string;
  readonly ttlMs: number;
  /** Wall clock, for the times that are shown. */
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
}

export function createKubernetesLeases(parts: KubernetesLeases): LeaseBackend {
  const { kubectl, namespace, holder, ttlMs } = parts;
  const unmoved = new Unmoved(parts.monotonicMs);
  /** As the server had those that are ours when we last wrote them. */
  const ours = new Map<string, JsonObject>();

  const placeOf = (name: string): LeasePlace => ({ backend: "k8s", namespace, name });
  const taking = (name: string, nowMs: number) => ({ name, namespace, holder, ttlMs, nowMs });

  const held = (name: string, object: JsonObject, nowMs: number): LeaseAnswer => {
    ours.set(name, object);
    const acquiredAtMs = readLease(object)?.acquiredAtMs ?? null;
    return heldAnswer(placeOf(name), {
      holder,
      acquiredAtMs,
      renewedAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
    });
  };

  const taken = (lease: KubernetesLease, nowMs: number): LeaseAnswer => {
    ours.delete(lease.name);
    const expiresAtMs = (lease.renewedAtMs ?? nowMs) + durationOf(lease, ttlMs);
    return takenAnswer(placeOf(lease.name), { ...lease, expiresAtMs });
  };

  /** Undefined when it may be taken. */
  const judged = (name: string, object: JsonObject, nowMs: number): LeaseAnswer | undefined => {
    const lease = readLease(object);
    if (lease === undefined) return unknownAnswer(placeOf(name), "lease_unreadable");
    if (lease.holder === "" || lease.holder === holder) return undefined;
    // Nobody can see a holder move a time on that cannot be read: it is never over by itself.
    if (lease.renewTime === undefined) {
      return unknownAnswer(placeOf(name), `lease_time_unreadable: held by ${lease.holder}`);
    }
    const quietMs = unmoved.forMs(name, `${lease.holder} ${lease.renewTime}`);
    return quietMs >= durationOf(lease, ttlMs) ? undefined : taken(lease, nowMs);
  };

  const read = async (name: string): Promise<JsonObject | LeaseAnswer | undefined> => {
    const { objects, failure } = await kubectl.get([name]);
    if (failure !== undefined) return unknownAnswer(placeOf(name), `kubectl_get_failed:${failure}`);
    return objects[0];
  };

  /** Somebody was faster, or the server refused it: who has it now says which. */
  const afterRefusal = async (name: string, nowMs: number, error: string): Promise<LeaseAnswer> => {
    const found = await read(name);
    if (found === undefined || isAnswer(found)) return unknownAnswer(placeOf(name), error);
    const lease = readLease(found);
    const another = lease !== undefined && lease.holder !== "" && lease.holder !== holder;
    return another ? taken(lease, nowMs) : unknownAnswer(placeOf(name), error);
  };

  const take = async (name: string, nowMs: number): Promise<LeaseAnswer> => {
    const found = await read(name);
    if (isAnswer(found)) return found;
    if (found === undefined) {
      const { objects, failure } = await kubectl.create(newLease(taking(name, nowMs)));
      const [made] = objects;
      if (made !== undefined && failure === undefined) return held(name, made, nowMs);
      return afterRefusal(name, nowMs, `kubectl_create_failed:${failure ?? ""}`);
    }
    const refusal = judged(name, found, nowMs);
    if (refusal !== undefined) return refusal;
    const { objects, failure } = await kubectl.replace([heldLease(found, taking(name, nowMs))]);
    const [made] = objects;
    if (made !== undefined && failure === undefined) return held(name, made, nowMs);
    return afterRefusal(name, nowMs, `kubectl_replace_failed:${failure ?? ""}`);
  };

  /** Writes all that are given; answers of those that the server took. */
  const write = async (
    objects: ReadonlyMap<string, JsonObject>,
    nowMs: number,
  ): Promise<{ readonly done: ReadonlyMap<string, LeaseAnswer>; readonly error: string }> => {
    if (objects.size === 0) return { done: new Map(), error: "" };
    const { objects: written, failure } = await kubectl.replace([...objects.values()]);
    const done = new Map<string, LeaseAnswer>();
    for (const object of written) {
      const name = readLease(object)?.name;
      if (name !== undefined) done.set(name, held(name, object, nowMs));
    }
    return { done, error: `kubectl_replace_failed:${failure ?? ""}` };
  };

  /** Names of those that the server took as nobody's. */
  const free = async (objects: readonly JsonObject[]): Promise<ReadonlySet<string>> => {
    const { objects: written } = await kubectl.replace(
      objects.map((object) => freeLease(object, parts.nowMs())),
    );
    return new Set(written.flatMap((object) => readLease(object)?.name ?? []));
  };

  const renew = async (
    names: readonly string[],
    nowMs: number,
  ): Promise<ReadonlyMap<string, LeaseAnswer>> => {
    const known = names.flatMap((name) => {
      const object = ours.get(name);
      return object === undefined ? [] : [[name, heldLease(object, taking(name, nowMs))] as const];
    });
    const first = await write(new Map(known), nowMs);
    const rest = names.filter((name) => !first.done.has(name));
    if (rest.length === 0) return first.done;
    // Somebody has written them: a label, or another holder.
    const { objects, failure } = await kubectl.get(rest);
    if (failure !== undefined) {
      return merged(first.done, rest, (name) =>
        unknownAnswer(placeOf(name), `kubectl_get_failed:${failure}`),
      );
    }
    const found = new Map(objects.map((object) => [readLease(object)?.name ?? "", object]));
    const mine = rest.flatMap((name) => {
      const object = found.get(name);
      if (object === undefined || readLease(object)?.holder !== holder) return [];
      return [[name, heldLease(object, taking(name, nowMs))] as const];
    });
    const second = await write(new Map(mine), nowMs);
    return merged(first.done, rest, (name) => {
      const lease = readLease(found.get(name) ?? {});
      const another = lease !== undefined && lease.holder !== holder;
      if (another) return taken(lease, nowMs);
      return (
        second.done.get(name) ??
        unknownAnswer(placeOf(name), lease === undefined ? "lease_gone" : second.error)
      );
    });
  };

  return {
    kind: "k8s",
    async acquire(name, nowMs) {
      const answer = await take(name, nowMs);
      failpoint("autopilot.lease_acquired");
      return answer;
    },
    renew,
    async release(names) {
      const known = names.flatMap((name) => {
        const object = ours.get(name);
        return object === undefined ? [] : [object];
      });
      for (const name of names) ours.delete(name);
      if (known.length === 0) return;
      const freed = await free(known);
      const rest = known
        .flatMap((object) => readLease(object)?.name ?? [])
        .filter((name) => !freed.has(name));
      if (rest.length === 0) return;
      // Somebody has written them since, or a renewal of ours whose answer never came.
      const { objects } = await kubectl.get(rest);
      const mine = objects.filter((object) => readLease(object)?.holder === holder);
      // One that cannot be given back is over by itself soon.
      if (mine.length > 0) await free(mine);
    },
    async close() {
      kubectl.close();
    },
  };
}

function merged(
  done: ReadonlyMap<string, LeaseAnswer>,
  rest: readonly string[],
  answerOf: (name: string) => LeaseAnswer,
): ReadonlyMap<string, LeaseAnswer> {
  return new Map([...done, ...rest.map((name) => [name, answerOf(name)] as const)]);
}

function isAnswer(found: JsonObject | LeaseAnswer | undefined): found is LeaseAnswer {
  return found !== undefined && "diagnostics" in found;
}

function durationOf({ durationMs }: KubernetesLease, ttlMs: number): number {
  return Math.min(durationMs ?? ttlMs, limits.autopilotLeaseTtlMsMax);
}
