/** `akc bundle inspect`: what a bundle would be allowed to do, what would run, and where, before anything runs. */
import { policyModes } from "../../bundle/model.ts";
import { prepareRun } from "../../run/prepare.ts";
import { command, type Session } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { facts } from "../render/output.ts";
import { type Style, styleOf } from "../render/style.ts";
import { table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { elapsed } from "../render/time.ts";
import { type Inspection, inspectPrepared, type RoutePreview } from "./inspection.ts";

/** Steps shown as text; JSON has all of them. */
const stepsShownMax = 100;

export const inspect = command({
  path: "bundle inspect",
  summary: "Show what a bundle would be allowed to do, what would run, and where.",
  examples: [
    { command: "akc bundle inspect release.json", says: "To read before running it." },
    {
      command: "akc bundle inspect release.json -o json | jq '.steps[].route'",
      says: "How each step would be carried out.",
    },
  ],
  exits: [0, 2],
  args: {
    file: { type: "positional", required: true, valueHint: "FILE", description: "The bundle." },
    mode: {
      type: "enum",
      options: [...policyModes],
      default: "simulate",
      description:
        "The mode of the run asked about. In enforce and canary, policies that cannot be applied are an error.",
      valueHint: "MODE",
    },
    ...policyArgs,
  },
  async run(args, session) {
    const prepared = await prepareRun({
      bundlePath: args.file,
      mode: policyModes.find((known) => known === args.mode) ?? "simulate",
      adapter: "auto",
      ...(args.policy === undefined ? {} : { policyPath: args.policy }),
    });
    const inspection = inspectPrepared(prepared);
    await session.print({
      data: { kind: "BundleInspection", ...inspection },
      text: () => textOf(inspection, session),
    });
    return 0;
  },
});

function textOf(inspection: Inspection, session: Session): string {
  const place = session.io.stdout;
  const style = styleOf(place.color);
  const columnsMax = place.isTerminal ? place.columns() : undefined;
  const parts = [identity(inspection), permissions(inspection, style), bounds(inspection)];
  if (inspection.steps.length > 0) parts.push(stepsTable(inspection, columnsMax));
  if (inspection.event_nodes.length > 0) parts.push(eventsTable(inspection, columnsMax));
  const warnings = [
    ...inspection.warnings.map(({ path, message }) => `${path}: ${message}`),
    ...inspection.unresolved_policy_ids.map(
      (id) => `policy "${id}" cannot be applied; enforce and canary refuse the bundle`,
    ),
  ];
  if (warnings.length > 0) {
    parts.push(warnings.map((text) => `${style.warn("warning:")} ${printable(text)}`).join("\n"));
  }
  return parts.join("\n\n");
}

function identity(inspection: Inspection): string {
  return facts([
    ["bundle", printable(inspection.path)],
    ["sha256", inspection.sha256],
    ["scope", `${inspection.tenant_id}/${inspection.repo_id}`],
    ["run_id", inspection.run_id],
    ["schema", `v${inspection.schema_version}`],
    ["adapter", `${inspection.adapter_id} (in ${inspection.mode})`],
  ]);
}

function permissions(inspection: Inspection, style: Style): string {
  const rows = inspection.actions.map(({ action, allowed, source, rule }) => {
    const mark = allowed ? style.good("✓") : style.bad("✗");
    return `  ${mark} ${action}${allowed ? "" : `  denied by ${printable(`${source ?? ""} ${rule ?? ""}`)}`}`;
  });
  return `${style.strong("May")}\n${rows.join("\n")}`;
}

function bounds({ subprocess, http, limits, allow_network, require_effects }: Inspection): string {
  const none = (list: readonly string[]) => (list.length === 0 ? "nothing" : printable(list.join(", ")));
  const rows: [string, string][] = [
    [
      "processes",
      subprocess.enabled
        ? `${none(subprocess.allowlist)}, contained by ${subprocess.containment} at least`
        : "none",
    ],
    ["http", http.enabled ? `${http.methods.join(", ")} ${none(http.allowlist)}` : "none"],
    ["network", allow_network ? "steps may use it" : "steps may not use it"],
    [
      "in flight",
      `${limits.in_flight} actions, ${limits.steps_in_flight} steps, ${limits.steps_in_flight_per_role} a role`,
    ],
    ["deadline", limits.deadline_ms === undefined ? "none" : elapsed(limits.deadline_ms)],
  ];
  if (subprocess.operator_paths !== undefined)
    rows.push(["operator", `only ${none(subprocess.operator_paths)}`]);
  if (require_effects) rows.push(["effects", "required: actions with nothing to execute are refused"]);
  return facts(rows);
}

function stepsTable(inspection: Inspection, columnsMax: number | undefined): string {
  const shown = inspection.steps.slice(0, stepsShownMax);
  const text = table(
    shown,
    [
      { title: "LAYER", value: (step) => String(step.layer), align: "end" },
      { title: "STEP", value: (step) => printable(step.step_id), narrowest: 8 },
      { title: "ROLE", value: (step) => printable(step.role_id), narrowest: 6 },
      { title: "WAITS FOR", value: (step) => printable(step.waits_for.join(", ")), narrowest: 9 },
      { title: "ROUTE", value: (step) => routeText(step.route), narrowest: 12 },
    ],
    columnsMax,
  );
  const hidden = inspection.steps.length - shown.length;
  return hidden > 0 ? `${text}\n… and ${hidden} more steps; -o json lists all` : text;
}

function eventsTable(inspection: Inspection, columnsMax: number | undefined): string {
  return table(
    inspection.event_nodes.slice(0, stepsShownMax),
    [
      { title: "NODE", value: (node) => printable(node.node_id), narrowest: 8 },
      { title: "KIND", value: (node) => node.kind },
      { title: "WAITS FOR", value: (node) => printable(node.waits_for.join(", ")), narrowest: 9 },
      { title: "ON EVENT", value: (node) => printable(node.event_types.join(", ")), narrowest: 12 },
      { title: "ROUTE", value: (node) => routeText(node.route), narrowest: 12 },
    ],
    columnsMax,
  );
}

function routeText(route: RoutePreview): string {
  const what =
    route.argv?.join(" ") ?? (route.url === undefined ? route.why : `${route.method} ${route.url}`);
  return printable(what === undefined ? route.kind : `${route.kind}: ${what}`);
}
