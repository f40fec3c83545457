/**
 * From records, living processes and answers of probes to what stands: fields, copies, health and why. Pure.
 */
import { fingerprint } from "../../json/fingerprint.ts";
import type { Copies, Health, HealthCondition, Standing } from "../contract.ts";
import type { ProbeState } from "../probe/runner.ts";
import {
  type Exit,
  fieldsOf,
  processHash,
  type ReplicaRecord,
  type ServiceRecord,
  settingsHash,
} from "./record.ts";
import { afterExit, isCrashLooping, notStarted, unseenExit, waitLeftMs } from "./restart.ts";
import type { ServiceSettings } from "./settings.ts";
import type { Life } from "./starter.ts";
import type { Copy } from "./steps.ts";

/** A copy as it was found. */
export interface SeenCopy {
  readonly record: ReplicaRecord;
  readonly life: Life["kind"];
  readonly rebooted: boolean;
  /** How it ended, where somebody of ours saw it. */
  readonly exit?: Exit;
  readonly readiness?: ProbeState;
  readonly liveness?: ProbeState;
}

export interface Seen {
  readonly scope: string;
  readonly folder: string;
  readonly service: ServiceRecord;
  readonly copies: readonly SeenCopy[];
  readonly nowMs: number;
  readonly conditions: readonly HealthCondition[];
}

/** The record as it would be written if somebody had looked in time. */
export function settledRecord({ record, life, rebooted, exit }: SeenCopy, nowMs: number): ReplicaRecord {
  if (life !== "gone") return record;
  if (record.phase === "starting") return notStarted(record);
  if (record.phase !== "running") return record;
  return afterExit(record, exit ?? unseenExit(record, rebooted, nowMs));
}

/** @param record settled */
export function stateOf(seen: SeenCopy, record: ReplicaRecord, nowMs: number): Copy["state"] {
  switch (record.phase) {
    case "starting":
    case "running":
      return seen.liveness?.verdict === "failing" ? "sick" : "running";
    case "waiting":
      return waitLeftMs(record, nowMs) === 0 ? "due" : "waiting";
    case "completed":
    case "given_up":
      return "ended";
  }
}

interface Judged {
  readonly record: ReplicaRecord;
  readonly state: Copy["state"];
  readonly health: Health;
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}

function judge(seen: SeenCopy, nowMs: number): Judged {
  const record = settledRecord(seen, nowMs);
  const state = stateOf(seen, record, nowMs);
  const verdict = (health: Health, reason: string, message: string): Judged => ({
    record,
    state,
    health,
    ready: health === "healthy",
    reason,
    message: `copy ${record.slot}: ${message}`,
  });
  const looping = isCrashLooping(record, nowMs);
  const again = `started ${record.restarts} times again, last end: ${exitText(record)}`;
  switch (state) {
    case "ended":
      return record.phase === "completed"
        ? verdict("degraded", "completed", "has ended by itself with exit code 0")
        : verdict("failed", "given_up", `has ended (${exitText(record)}) and is not started again`);
    case "sick":
      return verdict("degraded", "liveness_failing", seen.liveness?.message ?? "does not answer");
    case "due":
    case "waiting": {
      const when =
        state === "due" ? "is to be started now" : `is started again in ${waitLeftMs(record, nowMs)} ms`;
      return verdict("degraded", looping ? "crash_looping" : "ended", `${when}; ${again}`);
    }
    case "running":
      return looping ? verdict("degraded", "crash_looping", again) : verdictOfRunning(seen, record, verdict);
  }
}

function verdictOfRunning(
  { life, readiness }: SeenCopy,
  { settings, ready }: ReplicaRecord,
  verdict: (health: Health, reason: string, message: string) => Judged,
): Judged {
  if (life === "starting") return verdict("unknown", "starting", "is being started");
  if (settings.readiness === undefined) return verdict("healthy", "running", "runs");
  const said = readiness?.verdict ?? (ready === undefined ? "unknown" : ready ? "passing" : "failing");
  switch (said) {
    case "passing":
      return verdict("healthy", "ready", "is ready");
    case "unknown":
      return verdict("unknown", "not_ready_yet", readiness?.message ?? "has not said yet that it is ready");
    case "failing":
      return verdict("degraded", "not_ready", readiness?.message ?? "is not ready");
  }
}

