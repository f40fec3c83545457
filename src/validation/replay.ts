/**
 * Gives recorded verdicts again: the same validator, the same settings, the same now, and a door that only answers what was answered
 * then. Reaches no network and starts no tool, and takes nothing for recorded whose digest is not that of the record.
 */
import * as v from "valibot";
import { member, objectsAt } from "../bundle/member.ts";
import { canonicalJson } from "../json/canonical.ts";
import { fingerprint, sha256Hex } from "../json/fingerprint.ts";
import { toPlain } from "../json/plain.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../system/clock.ts";
import type { Validators, Verdict } from "../validators/contract.ts";
import { openRecordedDoor } from "../validators/recorded-door.ts";
import type { Binding } from "./bindings/model.ts";
import {
  recordedContents,
  recordedExchanges,
  restoredExchange,
} from "./execution/artifact/recorded-exchange.ts";
import { judgeBinding } from "./execution/attempt.ts";
import { lastAttempt } from "./execution/judgement.ts";

/** An artifact as it was kept, and where the files beside it are to be had. */
export interface RecordedObservation {
  /** For people: a path, or the run that holds it. */
  readonly where: string;
  /** With or without its envelope. */
  readonly payload: JsonObject;
  /** Undefined for what is not there. Nothing that it gives is trusted. */
  read(file: { readonly path: string; readonly sha256: string }): Promise<Uint8Array | undefined>;
}

