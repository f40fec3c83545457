/** `akc validate bindings`: everything that is wrong with a registry, or what each of its bindings looks at and needs here. */
import { judgedKinds } from "../../run/validators.ts";
import { loadBindings } from "../../validation/bindings/lookup.ts";
import type { Binding, BindingRegistry } from "../../validation/bindings/model.ts";
import { defaultBindingsFile } from "../../validation/bindings/place.ts";
import { command, type Session } from "../command.ts";
import { pluginArgs, pluginEnvironment } from "../plugin/plugin-args.ts";
import { search, surroundings } from "../plugin/search.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { readProject } from "../project.ts";
import { facts, type Plain, plainOf } from "../render/output.ts";
import { styleOf } from "../render/style.ts";
import { table } from "../render/table.ts";
import { counted, printable } from "../render/text.ts";
import { type Missing, missingOf, type Needs, needsOf } from "./needs.ts";

interface Row {
  readonly binding: Binding;
  readonly needs: Needs;
  readonly missing: readonly Missing[];
  /** Plugins that akc holds itself. */
  readonly broughtAlong: ReadonlySet<string>;
}

export const bindings = command({
  path: "validate bindings",
  summary: "Check a registry of validator bindings, and show what each binding needs.",
  notes: [
    "Without FILE: the one that `.akc/project.json` names (`validation.bindings_path`), else configs/validation/validator_bindings.v1.yaml, else none. Checks the text alone: no host is called and no tool started. What is missing on this host makes a registry no less valid.",
    "YAML is 1.2: `on` and `yes` are words, and 0777 is seven hundred and seventy-seven.",
  ],
  examples: [
    {
      command: "akc validate bindings configs/validation/validator_bindings.v1.yaml",
      says: "Every fault with its line and column, or each binding with what it needs.",
    },
    {
      command: "akc validate bindings -o json | jq '.items[] | select(.missing != [])'",
      says: "What could not be judged on this host, and why?",
    },
  ],
  exits: [0, 2],
  environment: pluginEnvironment,
  args: {
    file: { type: "positional", required: false, valueHint: "FILE", description: "The registry." },
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    const { env } = session.io;
    const cwd = process.cwd();
    const found = await surroundings(args, env);
    const { plugins } = await search(found);
    const project = args.file === undefined ? await readProject(cwd) : {};
    const registry = await loadBindings({
      path: args.file,
      projectPath: project.validatorBindingsPath,
      cwd,
      kinds: judgedKinds(plugins),
    });
    const embedded = plugins.filter(({ source }) => source.kind === "embedded");
    const broughtAlong = new Set(embedded.map(({ manifest }) => manifest.id));
    const rows: Row[] = [];
    for (const binding of registry.bindings.values()) {
      const needs = needsOf(binding, plugins);
      rows.push({
        binding,
        needs,
        broughtAlong,
        missing: await missingOf(binding, needs, { plugins, operator: found.operator, env }),
      });
    }
    await session.print({
      data: {
        kind: "ValidatorBindings",
        valid: true,
        path: registry.path,
        sha256: registry.sha256,
        items: rows.map(rowData),
      },
      text: () => registryText(registry, rows, session),
    });
    return 0;
  },
});

function rowData({ binding, needs, missing }: Row): Plain {
  return {
    id: binding.id,
    kind: binding.kind,
    line: binding.line,
    target: targetOf(binding),
    timeout_ms: binding.timeoutMs,
    tries: binding.tries,
    dry_run: binding.dryRun,
    needs: { ...needs },
    missing: missing.map((one) => ({ ...one })),
    settings: plainOf(binding.settings),
  };
}

function registryText({ path, sha256 }: BindingRegistry, rows: readonly Row[], { io }: Session): string {
  if (path === undefined)
    return `there is no registry of validator bindings: none is named, and ${defaultBindingsFile} is not there`;
  const style = styleOf(io.stdout.color);
  const lacking = rows.filter(({ missing }) => missing.length > 0).length;
  const head = facts([
    ["valid", printable(path)],
    ["sha256", sha256 ?? ""],
    ["bindings", lacking === 0 ? String(rows.length) : `${rows.length}, ${lacking} lacking something here`],
  ]);
  if (rows.length === 0) return head;
  const list = table<Row>(
    rows,
    [
      { title: "BINDING", value: ({ binding }) => printable(binding.id), narrowest: 16 },
      { title: "KIND", value: ({ binding }) => printable(kindText(binding)), narrowest: 8 },
      { title: "NEEDS", value: (row) => printable(needsText(row)), narrowest: 12, optional: true },
      // Most look at what their name says.
      ...(rows.some(({ binding }) => (targetOf(binding) ?? binding.id) !== binding.id)
        ? [
            {
              title: "TARGET",
              value: ({ binding }: Row) => printable(targetOf(binding) ?? ""),
              narrowest: 8,
              optional: true as const,
            },
          ]
        : []),
      {
        title: "MISSING",
        value: ({ missing }) => printable(missing.map(({ what, name }) => `${what} ${name}`).join(", ")),
        narrowest: 20,
        paint: style.warn,
      },
    ],
    io.stdout.isTerminal ? io.stdout.columns() : undefined,
  );
  return `${head}\n\n${list}${whyText(rows)}`;
}

/** Why something is missing, once for each thing. */
function whyText(rows: readonly Row[]): string {
  const counts = new Map<string, number>();
  for (const { what, name, why } of rows.flatMap(({ missing }) => missing)) {
    const line = `${what} ${name}: ${why}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  const lines = [...counts].map(([line, count]) =>
    printable(`missing ${line} (${counted(count, "binding")})`),
  );
  return lines.length === 0 ? "" : `\n\n${lines.join("\n")}`;
}

function kindText({ kind, settings }: Binding): string {
  const { operation } = settings;
  return typeof operation === "string" ? `${kind} ${operation}` : kind;
}

/** What its result calls the thing that is looked at; the device of a device. Undefined for any device, and for a plugin's own. */
function targetOf({ settings: { target, device_id: device } }: Binding): string | undefined {
  if (typeof target === "string") return target;
  return typeof device === "string" ? device : undefined;
}

function needsText({ needs: { tools, hosts, secrets, files, plugins }, broughtAlong }: Row): string {
  const parts = [
    ...tools.map((name) => `tool ${name}`),
    ...hosts,
    ...secrets.map((name) => `secret ${name}`),
    ...files.map((path) => `file ${path}`),
    ...plugins.filter((id) => !broughtAlong.has(id)).map((id) => `plugin ${id}`),
  ];
  return parts.join(", ");
}
