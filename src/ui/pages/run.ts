/**
 * One run at a glance: how it stands, what it waits for, what went wrong, its picture. Reads only; an answer to what waits is sent from
 * here where words are allowed.
 */
import { type Wait, waitsOf } from "../../evidence/waits.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { html, type Markup, nothing } from "../../picture/html/markup.ts";
import type { PicturedStep } from "../../picture/model.ts";
import type { PhaseCounts } from "../../store/contract.ts";
import { countPhases, standing } from "../../store/sqlite/standing.ts";
import type { FoundRun, Page } from "../model.ts";
import { withRun } from "../reading/outputs.ts";
import { facts } from "../table.ts";
import { badge, counted, elapsed, moment, number, phaseBadge, shortId } from "../words.ts";
import { type Desk, runHref, wordForm } from "./desk.ts";
import { countsBar, countsLegend } from "./phases.ts";
import { pictureParts } from "./picture.ts";
import { runPage } from "./run-frame.ts";
import { stepHref } from "./steps.ts";

export async function overviewPage(desk: Desk, run: FoundRun): Promise<Page> {
  const nowMs = desk.clock.nowMs();
  const { counts, waits } = await withRun(run, async (reader) => {
    const actions = await reader.actions();
    const open = run.row.outcome === null;
    return { counts: countPhases(actions), waits: open ? await waitsOf(reader, actions) : [] };
  });
  const picture = await desk.pictures.of(run);
  // What has not begun need not have a row yet.
  const known = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const all = { ...counts, waiting: counts.waiting + Math.max(0, picture.steps.length - known) };
  return runPage(desk, run, {
    view: "",
    live: true,
    parts: [
      { id: "standing", body: standingPart(run, all, nowMs) },
      { id: "waits", body: waitsPart(desk, run, waits, nowMs) },
      { id: "troubles", body: troublesOf(desk, run, picture.steps) },
      ...pictureParts(desk, run, picture),
      { id: "facts", body: factsOf(desk, run, nowMs) },
    ],
  });
}

function standingPart({ row }: FoundRun, counts: PhaseCounts, nowMs: number): Markup {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const done = total - counts.waiting - counts.running - counts.retrying - counts.suspended;
  return html`<div class="standing">${badge(standing(row, nowMs, counts))}<span class="of">${total === 0 ? "without steps" : `${number(done)} of ${counted(total, "step")} ended`}</span><span class="took">${elapsed((row.finishedAtMs ?? nowMs) - row.startedAtMs)}</span></div>
${countsBar(counts)}${countsLegend(counts)}`;
}

function waitsPart(desk: Desk, run: FoundRun, waits: readonly Wait[], nowMs: number): Markup {
  if (waits.length === 0) return nothing;
  return html`<section class="note warn" aria-labelledby="waits-head"><h2 id="waits-head">Waits</h2><ul class="waits">${waits.map(
    (wait) =>
      html`<li><div><a href="${stepHref(desk, run, wait.actionId)}">${wait.stepId ?? wait.nodeId}</a> ${whatFor(wait)} <span class="faint">for ${elapsed(nowMs - wait.sinceMs)}${
        wait.dueAtMs === null ? nothing : html`, until ${moment(wait.dueAtMs)}`
      }</span></div>${wait.approval && wait.signal !== null ? answerForm(desk, run, wait, wait.signal) : nothing}</li>`,
  )}</ul></section>`;
}

function whatFor({ kind, signal, approval }: Wait): Markup {
  if (kind === "retry") return html`waits for its next try`;
  if (kind === "clock") return html`waits for the clock`;
  return html`waits for ${approval ? "the approval" : "the signal"} <code>${signal ?? ""}</code>`;
}

/** Both answers have one key: the first one counts, however often and wherever it is sent. */
function answerForm(desk: Desk, run: FoundRun, wait: Wait, signal: string): Markup {
  const { scope, runtimeRunId } = run.row.context;
  if (desk.control === undefined) {
    return html`<p class="faint">Answer it with <code>akc runtime signal ${runtimeRunId} --name ${signal} --approve</code> or <code>--refuse</code>.</p>`;
  }
  const id = `ui-${sha256Hex(`${runtimeRunId}\n${wait.actionId}\n${wait.sinceMs}`).slice(0, 24)}`;
  const name = wait.stepId ?? wait.nodeId;
  return wordForm(
    desk,
    "answer",
    { tenant: scope.tenantId, repo: scope.repoId, run: runtimeRunId, signal, id },
    html`<label>Why <input name="reason" required maxlength="1000" autocomplete="off"></label><button name="answer" value="approve" class="good" aria-label="${`Approve ${name}`}">Approve</button><button name="answer" value="refuse" class="bad" aria-label="${`Refuse ${name}`}">Refuse</button>`,
  );
}

const troublesShown = 8;

function troublesOf(desk: Desk, run: FoundRun, steps: readonly PicturedStep[]): Markup {
  const failed = steps.filter(({ phase }) => phase === "failed");
  const denied = steps.filter(({ phase }) => phase === "denied");
  const bad = [...failed, ...denied];
  const { lastError } = run.row;
  if (bad.length === 0 && lastError === null) return nothing;
  const head =
    bad.length === 0
      ? "What went wrong"
      : [
          ...(failed.length === 0 ? [] : [`${counted(failed.length, "step")} failed`]),
          ...(denied.length === 0 ? [] : [`${counted(denied.length, "step")} denied`]),
        ].join(", ");
  const phase = failed.length > 0 ? "failed" : "denied";
  return html`<section class="note bad" aria-labelledby="troubles-head"><h2 id="troubles-head">${head}</h2>${
    bad.length === 0 ? html`<p>${lastError ?? ""}</p>` : nothing
  }<ul>${bad
    .slice(0, troublesShown)
    .map(
      (step) =>
        html`<li>${phaseBadge(step.phase)} <a href="${stepHref(desk, run, step.actionId)}">${step.name}</a> ${step.reason}${step.code === undefined ? nothing : html` <code>${step.code}</code>`}</li>`,
    )}</ul>${bad.length > troublesShown ? html`<p><a href="${`${runHref(desk, run, "steps")}?phase=${phase}`}">All of them</a></p>` : nothing}</section>`;
}

function factsOf(desk: Desk, { row }: FoundRun, nowMs: number): Markup {
  const { context } = row;
  return html`<h2>About it</h2>${facts([
    ["Compile run", context.runId],
    ["Mode", context.mode],
    ["Adapter", context.adapterId],
    ["Bundle", html`<code class="path">${row.bundlePath}</code>`],
    ["Bundle's hash", shortId(row.bundleSha256, 16)],
    ["Started", moment(row.startedAtMs)],
    ["Ended", row.finishedAtMs === null ? undefined : moment(row.finishedAtMs)],
    ["Stop asked for", row.stopRequestedAtMs === null ? undefined : moment(row.stopRequestedAtMs)],
    ["Held by", row.outcome === null ? desk.words.holder(row.lease, nowMs).text : undefined],
    ["Events", number(row.lastSeq)],
    ["Trace", shortId(row.traceId, 32)],
  ])}`;
}