export interface ReplayParts {
  readonly validators: Pick<Validators, "kinds" | "byKind">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Judged {
  readonly verdict: Verdict;
  readonly reason?: string;
  readonly value?: JsonValue;
}

export interface Replayed {
  readonly where: string;
  readonly bindingId: string;
  readonly kind: string;
  readonly dryRun: boolean;
  /**
   * `unjudged`: akc gave the verdict itself, as for a binding that is missing, blocked or too late; it can only be an error, and there
   * is nothing to judge again.
   */
  readonly outcome: "same" | "differs" | "tampered" | "not-replayable" | "unjudged";
  /** Absent where the artifact is none of akc's. */
  readonly recorded?: Judged;
  /** Where it was judged again. */
  readonly replayed?: Judged;
  /** For people: of every outcome but `same`. */
  readonly why?: string;
  /** A validator's plugin that is not the one of then. */
  readonly plugin?: { readonly recorded: string; readonly now: string };
}

/** Never throws for what an artifact or its files hold. @throws whatever `read` throws, e.g. STORE_DAMAGED */
export async function replayObservation(
  observation: RecordedObservation,
  parts: ReplayParts,
): Promise<Replayed> {
  const { where, payload } = observation;
  const named = {
    where,
    bindingId: textOr(member(payload, "binding_id"), "?"),
    kind: textOr(member(payload, "binding_kind"), "missing"),
    dryRun: member(payload, "dry_run") === true,
  };
  const ends = (outcome: Replayed["outcome"], why: string): Replayed => ({ ...named, outcome, why });
  if (!isAsFingerprinted(payload)) return ends("tampered", "the artifact is not the one of its fingerprint");
  const parsed = v.safeParse(Kept, toPlain(payload));
  const exchanges = recordedExchanges(member(payload, "exchanges"));
  const settings = member(payload, "binding");
  if (!parsed.success || exchanges === undefined) {
    return ends("not-replayable", "the artifact does not hold how its verdict came about");
  }
  const kept = parsed.output;
  const recorded = judgedOf(kept.verdict, kept.reason, member(payload, "value"));
  const contents = await contentsOf(observation, exchanges.flatMap(recordedContents));
  if ("outcome" in contents) return { ...named, ...contents, recorded };
  if (kept.judged_by === "akc") {
    if (kept.verdict !== "error") {
      return { ...ends("tampered", "akc itself gives no such verdict without a validator"), recorded };
    }
    return { ...ends("unjudged", kept.message ?? "akc gave this verdict itself"), recorded };
  }
  if (!isJsonObject(settings))
    return { ...ends("not-replayable", "the artifact holds no settings"), recorded };
  const validator = parts.validators.byKind(named.kind);
  if (validator === undefined) {
    return { ...ends("not-replayable", `nobody here judges bindings of kind ${named.kind}`), recorded };
  }
  const plugin = changedPlugin(kept.validator, validator);
  const of = { ...named, recorded, ...(plugin === undefined ? {} : { plugin }) };

  const door = openRecordedDoor(
    exchanges.map(restoredExchange),
    async (sha256) => contents.get(sha256) ?? new Uint8Array(),
  );
  const binding = bindingOf(named, kept, settings);
  const judgement = await judgeBinding(
    binding,
    [],
    {
      validators: parts.validators,
      openDoor: () => door,
      clock: clockOf(kept.evaluated_at_ms, parts.clock),
      random: () => 0,
      ...(kept.context === undefined ? {} : { context: kept.context }),
    },
    parts.signal,
  );
  const { answer, judgedBy } = lastAttempt(judgement);
  const [first] = door.lookedPast;
  if (first !== undefined) {
    return { ...of, outcome: "not-replayable", why: `the validator asked what was not asked then: ${first}` };
  }
  const replayed = judgedOf(answer.verdict, answer.reason, answer.observed.value);
  if (judgedBy === "akc") {
    return {
      ...of,
      outcome: "not-replayable",
      why: answer.message ?? "the validator gave no answer",
      replayed,
    };
  }
  if (canonicalJson(shownJudged(recorded)) === canonicalJson(shownJudged(replayed))) {
    return { ...of, outcome: "same", replayed };
  }
  return { ...of, outcome: "differs", why: "the verdict is another one", replayed };
}

/** The whole: 0 when every verdict that was given is the same, 1 when one is not or was tampered with, 4 when that cannot be told. */
export function replayExit(replayed: readonly Replayed[]): 0 | 1 | 4 {
  const has = (outcome: Replayed["outcome"]) => replayed.some((one) => one.outcome === outcome);
  if (has("differs") || has("tampered")) return 1;
  return has("same") && !has("not-replayable") ? 0 : 4;
}

/** For comparison and output; what is absent is null. */
function shownJudged({ verdict, reason, value }: Judged): JsonObject {
  return { verdict, reason: reason ?? null, value: value ?? null };
}

const Text = v.string();
const Kept = v.looseObject({
  verdict: v.picklist(["pass", "fail", "inconclusive", "error"]),
  reason: v.optional(Text),
  message: v.optional(Text),
  judged_by: v.picklist(["validator", "akc"]),
  evaluated_at_ms: v.pipe(v.number(), v.integer()),
  timeout_ms: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  validator: v.optional(
    v.object({ id: Text, plugin: v.optional(Text), version: v.optional(Text), digest: v.optional(Text) }),
  ),
  context: v.optional(
    v.object({
      tenant_id: Text,
      repo_id: Text,
      run_id: Text,
      runtime_run_id: Text,
      policy_mode: Text,
      adapter_id: Text,
    }),
  ),
});
type Kept = v.InferOutput<typeof Kept>;

/** The key is of all others, without the envelope (spec reconcile §6.5). */
function isAsFingerprinted(payload: JsonObject): boolean {
  const { fingerprint_sha256: expected, schema_id: _id, schema_version: _version, ...rest } = payload;
  return fingerprint(rest) === expected;
}

type Fault = Pick<Replayed, "outcome" | "why">;

/** Every content of the artifact by its digest, checked: those of the exchanges and the files that are only shown. */
async function contentsOf(
  { payload, read }: RecordedObservation,
  exchanged: readonly {
    readonly sha256: string;
    readonly size_bytes: number;
    readonly path?: string | undefined;
  }[],
): Promise<ReadonlyMap<string, Uint8Array> | Fault> {
  const files = new Map<string, string | undefined>();
  for (const { sha256, size_bytes: size, path } of exchanged) if (size > 0) files.set(sha256, path);
  for (const file of [...objectsAt(payload, "attachments"), ...objectsAt(payload, "artifacts")]) {
    files.set(textOr(file["sha256"], ""), textOr(file["path"], ""));
  }
  const contents = new Map<string, Uint8Array>();
  for (const [sha256, path] of files) {
    const bytes = path === undefined ? undefined : await read({ path, sha256 });
    if (bytes === undefined) return { outcome: "not-replayable", why: `${path ?? sha256} is not there` };
    if (sha256Hex(bytes) !== sha256) return { outcome: "tampered", why: `${path} is not what was recorded` };
    contents.set(sha256, bytes);
  }
  return contents;
}

function bindingOf(
  { bindingId: id, kind, dryRun }: Pick<Replayed, "bindingId" | "kind" | "dryRun">,
  { timeout_ms: timeoutMs }: Kept,
  settings: JsonObject,
): Binding {
  return { id, kind, timeoutMs, tries: 1, dryRun, settings, paths: [], secrets: [], line: 0 };
}

/** Its now is that of then. A host that is slower than that one is given the time: nothing waits for the world. */
function clockOf(evaluatedAtMs: number, clock: Clock): Clock {
  return {
    nowMs: () => evaluatedAtMs,
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => clock.sleep(Math.max(ms, limits.replayedVerdictMsMin), signal),
  };
}

function changedPlugin(
  recorded: Kept["validator"],
  now: {
    readonly id: string;
    readonly plugin?: { readonly id: string; readonly version: string; readonly digest: string };
  },
): Replayed["plugin"] {
  if (
    recorded?.id === now.id &&
    recorded.digest === now.plugin?.digest &&
    recorded.plugin === now.plugin?.id
  ) {
    return undefined;
  }
  const words = (id: string, version?: string, digest?: string) =>
    [id, version, digest === undefined ? undefined : `(${digest.slice(0, 19)})`].filter(Boolean).join(" ");
  return {
    recorded:
      recorded === undefined
        ? "unknown"
        : words(recorded.plugin ?? recorded.id, recorded.version, recorded.digest),
    now: words(now.plugin?.id ?? now.id, now.plugin?.version, now.plugin?.digest),
  };
}

function judgedOf(verdict: Verdict, reason: string | undefined, value: JsonValue | undefined): Judged {
  return { verdict, ...(reason === undefined ? {} : { reason }), ...(value === undefined ? {} : { value }) };
}

function textOr(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}
