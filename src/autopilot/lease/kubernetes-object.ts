/**
 * A `coordination.k8s.io/v1` Lease: what it says, and what it is when we take it, move it on or give it back. Whatever else the object
 * has, labels and annotations among it, stays as it was. Pure.
 *
 * Source: spec cli §14.6, §18.8; Kubernetes API, Lease.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { microTime, readMicroTime } from "./micro-time.ts";

export interface KubernetesLease {
  readonly name: string;
  readonly holder: string;
  readonly acquiredAtMs: number | null;
  readonly renewedAtMs: number | null;
  /** As it is written; what a holder that lives changes. Undefined when it is no time. */
  readonly renewTime: string | undefined;
  /** null when it says none. */
  readonly durationMs: number | null;
}

/** Undefined for what is no Lease. */
export function readLease(object: JsonObject): KubernetesLease | undefined {
  const metadata = partOf(object, "metadata");
  const name = metadata["name"];
  if (object["kind"] !== "Lease" || typeof name !== "string") return undefined;
  const spec = partOf(object, "spec");
  const renewTime = textOf(spec["renewTime"]);
  const renewedAtMs = renewTime === undefined ? undefined : readMicroTime(renewTime);
  const acquireTime = textOf(spec["acquireTime"]);
  const seconds = spec["leaseDurationSeconds"];
  return {
    name,
    holder: textOf(spec["holderIdentity"]) ?? "",
    acquiredAtMs: acquireTime === undefined ? null : (readMicroTime(acquireTime) ?? null),
    renewedAtMs: renewedAtMs ?? null,
    renewTime: renewedAtMs === undefined ? undefined : renewTime,
    durationMs: typeof seconds === "number" ? seconds * 1_000 : null,
  };
}

export interface Taking {
  readonly name: string;
  readonly namespace: string;
  readonly holder: string;
  readonly ttlMs: number;
  readonly nowMs: number;
}

export function newLease({ name, namespace, holder, ttlMs, nowMs }: Taking): JsonObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace },
    spec: { ...held(holder, ttlMs, nowMs), acquireTime: microTime(nowMs), leaseTransitions: 0 },
  };
}

/** Its resourceVersion is that of `object`, so the server refuses it when anybody has written meanwhile. */
export function heldLease(object: JsonObject, { holder, ttlMs, nowMs }: Taking): JsonObject {
  const spec = partOf(object, "spec");
  const mine = spec["holderIdentity"] === holder;
  const transitions = spec["leaseTransitions"];
  const before = typeof transitions === "number" ? transitions : 0;
  return {
    ...object,
    spec: {
      ...spec,
      ...held(holder, ttlMs, nowMs),
      acquireTime: mine && typeof spec["acquireTime"] === "string" ? spec["acquireTime"] : microTime(nowMs),
      leaseTransitions: mine ? before : before + 1,
    },
  };
}

/** Nobody's, as client-go leaves it: others need not wait. */
export function freeLease(object: JsonObject, nowMs: number): JsonObject {
  const spec = { ...partOf(object, "spec"), ...held("", 1_000, nowMs) };
  return { ...object, spec };
}

function held(holder: string, ttlMs: number, nowMs: number): JsonObject {
  return {
    holderIdentity: holder,
    renewTime: microTime(nowMs),
    leaseDurationSeconds: Math.ceil(ttlMs / 1_000),
  };
}

function partOf(object: JsonObject, key: string): JsonObject {
  const part = object[key];
  return isJsonObject(part) ? part : {};
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
