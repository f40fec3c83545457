/**
 * What is kept on disk of a service and of each of its copies, so that any later akc knows which processes are its own.
 * Shapes and parsing only; a record is a claim, and whether its process lives only /proc says.
 */
import * as v from "valibot";
import { fingerprint } from "../../json/fingerprint.ts";
import { fromPlain } from "../../json/plain.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import type { ProcessIdentity } from "../../system/process-identity.ts";
import { type ServiceSettings, SettingsSchema } from "./settings.ts";

const Whole = v.pipe(v.number(), v.integer());

const Exit = v.object({
  at_ms: Whole,
  /** Absent where nobody of ours was there to see it. */
  code: v.optional(Whole),
  signal: v.optional(v.string()),
  why: v.picklist(["exit", "unseen", "reboot", "liveness", "start_failed"]),
  message: v.optional(v.string()),
});
export type Exit = v.InferOutput<typeof Exit>;

export const ReplicaRecordSchema = v.object({
  format: v.literal(1),
  slot: Whole,
  desired_hash: v.string(),
  idempotency_key: v.string(),
  settings: SettingsSchema,
  /** Of the start meant: found in the environment of the process that came of it. */
  service_id: v.string(),
  phase: v.picklist([
    /** Meant to be started; whether it was, is not known. */
    "starting",
    "running",
    /** Dead; to be started again at `next_start_ms`. */
    "waiting",
    /** Dead by its own will, and its policy leaves it at that. */
    "completed",
    /** Dead, and its policy leaves it at that. */
    "given_up",
  ]),
  process: v.optional(v.object({ pid: Whole, start_ticks: Whole, boot_id: v.string() })),
  started_ms: Whole,
  /** In a row; 0 again after `reset_after_ms`. */
  restarts: Whole,
  total_restarts: Whole,
  last_exit: v.optional(Exit),
  next_start_ms: v.optional(Whole),
  /** What its readiness probe said last. */
  ready: v.optional(v.boolean()),
});
export type ReplicaRecord = v.InferOutput<typeof ReplicaRecordSchema>;

export const ServiceRecordSchema = v.object({
  format: v.literal(1),
  /** `tenant_id/repo_id` */
  scope: v.string(),
  resource_id: v.string(),
  resource_class: v.string(),
  /** Of the revision that was applied last. */
  desired_hash: v.string(),
  idempotency_key: v.string(),
  settings: SettingsSchema,
  /** How many copies the last change asked for, of all revisions together. */
  wanted_copies: Whole,
  /** Something that the last change could not do as well as it was asked to. */
  note: v.optional(v.string()),
});
export type ServiceRecord = v.InferOutput<typeof ServiceRecordSchema>;

export function identityOf({ process }: ReplicaRecord): ProcessIdentity | undefined {
  return process === undefined
    ? undefined
    : { pid: process.pid, startTicks: process.start_ticks, bootId: process.boot_id };
}

/** The settings as JSON: what is compared field by field. */
export function fieldsOf(settings: ServiceSettings): JsonObject {
  const fields = fromPlain(settings);
  return isJsonObject(fields) ? fields : {};
}

const whole = new WeakMap<ServiceSettings, string>();

export function settingsHash(settings: ServiceSettings): string {
  const found = whole.get(settings) ?? fingerprint(fieldsOf(settings));
  whole.set(settings, found);
  return found;
}

const known = new WeakMap<ServiceSettings, string>();

/** Equal for settings between which a process need not be started anew: everything that it is started with, and only that. */
export function processHash(settings: ServiceSettings): string {
  const found = known.get(settings);
  if (found !== undefined) return found;
  const { command, env, workdir, limits, sandbox, ports } = settings;
  const hash = fingerprint(
    fromPlain({ command, env, ...(workdir === undefined ? {} : { workdir }), limits, sandbox, ports }),
  );
  known.set(settings, hash);
  return hash;
}
