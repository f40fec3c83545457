/** The lower half of the chart: of each objective the budget that is left, and how fast it burns in each pair of windows. Pure. */
import type { Burn, BurnTier } from "../burn.ts";
import { element, text, titled } from "./svg.ts";

export interface Objective {
  /** `acme/shop`; empty where only one scope is shown. */
  readonly scope: string;
  readonly burn: Burn;
}

export const rowHeight = 64;

interface Columns {
  readonly name: number;
  readonly budget: number;
  readonly budgetWidth: number;
  readonly tiers: number;
  readonly tierWidth: number;
}

const columns: Columns = { name: 24, budget: 270, budgetWidth: 250, tiers: 548, tierWidth: 98 };

export function objectivesHead(y: number, tiers: readonly Pick<BurnTier, "name">[]): string {
  return [
    text({ class: "axis", x: columns.name, y }, "objective"),
    text({ class: "axis", x: columns.budget, y }, "error budget left"),
    ...tiers.map(({ name }, at) =>
      text({ class: "axis", x: columns.tiers + at * columns.tierWidth, y }, `burn ${name}`),
    ),
  ].join("");
}

export function objectiveRow({ scope, burn }: Objective, y: number): string {
  const { slo } = burn;
  const promise = `${slo.indicator}, ${percent(slo.objective)} over ${lengthOf(slo.periodMs)}`;
  return element(
    "g",
    {},
    titled(objectiveWords({ scope, burn })),
    text(
      { class: "name", x: columns.name, y: y + 14 },
      cut(scope === "" ? slo.id : `${scope}  ${slo.id}`, 30),
    ),
    text({ class: "axis", x: columns.name, y: y + 32 }, cut(promise, 36)),
    budgetBar(burn, y),
    ...burn.tiers.map((tier, at) => tierCell(tier, columns.tiers + at * columns.tierWidth, y)),
  );
}

function budgetBar({ budgetLeft, seen, slo, exhaustedInMs }: Burn, y: number): string {
  const frame = { x: columns.budget, y: y + 3, width: columns.budgetWidth, height: 14, rx: 3 };
  if (budgetLeft === null) {
    return [
      element("rect", { ...frame, class: "frame dashed" }),
      text(
        { class: "axis", x: columns.budget, y: y + 32 },
        `too little seen: ${seen.good + seen.bad} of ${slo.minSamples}`,
      ),
    ].join("");
  }
  const share = Math.min(1, Math.max(0, budgetLeft));
  const end = exhaustedInMs === null || exhaustedInMs === 0 ? "" : `, gone in ${lengthOf(exhaustedInMs)}`;
  return [
    element("rect", { ...frame, class: "frame" }),
    share === 0
      ? element("rect", { ...frame, class: "failed" }) + element("rect", { ...frame, fill: "url(#hatch)" })
      : element("rect", { ...frame, width: share * columns.budgetWidth, class: "kept" }),
    text({ class: "axis", x: columns.budget, y: y + 32 }, `${leftWords(budgetLeft)}${end}`),
  ].join("");
}

function tierCell({ verdict, long, factor }: BurnTier, x: number, y: number): string {
  const rate = verdict === "inconclusive" || long.rate === null ? "–" : rateWords(long.rate);
  return [
    text(
      { class: verdict === "burning" ? "value alarm" : "value", x, y: y + 14 },
      `${marks[verdict]} ${rate}`,
    ),
    text({ class: "axis", x, y: y + 32 }, tierWords(verdict, factor)),
  ].join("");
}

const marks: Readonly<Record<BurnTier["verdict"], string>> = { burning: "▲", ok: "●", inconclusive: "○" };

function tierWords(verdict: BurnTier["verdict"], factor: number): string {
  if (verdict === "inconclusive") return "not known";
  return verdict === "burning" ? `${factor}× or more` : `not yet ${factor}×`;
}

/** One sentence, for those who do not see the picture. */
export function objectiveWords({ scope, burn }: Objective): string {
  const { slo, budgetLeft, verdict, tiers } = burn;
  const name = scope === "" ? slo.id : `${scope} ${slo.id}`;
  const burning = tiers.filter((tier) => tier.verdict === "burning").map((tier) => tier.name);
  if (budgetLeft === null) return `${name}: inconclusive, too little was seen.`;
  const pace = burning.length === 0 ? "" : `, burning in ${burning.join(" and ")}`;
  return `${name}: ${verdict}, ${leftWords(budgetLeft)} of the error budget${pace}.`;
}

export function leftWords(left: number): string {
  return left < 0 ? `overdrawn by ${percent(-left)}` : `${percent(left)} left`;
}

export function rateWords(rate: number): string {
  if (!Number.isFinite(rate)) return "∞";
  return `${rate >= 100 ? Math.round(rate) : Math.round(rate * 10) / 10}×`;
}

/** A little less than all is not 100 %. */
export function percent(share: number): string {
  if (Math.abs(share) > 1) return `${Math.round(share * 100)} %`;
  const hundredths = Math.round(share * 10_000) / 100;
  return `${hundredths === 100 && share < 1 ? 99.99 : hundredths} %`;
}

/** `30 d`, `6 h`, `5 min`. */
export function lengthOf(ms: number): string {
  if (ms >= 2 * 86_400_000) return `${Math.round(ms / 86_400_000)} d`;
  if (ms >= 2 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.max(1, Math.round(ms / 60_000))} min`;
}

function cut(words: string, charsMax: number): string {
  return words.length <= charsMax ? words : `${words.slice(0, charsMax - 1)}…`;
}
