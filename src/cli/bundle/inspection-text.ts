/** An inspection as people read it: who it is, what it may do, what would run with which input, what would be refused. */
import type {
  BundleInspection,
  InspectedAction,
  InspectedNode,
  InspectedStep,
} from "../../policy/inspect.ts";
import type { InspectedRoute, InspectedWait, TextDigest } from "../../policy/inspected-route.ts";
import type { Place } from "../io.ts";
import { facts } from "../render/output.ts";
import { type Style, styleOf } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { counted, printable } from "../render/text.ts";
import { elapsed } from "../render/time.ts";
import type { RunBounds } from "./inspection-data.ts";

/** Rows of one table; JSON has all of them. */
const rowsShownMax = 100;

export function inspectionText(inspection: BundleInspection, bounds: RunBounds, place: Place): string {
  const style = styleOf(place.color);
  const columnsMax = place.isTerminal ? place.columns() : undefined;
  const { steps, nodes } = inspection;
  const actions = [
    ...steps.map((step) => ({ name: step.stepId, ...step })),
    ...nodes.map((node) => ({ name: node.nodeId, ...node })),
  ];
  const inputs = [
    ...actions.flatMap((action) => inputsOf(action.name, action.route)),
    ...steps.flatMap(handedTo),
  ];
  const refused = actions.flatMap(refusalOf);
  const parts = [
    identity(inspection),
    permissions(inspection, style),
    boundsText(inspection, bounds),
    ...tableOf(steps, stepColumns, columnsMax),
    ...tableOf(nodes, nodeColumns, columnsMax),
    ...tableOf(inputs, inputColumns, columnsMax),
    ...tableOf(refused, refusalColumns(style), columnsMax),
    ...warnings(inspection, style),
  ];
  return parts.join("\n\n");
}

function identity({ bundle, adapter, mode }: BundleInspection): string {
  return facts([
    ["bundle", printable(bundle.path)],
    ["sha256", bundle.sha256],
    ["scope", `${bundle.tenantId}/${bundle.repoId}`],
    ["run_id", bundle.runId],
    ["schema", `v${bundle.schemaVersion}`],
    ["adapter", `${adapter} (in ${mode})`],
  ]);
}

function permissions({ decisions }: BundleInspection, style: Style): string {
  const rows = decisions.map(({ action, allowed, source, rule }) => {
    const mark = allowed ? style.good("✓") : style.bad("✗");
    return `  ${mark} ${action}${allowed ? "" : `  denied by ${printable(`${source} ${rule}`)}`}`;
  });
  return `${style.strong("May")}\n${rows.join("\n")}`;
}

function boundsText(inspection: BundleInspection, { caps, policy }: RunBounds): string {
  const { subprocess, http } = inspection;
  const rows: [string, string][] = [
    [
      "processes",
      subprocess.enabled
        ? `${listed(subprocess.allowlist)}, contained by ${subprocess.containment} at least`
        : "none",
    ],
    ["http", http.enabled ? `${http.methods.join(", ")} ${listed(http.allowlist)}` : "none"],
    ["network", printable(networkText(inspection))],
    ["in flight", inFlightText(inspection, caps)],
    ["deadline", policy.runDeadlineMs === undefined ? "none" : elapsed(policy.runDeadlineMs)],
  ];
  if (subprocess.operatorPaths !== undefined)
    rows.push(["operator", `only ${listed(subprocess.operatorPaths)}`]);
  if (inspection.requireEffects)
    rows.push(["effects", "required: actions with nothing to execute are refused"]);
  return facts(rows);
}

function inFlightText({ steps }: BundleInspection, caps: RunBounds["caps"]): string {
  const actions = counted(caps.total, "action");
  return steps.length === 0
    ? actions
    : `${actions}, ${counted(caps.steps, "step")}, ${caps.stepsPerRole} a role`;
}

/** `releaser may use it;  */
function networkText({ roles, nodes, allowNetwork }: BundleInspection): string {
  const named = (network: boolean) =>
    roles.filter((role) => role.network === network).map(({ role }) => role || "steps without a role");
  const said = [
    [named(true), "may use it"] as const,
    [named(false), "may not use it"] as const,
    [
      nodes.length > 0 || roles.length === 0 ? ["processes that events start"] : [],
      allowNetwork ? "may use it" : "may not use it",
    ] as const,
  ];
  return said
    .filter(([names]) => names.length > 0)
    .map(([names, may]) => `${enumerated(names)} ${may}`)
    .join("; ");
}

