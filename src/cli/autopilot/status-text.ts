/** `akc autopilot status` for people: a line a scope, and one scope in full. Pure. */

import { proposalsFolder } from "../../autopilot/attempt/propose.ts";
import type { GateAnswer } from "../../autopilot/gates/model.ts";
import { scopeName } from "../../autopilot/model.ts";
import type { Style } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { counted, printable, wrap } from "../render/text.ts";
import { elapsed, instant } from "../render/time.ts";
import { type Phase, short } from "./standing.ts";
import { type AutopilotView, beatFreshMs, isAtWork, type ScopeView } from "./status-data.ts";
import { noLongerWatched } from "./watches.ts";

export interface TextPlace {
  readonly style: Style;
  /** Undefined where there is no terminal. */
  readonly columnsMax: number | undefined;
}

export function viewText(view: AutopilotView, place: TextPlace): string {
  const [only, ...others] = view.scopes;
  const body =
    only === undefined
      ? "no scope is known here: it is known once a controller has visited it"
      : others.length === 0
        ? scopeText(only, view, place)
        : table(view.scopes, columns(place.style, view.observedAtMs), place.columnsMax);
  return [
    wrapped(controllersText(view), place.columnsMax),
    ...(view.reloadFault === undefined
      ? []
      : [wrapped(`its configuration was not taken: ${printable(view.reloadFault)}`, place.columnsMax)]),
    body,
    ...(others.length === 0 ? [] : waysText(view)),
  ].join("\n\n");
}

function controllersText({ controllers, live, observedAtMs }: AutopilotView): string {
  const beating = controllers.filter((row) => isAtWork(row, observedAtMs));
  if (beating.length === 0 && live) return "a controller runs here";
  if (controllers.length === 0) return "no controller has worked here within a day";
  const shown = (beating.length > 0 ? beating : controllers.slice(0, 1)).map(
    ({ holder, beatAtMs, scopesHeld }) => {
      const age = elapsed(Math.max(0, observedAtMs - beatAtMs));
      const holds = beating.length > 0 ? `, holds ${counted(scopesHeld, "scope")}` : "";
      return `controller ${printable(holder)}${holds}; last heard of ${age} ago`;
    },
  );
  return [...(beating.length === 0 ? ["no controller is running"] : []), ...shown].join("\n");
}

function columns(style: Style, nowMs: number): readonly Column<ScopeView>[] {
  return [
    { title: "SCOPE", value: ({ scope }) => printable(scopeName(scope)), narrowest: 10 },
    { title: "MODE", value: ({ mode = "" }) => printable(mode), optional: true },
    { title: "PHASE", value: ({ phase }) => phase, paint: (cell, { phase }) => paintOf(phase, style)(cell) },
    {
      title: "TRIGGERS",
      value: ({ state }) => String(state?.openTriggers.length ?? ""),
      align: "end",
      optional: "sooner",
    },
    { title: "NEXT", value: (view) => nextText(view, nowMs), optional: true },
    { title: "WHY", value: whyText, narrowest: 16 },
  ];
}

function whyText({ why, watched }: ScopeView): string {
  return printable(watched === false ? `${noLongerWatched}; ${why}` : why);
}

function paintOf(phase: Phase, style: Style): (text: string) => string {
  switch (phase) {
    case "damaged":
    case "escalated":
    case "failing":
      return style.bad;
    case "paused":
    case "proposed":
    case "held":
      return style.warn;
    case "deploying":
    case "baking":
    case "recompiling":
      return style.busy;
    case "deployed":
      return style.good;
    case "candidate":
    case "empty":
      return (text) => text;
  }
}

/** Beneath the table, what a person has to do. */
function waysText({ scopes }: AutopilotView): readonly string[] {
  const ways = scopes.flatMap(({ scope, phase, wayOut }) =>
    wayOut === undefined ? [] : [`${scopeName(scope)} is ${phase}: ${printable(wayOut)}`],
  );
  return ways.length === 0 ? [] : [ways.join("\n")];
}

function nextText({ next, nextVisitAtMs }: ScopeView, nowMs: number): string {
  if (nextVisitAtMs === undefined) return "";
  const inMs = nextVisitAtMs - nowMs;
  const when = inMs <= 0 ? "now" : `in ${elapsed(inMs)}`;
  return next === undefined ? when : `${when}: ${printable(next.do)}`;
}

