/**
 * What is done for a run that has an outcome, whoever brought it there: outside systems are asked, the evidence is written, what is
 * missing or not met fails the run, and the files are sealed. Killed at any point, the next process does what is missing.
 *
 * Source: bundle:W-5, kernel:W-31; spec reconcile §6–§8.
 */
import type { ErrorCode } from "../errors.ts";
import type { Verdict } from "../validators/contract.ts";
import {
  type EvidenceParts,
  failForMissing,
  sealEvidence,
  type WrittenEvidence,
  writeEvidence,
} from "./evidence.ts";
import type { KeptJudgement } from "./validation/judgement.ts";

export interface SettleParts extends EvidenceParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends what is asked of outside systems. */
  readonly signal: AbortSignal;
  /** Aborts with the reason when the lease is lost: nothing may be written any more. */
  readonly lost: AbortSignal;
  /** The registry of validator bindings, absolute, instead of the one that the run was started with. */
  readonly bindingsPath?: string | undefined;
  /** How long all that is asked may take, where that is less than akc's own bound. */
  readonly askMs?: number | undefined;
  readonly asking?: AskingWatch | undefined;
  /** What was answered before is judged again, and nobody is asked: after somebody only looked. */
  readonly asksNobody?: boolean | undefined;
}

/** Somebody who wants to know meanwhile what is waited for. */
export interface AskingWatch {
  /** Before the first of these bindings is asked. */
  began(bindingIds: readonly string[]): void;
  /** Once the answer is kept. */
  answered(answer: BindingAnswer): void;
  /** What is worth a line beside: who judges in another's place, a plugin that may not be started. */
  noted(note: string): void;
}

export interface BindingAnswer {
  readonly bindingId: string;
  readonly verdict: Verdict;
  readonly reason?: string;
  readonly message?: string;
  readonly dryRun: boolean;
}

export interface Settled {
  /** What became of a run that went well until then. */
  readonly failed?: {
    readonly finishedAtMs: number;
    readonly lastError: string;
    readonly lastErrorCode: ErrorCode;
    readonly status: "failed";
    readonly outcome: "failed";
  };
  /** Absent where the bundle has no operational criteria, or the run was stopped. */
  readonly validity?: JudgedValidity;
  /** Asking was cut off: what was said is kept, the files are not sealed, and whoever goes on with the run asks for the rest. */
  readonly unjudged?: true;
}

export interface JudgedValidity {
  /** Over the criteria that count. */
  readonly verdict: Verdict;
  /** Whether all pass, those too that only advise. */
  readonly passed: boolean;
  /** The lines of what did not pass. */
  readonly failures: readonly string[];
  /** Absolute. */
  readonly reportPath: string;
}

/**
 * @param how.anew whether it is judged although its last word is a judgement
 * @throws AkcError STORE_DAMAGED, PATH_UNSAFE, DISK_FULL, LEASE_LOST, the reason of a lost lease
 */
export async function settleRun(
  parts: SettleParts,
  runtimeRunId: string,
  how: { readonly anew: boolean } = { anew: false },
): Promise<Settled> {
  const validation = await validationOf(parts, runtimeRunId, how);
  if (validation?.kind === "stands") {
    const written = await writeEvidence(parts, runtimeRunId);
    await sealEvidence(parts, written);
    return settledBy(validation.judged, parts, written);
  }
  const complete = (await validation?.observe()) ?? true;
  parts.lost.throwIfAborted();
  let written = await writeEvidence(parts, runtimeRunId);
  if (!complete) return { unjudged: true };
  const missing = await failForMissing(parts, written);
  if (missing !== undefined) written = await writeEvidence(parts, runtimeRunId);
  const judged = await validation?.judge(written);
  if (judged !== undefined) written = await writeEvidence(parts, runtimeRunId);
  await sealEvidence(parts, written);
  if (missing === undefined) return judged === undefined ? {} : settledBy(judged, parts, written);
  return {
    failed: { ...missing, ...failed, lastErrorCode: "EVIDENCE_EXPECTATION_UNMET" },
    ...(judged === undefined ? {} : { validity: judged.validity }),
  };
}

const failed = { status: "failed", outcome: "failed" } as const;

function settledBy(
  { validity, lastError }: KeptJudgement,
  { clock }: SettleParts,
  { run }: WrittenEvidence,
): Settled {
  if (lastError === undefined) return { validity };
  const finishedAtMs = run.finishedAtMs ?? clock.nowMs();
  return { validity, failed: { ...failed, finishedAtMs, lastError, lastErrorCode: "VALIDITY_FAILED" } };
}

type Validation =
  | { readonly kind: "stands"; readonly judged: KeptJudgement }
  | {
      readonly kind: "due";
      /** Whether everybody answered. */
      observe(): Promise<boolean>;
      judge(written: WrittenEvidence): Promise<KeptJudgement | undefined>;
    };

/** Loaded only where there is something to judge: most bundles have no criteria. A run that was cut off may go on, and is not judged. */
async function validationOf(
  parts: SettleParts,
  runtimeRunId: string,
  { anew }: { readonly anew: boolean },
): Promise<Validation | undefined> {
  const { validity } = parts.facts;
  if (validity === undefined) return undefined;
  const { judgeSettled, standingJudgement } = await import("./validation/judgement.ts");
  const reader = await parts.store.openRun(runtimeRunId);
  try {
    const row = await reader.run();
    const { outcome } = row;
    if (outcome === null || outcome === "stopped" || outcome === "exhausted") return undefined;
    const judged = anew ? undefined : await standingJudgement(parts, reader, row);
    if (judged !== undefined) return { kind: "stands", judged };
  } finally {
    await reader.close();
  }
  const { observeOutside, isAnswered } = await import("./validation/observation.ts");
  return {
    kind: "due",
    observe: async () =>
      parts.asksNobody === true
        ? isAnswered(parts, runtimeRunId)
        : (await observeOutside(parts, runtimeRunId)).complete,
    judge: (written) => judgeSettled(parts, written, validity),
  };
}