/** Whether it counts as one of the wanted copies; what has to be started again right now is missing. */
function counts({ state }: Judged): boolean {
  return state !== "due" && state !== "sick";
}

/**
 * @param asked settings of the revision asked about; absent for what is only owned. Of copies of several revisions the
 *   fields are those of one that differs from it, so that the difference is seen until the last one is replaced.
 */
export function standingOf(seen: Seen, asked: ServiceSettings | undefined): Standing {
  const { service, nowMs, folder } = seen;
  const judged = seen.copies.map((copy) => judge(copy, nowMs));
  const wanted = asked ?? service.settings;
  const isUpdated = ({ record }: Judged) => processHash(record.settings) === processHash(wanted);
  const shown = judged.find((copy) => !isUpdated(copy)) ?? judged[0];
  const { workdir, ...settings } = shown?.record.settings ?? service.settings;
  const fields = fieldsOf({
    ...settings,
    ...(workdir === undefined ? {} : { workdir }),
    replicas: judged.filter(counts).length,
  });
  const missing = Math.max(0, service.wanted_copies - judged.length);
  const worst = worstOf(judged, missing);
  return {
    kind: "present",
    owner: service.scope === seen.scope ? "akc" : "other",
    markedHash: service.desired_hash,
    version: versionOf(service, judged),
    fields,
    health: worst.health,
    ...messageOf(worst.message, service.note),
    conditions: [readyCondition(worst), ...seen.conditions],
    copies: copiesOf(judged, isUpdated),
    handle: { folder },
  };
}

function copiesOf(judged: readonly Judged[], isUpdated: (copy: Judged) => boolean): Copies {
  const updated = judged.filter(isUpdated);
  const ready = (copies: readonly Judged[]) => copies.filter((copy) => copy.ready).length;
  return {
    total: judged.length,
    ready: ready(judged),
    updated: updated.length,
    updatedReady: ready(updated),
  };
}

const order: readonly Health[] = ["failed", "degraded", "unknown", "healthy"];

interface Worst {
  readonly health: Health;
  readonly reason: string;
  readonly message: string | undefined;
}

/** All copies count: one that fails among many that do well is not hidden by them. */
function worstOf(judged: readonly Judged[], missing: number): Worst {
  const [first] = judged.toSorted((one, other) => order.indexOf(one.health) - order.indexOf(other.health));
  const health = first?.health ?? "degraded";
  if (missing > 0 && order.indexOf(health) >= order.indexOf("degraded"))
    return {
      health: "degraded",
      reason: "missing_copies",
      message: `${missing} of the wanted copies are missing`,
    };
  if (first === undefined || health === "healthy")
    return { health, reason: first?.reason ?? "no_copies", message: undefined };
  const alike = judged.filter((copy) => copy.health === health).length;
  const more = alike > 1 ? ` (and ${alike - 1} more)` : "";
  return { health, reason: first.reason, message: `${first.message}${more}` };
}

function readyCondition({ health, reason, message }: Worst): HealthCondition {
  return {
    type: "Ready",
    status: health === "healthy" ? "true" : health === "unknown" ? "unknown" : "false",
    reason,
    ...(message === undefined ? {} : { message }),
  };
}

function messageOf(message: string | undefined, note: string | undefined) {
  const parts = [message, note].filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { message: parts.join("; ") };
}

/** Of the fields and the marks of every copy, whichever revision was asked about. */
function versionOf({ desired_hash: marked }: ServiceRecord, judged: readonly Judged[]): string {
  const copies = judged.map(({ record }) => [record.desired_hash, settingsHash(record.settings)].join(" "));
  return fingerprint({ marked, copies: copies.sort(), counted: judged.filter(counts).length }).slice(0, 32);
}

function exitText({ last_exit: exit }: ReplicaRecord): string {
  if (exit === undefined) return "none";
  switch (exit.why) {
    case "exit":
      return exit.signal === undefined ? `exit code ${exit.code ?? "unknown"}` : exit.signal;
    case "unseen":
      return "unseen";
    case "reboot":
      return "the host was restarted";
    case "liveness":
      return "its liveness probe failed";
    case "start_failed":
      return exit.message ?? "it could not be started";
  }
}
