/** The tables of a report: steps, tries, decisions, evidence. Whole and readable without script, which only sorts and filters them. */
import type { PicturedStep, RunPicture } from "../model.ts";
import { phaseOrder } from "../model.ts";
import { tookMs } from "../timeline.ts";
import { html, type Markup, nothing } from "./markup.ts";
import { codeOf } from "./overview.ts";
import { byteSize, counted, elapsed, grouped, moment } from "./words.ts";

/** A column's heading, and whether its cells are numbers. */
type Heading = readonly [title: string, kind?: "number"];

const longRows = 300;
const partRows = 100;

/** @param id of the table; its filter is shown by the script */
function table(id: string, caption: string, headings: readonly Heading[], rows: readonly Markup[]): Markup {
  const heads = headings.map(
    ([title, kind]) =>
      html`<th scope="col"${kind === undefined ? nothing : html` class="number"`}>${title}</th>`,
  );
  // Of a long table only the parts that are seen are laid out: ten thousand rows would take a browser seconds.
  const isLong = rows.length > longRows;
  const parts = isLong
    ? Array.from({ length: Math.ceil(rows.length / partRows) }, (_, part) =>
        rows.slice(part * partRows, (part + 1) * partRows),
      )
    : [rows];
  const bodies = parts.map((part) => html`<tbody>${part}</tbody>`);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table id="${id}" class="sortable${isLong ? " long" : ""}"><caption>${caption}</caption><thead><tr>${heads}</tr></thead>${bodies}</table></div>`;
}

export function stepsTable({ steps, run, criticalPath, asOfMs }: RunPicture): Markup {
  if (steps.length === 0) return html`<p class="none">No step is known of this run.</p>`;
  const critical = new Set(criticalPath);
  const withRole = steps.length > longRows || steps.some(({ role }) => role !== undefined);
  const headings: readonly Heading[] = [
    ["Step"],
    ["Stands"],
    ["Layer", "number"],
    ...(withRole ? [["Role"] as const] : []),
    ["Route"],
    ["Began after", "number"],
    ["Took", "number"],
    ["Tries", "number"],
    ["Why"],
  ];
  const rows = steps.map((step, number) => {
    const began = step.attempts[0]?.startedAtMs;
    const took = tookMs(step, asOfMs);
    const tries = step.attempts.length;
    const label = step.label === step.name ? nothing : html`<br><small>${step.label}</small>`;
    return html`<tr id="step-${number}" class="p-${step.phase}"><th scope="row">${step.name}${critical.has(number) ? html` <abbr title="on the critical path" class="critical-mark">◆</abbr>` : nothing}${label}</th><td class="mark" data-v="${phaseOrder.indexOf(step.phase)}">${step.phase}</td><td class="number">${step.layer}</td>${withRole ? html`<td>${step.role ?? ""}</td>` : nothing}<td>${step.route ?? ""}</td>${timeCell(began === undefined ? undefined : began - run.startedAtMs)}${timeCell(took)}<td class="number">${tries === 0 ? "" : tries}</td><td class="why">${step.reason ?? ""}${codeOf(step)}</td></tr>`;
  });
  return table("steps-table", counted(steps.length, "step"), headings, rows);
}

function timeCell(ms: number | undefined): Markup {
  return ms === undefined
    ? html`<td class="number"></td>`
    : html`<td class="number" data-v="${ms}">${elapsed(ms)}</td>`;
}

/** Steps that needed more than one try, try by try. */
export function retriesTable({ steps, asOfMs }: Pick<RunPicture, "steps" | "asOfMs">): Markup {
  const retried = steps
    .map((step, number) => ({ step, number }))
    .filter(({ step }) => step.attempts.length > 1);
  if (retried.length === 0) return html`<p class="none">Every step that began needed one try.</p>`;
  const shown = retried.slice(0, triedMax);
  const rows = shown.flatMap(({ step, number }) =>
    step.attempts.map(
      (attempt, at) =>
        html`<tr class="${endClass(attempt.end)}"><th scope="row">${at === 0 ? html`<a href="#step-${number}">${step.name}</a>` : html`<span class="again">${step.name}</span>`}</th><td class="number">${attempt.number}</td><td>${attempt.end ?? "goes on"}</td>${timeCell((attempt.endedAtMs ?? asOfMs) - attempt.startedAtMs)}<td>${moment(attempt.startedAtMs)}</td><td class="why">${attempt.message ?? ""}${codeOf(attempt)}</td></tr>`,
    ),
  );
  const left = retried.length - shown.length;
  const caption = `${counted(retried.length, "step")} with more than one try${left > 0 ? `; the first ${shown.length} are shown` : ""}`;
  return table(
    "retries-table",
    caption,
    [["Step"], ["Try", "number"], ["Ended"], ["Took", "number"], ["Began"], ["Why"]],
    rows,
  );
}

const triedMax = 500;

function endClass(end: PicturedStep["attempts"][number]["end"]): string {
  if (end === undefined) return "p-running";
  if (end === "lost") return "p-retrying";
  return `p-${end}`;
}

/** Refusals first where the caption says so: the newest, in order. */
export function decisionsTable({ decisions, decisionCount, steps }: RunPicture): Markup {
  if (decisionCount === 0) return html`<p class="none">The policy was asked nothing.</p>`;
  const refused = decisions.filter(({ allowed }) => !allowed).length;
  const rows = decisions.map(
    ({ atMs, action, allowed, reason, rule, step }) =>
      html`<tr class="${allowed ? "p-succeeded" : "p-denied"}"><td class="mark" data-v="${allowed ? 1 : 0}">${allowed ? "allowed" : "denied"}</td><th scope="row"><code>${action}</code></th><td>${step === undefined ? "" : html`<a href="#step-${step}">${steps[step]?.name ?? ""}</a>`}</td><td>${rule}</td><td class="why">${reason}</td><td>${moment(atMs)}</td></tr>`,
  );
  const cut = decisionCount > decisions.length ? `; the newest ${grouped(decisions.length)} are shown` : "";
  return table(
    "decisions-table",
    `${counted(decisionCount, "decision")}, ${grouped(refused)} of those shown denied${cut}`,
    [["Answer"], ["Action"], ["Step"], ["Rule"], ["Why"], ["When"]],
    rows,
  );
}

export function evidenceTable({ evidence }: Pick<RunPicture, "evidence">): Markup {
  if (evidence.length === 0) return html`<p class="none">No evidence is sealed yet.</p>`;
  const rows = evidence.map(
    ({ name, sha256, sizeBytes }) =>
      html`<tr><th scope="row"><code>${name}</code></th><td class="number" data-v="${sizeBytes}">${byteSize(sizeBytes)}</td><td><code class="hash">${sha256}</code></td></tr>`,
  );
  return table(
    "evidence-table",
    counted(evidence.length, "file"),
    [["File"], ["Size", "number"], ["SHA-256"]],
    rows,
  );
}
