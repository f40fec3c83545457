/**
 * Which steps of two runs differ, and in what: their inputs, how often they were tried, what the policy answered, how they
 * ended and what they put out. It compares what happened, never when, and reads both runs only.
 */
import { objectAt, textAt } from "../bundle/member.ts";
import { factsOf } from "../evidence/facts-text.ts";
import { type EventAction, EventProjector } from "../evidence/project.ts";
import { RowReader } from "../evidence/text/row-reader.ts";
import { canonicalJson } from "../json/canonical.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { compareCodePoints } from "../json/order.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { RunReader, RunRow } from "../store/contract.ts";

/** One action as it came out; `null` where there is nothing of the kind. */
export interface Came {
  readonly phase: string;
  readonly attempts: number;
  readonly inputs_fingerprint: string | null;
  /** `allowed`, or the reasons of the denials in their order. */
  readonly decisions: string;
  readonly transition: string | null;
  readonly output_sha256: string | null;
  /** Of the result without the time it took. */
  readonly result_sha256: string | null;
  readonly error_code: string | null;
}

export interface Difference {
  /** Step id; for an action that an event triggered its node and which time it was. */
  readonly step: string;
  /** Keys in which the two differ; empty when one of them is not there. */
  readonly differs: readonly (keyof Came)[];
  readonly here: Came | null;
  readonly there: Came | null;
}

export interface Comparison {
  readonly same: number;
  readonly differences: readonly Difference[];
}

const keys = [
  "phase",
  "attempts",
  "inputs_fingerprint",
  "decisions",
  "transition",
  "output_sha256",
  "result_sha256",
  "error_code",
] as const satisfies readonly (keyof Came)[];

export async function compareRuns(here: RunReader, there: RunReader): Promise<Comparison> {
  const left = await cameOf(here);
  const right = await cameOf(there);
  const names = new Set([...left.keys(), ...right.keys()]);
  const differences: Difference[] = [];
  for (const step of [...names].sort(compareCodePoints)) {
    const one = left.get(step) ?? null;
    const other = right.get(step) ?? null;
    const differs = one === null || other === null ? [] : keys.filter((key) => one[key] !== other[key]);
    if (one === null || other === null || differs.length > 0) {
      differences.push({ step, differs, here: one, there: other });
    }
  }
  return { same: names.size - differences.length, differences };
}

type Draft = { -readonly [K in keyof Came]: Came[K] };

async function cameOf(reader: RunReader): Promise<ReadonlyMap<string, Came>> {
  const run = await reader.run();
  const projector = new EventProjector(run, await factsOf(reader, run));
  const names = new Names(run);
  const came = new Map<string, Draft>();
  for (let after = ""; ; ) {
    const page = await reader.actionsAfter(after, limits.replayPageRows);
    for (const row of page) {
      came.set(row.actionId, {
        ...nothing,
        phase: row.phase,
        attempts: row.attempt,
        output_sha256: row.outputSha256,
      });
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.actionId;
  }
  await addDecisions(reader, came);
  for (let after = 0; ; ) {
    const page = await reader.events(after, limits.replayPageRows);
    for (const stored of page) {
      const { action, payload, result } = projector.project(stored);
      const draft = came.get(action?.actionId ?? "");
      if (action === undefined || draft === undefined) continue;
      draft.inputs_fingerprint = inputsOf(action);
      draft.transition = textAt(objectAt(payload, "transition"), "to_state") ?? null;
      draft.error_code = textAt(payload, "error_code") ?? null;
      draft.result_sha256 = result === undefined ? null : resultSha256(result, run);
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.seq;
  }
  return new Map([...came].map(([actionId, draft]) => [names.of(actionId), draft]));
}

const nothing: Came = {
  phase: "waiting",
  attempts: 0,
  inputs_fingerprint: null,
  decisions: "",
  transition: null,
  output_sha256: null,
  result_sha256: null,
  error_code: null,
};

async function addDecisions(reader: RunReader, came: ReadonlyMap<string, Draft>): Promise<void> {
  const contexts = new RowReader();
  for (let after = 0; ; ) {
    const page = await reader.decisions(after, limits.replayPageRows);
    for (const row of page) {
      after = row.row;
      const context = contexts.read(row.context);
      const draft = isJsonObject(context) ? came.get(textAt(context, "action_id") ?? "") : undefined;
      if (draft === undefined) continue;
      const answer = row.allowed ? "allowed" : `${row.action} denied: ${row.reason}`;
      if (answer !== "allowed" && !draft.decisions.includes(answer)) {
        draft.decisions =
          draft.decisions === "" || draft.decisions === "allowed" ? answer : `${draft.decisions}; ${answer}`;
      } else if (draft.decisions === "") draft.decisions = answer;
    }
    if (page.length === 0) return;
  }
}

function inputsOf({ inputsFingerprint }: EventAction): string | null {
  return inputsFingerprint === "" ? null : inputsFingerprint;
}

/** Times and the ids of the run itself are others in every run. */
function resultSha256(result: JsonObject, { context }: RunRow): string {
  const { duration_ms: _, ...rest } = result;
  return sha256Hex(canonicalJson(rest).replaceAll(context.runtimeRunId, "RUN"));
}

/** What an action is called in any run: its id without the run's own id, times and numbers. */
class Names {
  readonly #marker: string;
  readonly #times = new Map<string, number>();

  constructor({ context }: RunRow) {
    this.#marker = `:${context.runtimeRunId}:`;
  }

  of(actionId: string): string {
    const at = actionId.indexOf(this.#marker);
    if (at < 0) return /^coordination:(.+):\d+$/s.exec(actionId)?.[1] ?? actionId;
    const event = actionId.slice(at + this.#marker.length).split(":")[0] ?? "";
    const name = `${actionId.slice(0, at)} on ${event}`;
    const time = (this.#times.get(name) ?? 0) + 1;
    this.#times.set(name, time);
    return time === 1 ? name : `${name} #${time}`;
  }
}
