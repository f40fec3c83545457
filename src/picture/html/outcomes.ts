/** What came of a run beside its steps: outputs, rollouts, validity, and whether its history is whole. Each part stands for itself. */
import { limits } from "../../limits.ts";
import type { PicturedStep, RunPicture } from "../model.ts";
import { phaseOrder } from "../model.ts";
import { html, type Markup, nothing } from "./markup.ts";
import { toneOf } from "./tones.ts";
import { counted, elapsed, grouped, moment, phaseMark } from "./words.ts";

/** Those that did not go well first and open; the rest folded. */
export function outputsList({ steps }: Pick<RunPicture, "steps">): Markup {
  const found = steps
    .map((step, number) => ({ step, number }))
    .filter(({ step }) => step.outputs !== undefined)
    .sort(
      (left, right) =>
        phaseOrder.indexOf(left.step.phase) - phaseOrder.indexOf(right.step.phase) ||
        left.number - right.number,
    );
  if (found.length === 0) return html`<p class="none">No step put out anything that can be shown.</p>`;
  const shown = found.slice(0, limits.reportedOutputsMax);
  const left = found.length - shown.length;
  const more =
    left > 0
      ? html`<p class="none">${grouped(left)} more steps put something out; the run's own files have all of it.</p>`
      : nothing;
  return html`<div class="outputs">${shown.map(({ step, number }) => outputOf(step, number))}</div>${more}`;
}

/** Shown in its line. */
const shortChars = 100;

function outputOf(step: PicturedStep, number: number): Markup {
  const isOpen = step.phase === "failed" || step.phase === "denied";
  const parts = (step.outputs ?? []).map(({ key, text, isCut }) => {
    const isShort = text.length <= shortChars && !text.includes("\n");
    const value = isShort ? html`<code>${text}</code>` : html`<pre tabindex="0">${text}</pre>`;
    return html`<div><dt>${key}</dt><dd>${value}${isCut ? html`<p class="cut">cut here</p>` : nothing}</dd></div>`;
  });
  const hash =
    step.outputSha256 === undefined
      ? nothing
      : html`<div><dt>sha256</dt><dd><code class="hash">${step.outputSha256}</code></dd></div>`;
  return html`<details${isOpen ? html` open` : nothing}><summary>${phaseMark(step.phase)} <b>${step.name}</b> <span class="keys">${(step.outputs ?? []).map(({ key }) => key).join(", ")}</span></summary><dl>${parts}${hash}</dl><p class="back"><a href="#step-${number}">${step.name} in the table of steps</a></p></details>`;
}

export function rolloutsList({ rollouts }: Pick<RunPicture, "rollouts">): Markup {
  if (rollouts.length === 0) return html`<p class="none">The run rolled nothing out.</p>`;
  return html`<div class="rollouts">${rollouts.map((rollout) => {
    const units = rollout.units.map(
      ({ resourceId, phase, reason }) =>
        html`<tr><th scope="row">${resourceId}</th><td><span class="tone t-${toneOf(phase)}">${phase}</span></td><td class="why">${reason ?? ""}</td></tr>`,
    );
    return html`<article><h3>${rollout.strategy} <span class="badge t-${toneOf(rollout.phase)}">${rollout.phase}</span></h3><p><code>${rollout.rolloutId}</code>, ${elapsed(rollout.updatedAtMs - rollout.startedAtMs)} from ${moment(rollout.startedAtMs)}${rollout.reason === undefined ? "" : html`: ${rollout.reason}`}</p>${units.length === 0 ? nothing : html`<div class="scroll" tabindex="0" role="group" aria-label="Units"><table><caption>${counted(units.length, "unit")}</caption><thead><tr><th scope="col">Resource</th><th scope="col">Stands</th><th scope="col">Why</th></tr></thead><tbody>${units}</tbody></table></div>`}</article>`;
  })}</div>`;
}

export function validityPart({ validity }: Pick<RunPicture, "validity">): Markup {
  if (validity === undefined) return html`<p class="none">Nobody judged the run by outside evidence.</p>`;
  const rows = validity.criteria.map(
    ({ id, verdict, reason, measured }) =>
      html`<tr><th scope="row">${id}</th><td><span class="tone t-${toneOf(verdict)}">${verdict}</span></td><td>${measured ?? ""}</td><td class="why">${reason ?? ""}</td></tr>`,
  );
  return html`<p><span class="badge t-${toneOf(validity.verdict)}">${validity.verdict}</span></p>${rows.length === 0 ? nothing : html`<div class="scroll" tabindex="0" role="group" aria-label="Criteria"><table><caption>${counted(rows.length, "criterion", "criteria")}</caption><thead><tr><th scope="col">Criterion</th><th scope="col">Verdict</th><th scope="col">Measured</th><th scope="col">Why</th></tr></thead><tbody>${rows}</tbody></table></div>`}`;
}

/** @param runtimeRunId for the command that checks again */
export function sealPart({ verification, run, lastSeq }: RunPicture): Markup {
  const again = html`<p>To check it again where the run is kept: <code>akc runtime verify ${run.runtimeRunId}</code></p>`;
  if (verification === undefined)
    return html`<p class="none">Nobody checked the history for this report.</p>${again}`;
  const { isWhole, events, headSha256, findings, checkedAtMs } = verification;
  const words = isWhole
    ? html`<p>All that is kept of the run is what its ${grouped(events)} events say.</p>`
    : html`<p>What is kept of the run is not what its events say:</p><ul>${findings.map((finding) => html`<li>${finding}</li>`)}</ul>`;
  return html`<div class="seal t-${isWhole ? "good" : "bad"}"><p class="verdict"><span aria-hidden="true">${isWhole ? "✓" : "✗"}</span> ${isWhole ? "verified" : "diverged"}</p>${words}<dl class="facts"><div><dt>Head of the chain</dt><dd><code class="hash">${headSha256 ?? "none"}</code></dd></div><div><dt>Events</dt><dd>${grouped(events)} of ${grouped(lastSeq)}</dd></div><div><dt>Checked</dt><dd>${moment(checkedAtMs)}</dd></div></dl>${again}</div>`;
}