function scopeText(
  view: ScopeView,
  { observedAtMs: nowMs, outputsRoot }: AutopilotView,
  { style, columnsMax }: TextPlace,
): string {
  const { scope, phase, why, mode, state, wayOut } = view;
  const ago = (ms: number) => `${elapsed(Math.max(0, nowMs - ms))} ago`;
  const name = printable(scopeName(scope));
  const head = [style.strong(name), ...(mode === undefined ? [] : [mode]), paintOf(phase, style)(phase)].join(
    "  ",
  );
  const rows: (readonly [string, string])[] = [["why", printable(why)]];
  if (view.watched === false) rows.push(["watched", `no: it is ${noLongerWatched}, and not visited`]);
  rows.push(["held by", holderText(view)]);
  if (state?.deployed !== undefined) {
    const { bundleSha256, runtimeRunId, atMs } = state.deployed;
    rows.push(["deployed", `${short(bundleSha256)} by run ${printable(runtimeRunId)}, ${ago(atMs)}`]);
  }
  if (state?.candidate !== undefined) {
    const { bundleSha256, source, atMs } = state.candidate;
    rows.push(["candidate", `${short(bundleSha256)}, ${source}, ${ago(atMs)}`]);
  }
  if (state?.attempt !== undefined) {
    const { kind, bundleSha256, startedAtMs, phase: step } = state.attempt;
    const bake =
      step.kind === "baking"
        ? `; watched until ${instant(step.untilMs)}${step.untilMs > nowMs ? ` (${elapsed(step.untilMs - nowMs)})` : ""}`
        : "";
    rows.push(["attempt", `${kind} of ${short(bundleSha256)}, begun ${ago(startedAtMs)}${bake}`]);
  }
  if (state?.proposal !== undefined) {
    const { attemptId, kind, bundleSha256, atMs } = state.proposal;
    rows.push(["proposal", `${kind} of ${bundleSha256}, ${ago(atMs)}`]);
    const plan = `${scope.tenantId}/${scope.repoId}/${proposalsFolder}/${attemptId}.json`;
    rows.push(["plan", printable(`${outputsRoot}/${plan}`)]);
  }
  if (state?.approval !== undefined) {
    rows.push(["approved", `${short(state.approval.bundleSha256)} by ${printable(state.approval.by)}`]);
  }
  if (view.budgets.length > 0) rows.push(["budgets", view.budgets.map(budgetText).join(", ")]);
  if (state !== undefined) rows.push(["triggers", `${state.openTriggers.length} open`]);
  const next = nextText(view, nowMs);
  if (next !== "")
    rows.push(["next visit", `${next}${view.next === undefined ? "" : `, ${printable(view.next.why)}`}`]);
  if (wayOut !== undefined) rows.push(["way out", printable(wayOut)]);
  const gates = (state?.held?.answers ?? []).filter(({ verdict }) => verdict !== "skipped");
  return [
    head,
    factsWithin(rows, columnsMax),
    ...(gates.length === 0 ? [] : ["", "gates, when they were last asked"]),
    ...gates.flatMap((gate) => gateLines(gate, style)).map((line) => wrapped(line, columnsMax)),
  ].join("\n");
}

/** Aligned as `facts`; what is too long goes on below its value. A command and a path stay on their line: they are to be copied. */
function factsWithin(rows: readonly (readonly [string, string])[], columnsMax: number | undefined): string {
  const room = Math.max(0, ...rows.map(([key]) => key.length)) + 2;
  return rows
    .flatMap(([key, value]) => {
      const whole = columnsMax === undefined || key === "way out" || key === "plan";
      const [first = "", ...more] = whole ? [value] : wrap(value, Math.max(20, columnsMax - room));
      return [`${key.padEnd(room)}${first}`, ...more.map((line) => `${" ".repeat(room)}${line}`)];
    })
    .join("\n");
}

/** Lines that go on are indented as deeply as the first. */
function wrapped(text: string, columnsMax: number | undefined): string {
  if (columnsMax === undefined) return text;
  return text
    .split("\n")
    .flatMap((line) => {
      const indent = /^ */.exec(line)?.[0] ?? "";
      return wrap(line.trimStart(), Math.max(20, columnsMax - indent.length)).map(
        (part) => `${indent}${part}`,
      );
    })
    .join("\n");
}

function holderText({ holder }: ScopeView): string {
  if (holder === undefined) return "nobody yet";
  const { name, beatAgeMs } = holder;
  if (beatAgeMs === undefined) return `nobody now; last ${printable(name)}`;
  const age = `${elapsed(beatAgeMs)} ago`;
  return beatAgeMs <= beatFreshMs
    ? `${printable(name)}, last heard of ${age}`
    : `nobody now; ${printable(name)} was last heard of ${age}`;
}

function budgetText({ budget, used, limit }: ScopeView["budgets"][number]): string {
  return `${budget} ${used}${limit === undefined ? "" : ` of ${limit}`}`;
}

function gateLines(answer: GateAnswer, style: Style): readonly string[] {
  const { gate, verdict, reason, message, opens, opensAtMs } = answer;
  const isOpen = verdict === "open";
  const mark = isOpen ? style.good("✓") : style.bad("✗");
  const line = `  ${mark} ${gate}  ${isOpen ? printable(message) : `${printable(message)} [${printable(reason)}]`}`;
  if (isOpen || (opens === undefined && opensAtMs === undefined)) return [line];
  const at = opensAtMs === undefined ? undefined : instant(opensAtMs);
  const until = at === undefined || opens?.includes(at) === true ? "" : ` at ${at}`;
  return [line, `      opens: ${printable(opens ?? "by itself")}${until}`];
}
