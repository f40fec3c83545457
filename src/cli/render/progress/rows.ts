/** How one step, the header and the counts read, in the live picture and in plain lines. Pure: text in, text out. */
import { limits } from "../../../limits.ts";
import type { BindingAnswer } from "../../../run/settle.ts";
import type { Style } from "../style.ts";
import { fit, padEnd, padStart, printable } from "../text.ts";
import { elapsed } from "../time.ts";
import type { Board, Phase, StepView } from "./board.ts";

export interface Header {
  readonly bundle: string;
  readonly runtimeRunId: string;
  readonly scope: string;
  readonly mode: string;
  readonly adapter: string;
}

const labelColumnsMax = 40;
/** Predecessors named in one row; the rest is counted. */
const namesMax = 3;

/** `release.json  run 0193f2c1…  acme/shop  enforce  local_depth`, at most `columns` wide. */
export function headerRow(header: Header, columns: number, style: Style): string {
  const { bundle, runtimeRunId, scope, mode, adapter } = header;
  const name = printable(bundle);
  // A UUID's beginning is enough to recognise it; the whole id is part of the result.
  const id = columns < 120 && runtimeRunId.length === 36 ? `${runtimeRunId.slice(0, 13)}…` : runtimeRunId;
  const rest = `  run ${id}  ${printable(scope)}  ${mode}  ${adapter}`;
  const cut = fit(name + rest, columns);
  return `${style.strong(cut.slice(0, name.length))}${cut.slice(name.length)}`;
}

/** `  ✓ checkout            1.2 s`, at most `columns` wide. */
export function stepRow(
  step: StepView,
  board: Board,
  at: { readonly nowMs: number; readonly labelColumns: number; readonly columns: number },
  style: Style,
): string {
  const label = padEnd(fit(printable(step.label), at.labelColumns), at.labelColumns);
  const time = padStart(timeOf(step, at.nowMs), 9);
  const remark = printable(remarkOf(step, board, at.nowMs));
  const body = fit(`${label}${time}  ${remark}`.trimEnd(), at.columns - 4);
  return `  ${markOf(step.phase, style)} ${step.phase === "waiting" ? style.faint(body) : body}`;
}

/** `8 of 12 done · 1 running · 1 retrying · 2 waiting · 2 retries · 7.3 s` */
export function countsRow(board: Pick<Board, "tally" | "total" | "retries">, elapsedMs: number): string {
  const { tally, total, retries } = board;
  const parts = [`${tally.succeeded} of ${total} done`];
  const say = (count: number, word: string) => count > 0 && parts.push(`${count} ${word}`);
  say(tally.started, "running");
  say(tally.retrying, "retrying");
  say(
    tally.suspended,
    tally.suspended === 1 ? "waits for a signal or a clock" : "wait for a signal or a clock",
  );
  say(tally.waiting, "waiting");
  say(tally.failed, "failed");
  say(tally.denied, "denied");
  say(tally.blocked, "blocked");
  say(tally.cancelled, "cancelled");
  say(retries, retries === 1 ? "retry" : "retries");
  return [...parts, elapsed(elapsedMs)].join(" · ");
}

/** `asking slo.errors, slo.latency, slo.logs and 3 more` */
export function askingText(bindingIds: readonly string[]): string {
  return `asking ${names(bindingIds.map(printable))}`;
}

/** The same under the words of a plain log. */
export function askingPlainLine(bindingIds: readonly string[]): string {
  return `${padEnd("asking", 9)}  ${names(bindingIds.map(printable))}`;
}

/** `fail       slo.errors  7 is not at most 1` */
export function answerLine({ bindingId, verdict, reason, message, dryRun }: BindingAnswer): string {
  const why = message ?? reason ?? "";
  return `${padEnd(verdict, 9)}  ${printable(bindingId)}  ${printable(why)}${dryRun ? " (dry run)" : ""}`.trimEnd();
}

export function labelColumns(steps: readonly StepView[], columns: number): number {
  const widest = steps.reduce((most, step) => Math.max(most, Bun.stringWidth(step.label)), 8);
  return Math.max(8, Math.min(widest, labelColumnsMax, columns - 24));
}

/** The plain line of a step that has just changed; undefined where a plain log stays silent. */
export function plainLine(step: StepView): string | undefined {
  const name = printable(step.label);
  switch (step.phase) {
    case "succeeded":
      return `done       ${name}  ${elapsed(step.durationMs ?? 0)}${tryText(step, "  ")}`;
    case "suspended":
      return `waits      ${name}  for ${printable(step.why ?? "")}`;
    case "failed":
    case "denied":
      return `${padEnd(step.phase, 9)}  ${name}  ${printable(step.why ?? "")}${tryText(step, "  ")}`;
    case "retrying":
      return `retrying   ${name}  ${printable(retryText(step, step.delayMs ?? 0))}`;
    case "blocked":
      return `blocked    ${name}  by ${printable(step.why ?? "")}`;
    case "cancelled":
      return `cancelled  ${name}`;
    default:
      return undefined;
  }
}

function markOf(phase: Phase, style: Style): string {
  switch (phase) {
    case "succeeded":
      return style.good("✓");
    case "failed":
    case "denied":
      return style.bad("✗");
    case "started":
      return style.busy("●");
    case "retrying":
      return style.warn("●");
    case "suspended":
      return style.warn("◌");
    case "blocked":
    case "cancelled":
      return style.faint("–");
    case "waiting":
      return style.faint("·");
  }
}

function timeOf(step: StepView, nowMs: number): string {
  if (step.durationMs !== undefined) return elapsed(step.durationMs);
  if (step.phase !== "started" && step.phase !== "retrying") return "";
  return elapsed(nowMs - (step.startedAtMs ?? step.atMs));
}

function remarkOf(step: StepView, board: Board, nowMs: number): string {
  switch (step.phase) {
    case "waiting": {
      const pending = board.pending(step);
      return pending.length === 0 ? "" : `waits for ${names(pending)}`;
    }
    case "started":
      return step.attempt > 1 ? `attempt ${step.attempt} of ${triesOf(step)}` : "";
    case "succeeded":
      return tryText(step);
    case "failed":
      // Before the reason, which may be cut.
      return `${step.attempt > 1 ? `${tryText(step)} ` : ""}${step.why ?? ""}`;
    case "retrying":
      return retryText(step, step.atMs + (step.delayMs ?? 0) - nowMs);
    case "suspended":
      return `waits for ${step.why ?? ""}`;
    case "blocked":
      return step.why === "" ? "blocked" : `blocked by ${step.why ?? ""}`;
    case "cancelled":
      return "cancelled";
    case "denied":
      return `denied: ${step.why ?? ""}`;
    default:
      return step.why ?? "";
  }
}

/** `(2nd try)`; nothing for the first. */
function tryText({ attempt }: StepView, before = ""): string {
  if (attempt <= 1) return "";
  return `${before}(${{ 2: "2nd", 3: "3rd" }[attempt] ?? `${attempt}th`} try)`;
}

function triesOf({ triesMax = limits.attemptsMax }: StepView): number {
  return triesMax;
}

function retryText(step: StepView, inMs: number): string {
  const due = inMs > 0 ? ` in ${Math.ceil(inMs / 1_000)} s` : "";
  return `retry ${step.attempt} of ${triesOf(step) - 1}${due}: ${step.why ?? ""}`;
}

function names(ids: readonly string[]): string {
  const shown = ids.slice(0, namesMax).join(", ");
  return ids.length > namesMax ? `${shown} and ${ids.length - namesMax} more` : shown;
}
