/** The head of a report: how the run stands, its counts, what needs eyes. It sums up; every number is told in full further down. */
import { limits } from "../../limits.ts";
import type { PicturedRun, PicturedStep, RunPicture } from "../model.ts";
import { phaseOrder } from "../model.ts";
import { html, type Markup, nothing } from "./markup.ts";
import { toneOf, toneSigns } from "./tones.ts";
import { counted, elapsed, grouped, moment, phaseCounts, phaseMark, phaseSigns } from "./words.ts";

export function runHead(picture: RunPicture): Markup {
  const { run, asOfMs, verification } = picture;
  const took = elapsed((run.finishedAtMs ?? asOfMs) - run.startedAtMs);
  return html`<header class="head">
<p class="scope">${run.tenantId}/${run.repoId}</p>
<h1>${run.runId}</h1>
<p class="stands"><span class="badge t-${toneOf(run.standing)}">${standingSign(run.standing)} ${run.standing}</span> ${run.finishedAtMs === undefined ? "for" : "after"} <b>${took}</b>${verification === undefined ? nothing : sealBadge(verification.isWhole)}</p>
${run.lastError === undefined ? nothing : html`<p class="last-error">${run.lastError}</p>`}
</header>`;
}

function sealBadge(isWhole: boolean): Markup {
  return html` <a class="badge t-${isWhole ? "good" : "bad"}" href="#seal">${isWhole ? "✓ history verified" : "✗ history diverged"}</a>`;
}

function standingSign(standing: string): string {
  return toneSigns[toneOf(standing)];
}

/** Numbers of the whole run, each with the word for it. */
export function tiles({ steps, decisionCount, criticalPath }: RunPicture): Markup {
  const retries = steps.reduce((sum, { attempts }) => sum + Math.max(0, attempts.length - 1), 0);
  const counts = phaseCounts(steps);
  const tile = (count: number, word: string, extra = "") =>
    html`<div class="tile${extra}"><dt>${word}</dt><dd>${grouped(count)}</dd></div>`;
  const phases = phaseOrder.flatMap((phase) => {
    const count = counts.get(phase) ?? 0;
    return count === 0 ? [] : [tile(count, phase, ` p-${phase}`)];
  });
  return html`<dl class="tiles">${tile(steps.length, "steps")}${phases}${tile(retries, "retries")}${tile(decisionCount, "policy decisions")}${tile(criticalPath.length, "critical path")}</dl>${sharesBar(counts, steps.length)}`;
}

function sharesBar(counts: ReadonlyMap<PicturedStep["phase"], number>, total: number): Markup {
  if (total === 0) return nothing;
  let at = 0;
  const parts = phaseOrder.toReversed().flatMap((phase) => {
    const wide = ((counts.get(phase) ?? 0) / total) * 100;
    if (wide === 0) return [];
    const part = html`<rect class="p-${phase}" x="${at.toFixed(3)}%" width="${wide.toFixed(3)}%" height="8"/>`;
    at += wide;
    return [part];
  });
  return html`<svg class="shares" aria-hidden="true" focusable="false">${parts}</svg>`;
}

/** What failed, was refused or waits; what they block follows from them. */
export function attention({ steps }: Pick<RunPicture, "steps">): Markup {
  const urgent: readonly PicturedStep["phase"][] = ["failed", "denied", "suspended", "retrying"];
  const found = steps
    .map((step, number) => ({ step, number }))
    .filter(({ step }) => urgent.includes(step.phase))
    .sort((left, right) => urgent.indexOf(left.step.phase) - urgent.indexOf(right.step.phase));
  if (found.length === 0) return nothing;
  const items = found
    .slice(0, limits.failuresShownMax)
    .map(
      ({ step, number }) =>
        html`<li class="p-${step.phase}"><span class="sign" aria-hidden="true">${phaseSigns[step.phase]}</span> <a href="#step-${number}">${step.name}</a> <b>${step.phase}</b>${step.attempts.length > 1 ? ` after ${counted(step.attempts.length, "try", "tries")}` : ""}${step.reason === undefined ? "" : html`: <span class="why">${step.reason}</span>`}${codeOf(step)}</li>`,
    );
  const left = found.length - items.length;
  return html`<section class="attention" aria-labelledby="attention"><h2 id="attention">What needs eyes</h2><ul>${items}${left > 0 ? html`<li>and ${grouped(left)} more in the <a href="#steps">table of steps</a></li>` : nothing}</ul></section>`;
}

export function codeOf({ code }: Pick<PicturedStep, "code">): Markup {
  return code === undefined ? nothing : html` <code class="code">${code}</code>`;
}

/** What the run is, for whoever has to find it again. */
export function runFacts({ run, asOfMs, lastSeq, steps }: RunPicture): Markup {
  const phases = [...phaseCounts(steps)].map(([phase, count]) => html`${phaseMark(phase)} ${count} `);
  const rows: readonly (readonly [string, Markup | string])[] = [
    ["Run", html`<code>${run.runtimeRunId}</code>`],
    ["Plan", html`${run.runId} of ${run.tenantId}/${run.repoId}`],
    ["Mode, adapter", `${run.mode}, ${run.adapterId}`],
    ["Started", moment(run.startedAtMs)],
    [run.finishedAtMs === undefined ? "Seen" : "Ended", moment(run.finishedAtMs ?? asOfMs)],
    ["Events", grouped(lastSeq)],
    ["Steps", html`${phases}`],
    [
      "Bundle",
      html`<span class="path-text">${run.bundlePath}</span><br><code class="hash">${run.bundleSha256}</code>`,
    ],
  ];
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export function titleOf(run: PicturedRun): string {
  return `${standingSign(run.standing)} ${run.runId} ${run.standing} · ${run.tenantId}/${run.repoId}`;
}
