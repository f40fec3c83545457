/** What a run would do, as people read it: layer by layer, what would be denied with its rule and its fix below it. */
import { readableRoots } from "../../authoring/diff/rights.ts";
import { doesWhat } from "../../authoring/explain/step.ts";
import type { Place } from "../io.ts";
import { type Style, styleOf } from "../render/style.ts";
import { counted, fit, padEnd, printable, width, wrap } from "../render/text.ts";
import type { ForeseenAction } from "./foreseen.ts";
import type { Told } from "./foreseen-data.ts";
import type { Refusal } from "./refusal.ts";

/** Steps of one layer that would be let; those that would not are always shown. */
const letShownMax = 40;

interface Look {
  readonly style: Style;
  /** Undefined where nothing is cut. */
  readonly columns: number | undefined;
  readonly names: number;
  readonly roles: number;
}

export function foreseenText(told: Told, place: Place): string {
  const { foreseen, prepared } = told;
  const { actions, services } = foreseen;
  const look: Look = {
    style: styleOf(place.color),
    columns: place.isTerminal ? place.columns() : undefined,
    names: Math.min(28, Math.max(0, ...actions.slice(0, 1_000).map(({ id }) => width(printable(id))))),
    roles: Math.min(16, Math.max(0, ...foreseen.inspection.roles.map(({ role }) => width(printable(role))))),
  };
  const layers = Map.groupBy(actions, ({ action }) => ("layer" in action ? action.layer : -1));
  return [
    head(told, look),
    ...(prepared.operator === undefined
      ? []
      : [cut(`under the operator's policy ${printable(prepared.operator.path)}`, look)]),
    ...[...layers].flatMap(([layer, those]) => ["", ...layerLines(layer, those, told, look)]),
    ...(services === undefined ? [] : ["", ...servicesLines(told, look)]),
    ...rolesLines(told, look),
    "",
    summary(told, look.style),
  ].join("\n");
}

function head({ foreseen, prepared }: Told, look: Look): string {
  const { scope, runId } = prepared.bundle;
  const words = `${printable(runId)}  ${scope.tenantId}/${scope.repoId}  ${foreseen.inspection.mode}  ${prepared.adapterId}`;
  return look.style.strong(cut(words, look));
}

function layerLines(
  layer: number,
  actions: readonly ForeseenAction[],
  told: Told,
  look: Look,
): readonly string[] {
  const title = layer < 0 ? "when events call them" : layer === 0 ? "first" : `then (layer ${layer})`;
  const lines: string[] = [look.style.faint(title)];
  let left = letShownMax;
  let hidden = 0;
  for (const foreseen of actions) {
    const { refusal } = foreseen;
    if (refusal === undefined && left-- <= 0) {
      hidden++;
      continue;
    }
    lines.push(
      actionLine(foreseen, look),
      ...(refusal === undefined ? [] : refusalLines(refusal, look, placeOf(foreseen, told))),
    );
  }
  return hidden === 0 ? lines : [...lines, look.style.faint(`  … and ${hidden} more`)];
}

function placeOf({ id }: ForeseenAction, { path, lineOf }: Told): string | undefined {
  const line = lineOf(id);
  return line === undefined ? undefined : `${printable(path)}:${line}`;
}

function actionLine({ id, action, refusal, behind }: ForeseenAction, look: Look): string {
  const { style } = look;
  const role = "role" in action ? printable(action.role) : "";
  const does =
    behind.length > 0 && refusal === undefined
      ? `not reached: needs ${behind.map(printable).join(", ")}`
      : printable(doesWhat(action.route));
  const named = cut(
    `  ? ${padEnd(fit(printable(id), look.names), look.names)}  ${padEnd(fit(role, look.roles), look.roles)}  ${does}`,
    look,
  ).trimEnd();
  if (refusal !== undefined) return style.bad(named.replace("?", "✗"));
  return behind.length > 0 ? style.faint(named.replace("?", "·")) : named.replace("?", style.good("✓"));
}

function refusalLines(refusal: Refusal, look: Look, place: string | undefined): readonly string[] {
  const rows: readonly (readonly [string, string])[] = [
    ["denied", `${refusal.why} [${refusal.code}]`],
    ["rule", refusal.rule],
    ...(place === undefined ? [] : ([["at", place]] as const)),
    ["fix", refusal.fix],
  ];
  return rows.flatMap(([key, text]) => {
    const room = look.columns === undefined ? Number.POSITIVE_INFINITY : Math.max(16, look.columns - 14);
    const [first = "", ...rest] = wrap(printable(text), room);
    return [
      `      ${look.style.faint(key.padEnd(6))}  ${first}`,
      ...rest.map((line) => `${" ".repeat(14)}${line}`),
    ];
  });
}

function servicesLines({ foreseen }: Told, look: Look): readonly string[] {
  const { services } = foreseen;
  if (services === undefined) return [];
  const { style } = look;
  const mark = services.refusal === undefined ? style.good("✓") : style.bad("✗");
  const shown = services.items.slice(0, letShownMax);
  return [
    style.faint(`services, by ${printable(services.provider)}`),
    ...shown.map(({ id, needs }) => {
      const after = needs.length === 0 ? "" : `  after ${needs.map(printable).join(", ")}`;
      return cut(`  ? ${printable(id)}${after}`, look).replace("?", mark);
    }),
    ...(services.items.length > shown.length ? [`  … and ${services.items.length - shown.length} more`] : []),
    ...(services.refusal === undefined ? [] : refusalLines(services.refusal, look, undefined)),
  ];
}

function rolesLines({ foreseen, prepared }: Told, look: Look): readonly string[] {
  const { roles } = foreseen.inspection;
  if (roles.length === 0) return [];
  const lines = roles.map(({ role, network, tools }) => {
    const reads = readableRoots(prepared.bundle, role);
    const may = [
      reads.length === 0 ? "its own folder" : `reads ${reads.map(printable).join(", ")}`,
      network ? "network" : "no network",
      ...(tools.length === 0 ? [] : [`tools ${tools.map(printable).join(", ")}`]),
    ].join(" · ");
    return cut(`    ${padEnd(fit(printable(role), look.roles), look.roles)}  ${may}`, look);
  });
  return ["", look.style.faint("who may touch what"), ...lines];
}

function summary({ foreseen }: Told, style: Style): string {
  const { actions, services, denied, unreached } = foreseen;
  const refused = actions.filter(({ refusal }) => refusal !== undefined).length;
  const parts = [`${counted(actions.length, "step")}: ${actions.length - refused - unreached} would run`];
  if (refused > 0) parts.push(`${refused} would be denied`);
  if (unreached > 0) parts.push(`${unreached} would not be reached`);
  if (services !== undefined)
    parts.push(
      `${counted(services.items.length, "service")} ${services.refusal === undefined ? "would be made to stand" : "would be denied"}`,
    );
  const text = parts.join(", ");
  return denied === 0 ? style.good(text) : style.bad(text);
}

function cut(line: string, { columns }: Look): string {
  return columns === undefined ? line : fit(line, columns);
}