function enumerated(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function listed(items: readonly string[]): string {
  return items.length === 0 ? "nothing" : printable(items.join(", "));
}

const stepColumns: readonly Column<InspectedStep>[] = [
  { title: "LAYER", value: (step) => String(step.layer), align: "end", optional: true },
  { title: "STEP", value: (step) => printable(step.stepId), narrowest: 8 },
  { title: "ROLE", value: (step) => printable(step.role), narrowest: 6, optional: true },
  { title: "WAITS FOR", value: (step) => printable(step.after.join(", ")), narrowest: 9, optional: true },
  { title: "ROUTE", value: ({ route }) => routeText(route), narrowest: 12 },
];

const nodeColumns: readonly Column<InspectedNode>[] = [
  { title: "NODE", value: (node) => printable(node.nodeId), narrowest: 8 },
  { title: "KIND", value: (node) => node.nodeKind, optional: true },
  { title: "WAITS FOR", value: (node) => printable(node.after.join(", ")), narrowest: 9, optional: true },
  { title: "ON EVENT", value: (node) => printable(node.events.join(", ")), narrowest: 12, optional: true },
  { title: "ROUTE", value: ({ route }) => routeText(route), narrowest: 12 },
];

/** What an action is given, each a row: a text by its size and digest, variables and headers by their names. */
interface Input {
  readonly name: string;
  readonly what: string;
  readonly is: string;
}

const inputColumns: readonly Column<Input>[] = [
  { title: "GIVEN TO", value: ({ name }) => printable(name), narrowest: 8 },
  { title: "WHAT", value: ({ what }) => what },
  { title: "IS", value: ({ is }) => printable(is), narrowest: 12 },
];

function inputsOf(name: string, route: InspectedRoute): readonly Input[] {
  const text = (what: string, digest: TextDigest | undefined): Input[] =>
    digest === undefined
      ? []
      : [{ name, what, is: `${counted(digest.bytes, "byte")}, sha256 ${digest.sha256}` }];
  const names = (what: string, list: readonly string[]): Input[] =>
    list.length === 0 ? [] : [{ name, what, is: list.join(", ") }];
  switch (route.kind) {
    case "subprocess":
      return [...text("stdin", route.stdin), ...names("env", route.env)];
    case "http":
      return [...names("headers", route.headers), ...text("body", route.body)];
    default:
      return [];
  }
}

/** What steps before hand to a step, and what it leaves for those after it. */
function handedTo({ stepId: name, files, placeholders }: InspectedStep): readonly Input[] {
  return [
    ...files.inputs.map(({ stepId, path, as }) => ({
      name,
      what: "file",
      is: `${stepId}/${path}${as === path ? "" : ` as ${as}`}`,
    })),
    ...placeholders.map((is) => ({ name, what: "value", is })),
    ...files.outputs.map((path) => ({ name, what: "leaves", is: path })),
  ];
}

interface Refusal {
  readonly name: string;
  readonly code: string;
  readonly why: string;
}

function refusalOf({ name, permission }: InspectedAction & { readonly name: string }): readonly Refusal[] {
  return permission.allowed ? [] : [{ name, code: permission.code, why: permission.why }];
}

function refusalColumns(style: Style): readonly Column<Refusal>[] {
  return [
    {
      title: "REFUSED",
      value: ({ name }) => printable(name),
      narrowest: 8,
      paint: (cell) => style.bad(cell),
    },
    { title: "CODE", value: ({ code }) => code },
    { title: "WHY", value: ({ why }) => printable(why), narrowest: 12, optional: true },
  ];
}

function warnings({ warnings: found, unresolvedPolicyIds }: BundleInspection, style: Style): string[] {
  const texts = [
    ...found.map(({ path, message }) => `${path}: ${message}`),
    ...unresolvedPolicyIds.map(
      (id) => `policy "${id}" cannot be applied; enforce and canary refuse the bundle`,
    ),
  ];
  return texts.length === 0
    ? []
    : [texts.map((text) => `${style.warn("warning:")} ${printable(text)}`).join("\n")];
}

/** At most one table: none without rows. */
function tableOf<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  columnsMax: number | undefined,
): string[] {
  if (rows.length === 0) return [];
  const text = table(rows.slice(0, rowsShownMax), columns, columnsMax);
  const hidden = rows.length - rowsShownMax;
  return [hidden > 0 ? `${text}\n… and ${hidden} more; -o json lists all` : text];
}

function waitText({ signal, approval, timeoutMs, durationMs, until }: InspectedWait): string {
  if (signal === undefined)
    return durationMs === undefined ? `wait: until ${until}` : `wait: for ${elapsed(durationMs)}`;
  const within = timeoutMs === undefined ? "" : `, at most ${elapsed(timeoutMs)}`;
  return `wait: ${approval === true ? "approval" : "signal"} ${signal}${within}`;
}

function routeText(route: InspectedRoute): string {
  switch (route.kind) {
    case "subprocess":
      return printable(`subprocess: ${route.argv.join(" ")}`);
    case "http":
      return printable(`http: ${route.method} ${route.url}`);
    case "wait":
      return waitText(route);
    case "malformed":
    case "refused":
      return printable(`${route.kind}: ${route.wanted}: ${route.why}`);
    default:
      return route.kind;
  }
}
