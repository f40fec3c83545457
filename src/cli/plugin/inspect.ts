/** `akc plugin inspect`: what a plugin is, what it asks for, what it is granted and by whom narrowed, and how that is enforced. */
import { loadBundle } from "../../bundle/load.ts";
import {
  doorOnly,
  type FoundPlugin,
  type PermissionName,
  permissionNames,
} from "../../plugin-host/contract.ts";
import { type BundlePolicy, type Grants, grantLines, grantsOf } from "../../plugin-host/grants.ts";
import { settingsOf } from "../../plugin-host/settings.ts";
import { derivePolicy } from "../../policy/derive.ts";
import type { OperatorPolicy } from "../../policy/model.ts";
import { readBundleSource } from "../../run/bundle-files.ts";
import { bundlePath } from "../bundle/bundle-path.ts";
import { command } from "../command.ts";
import { policyArgs } from "../policy/policy-args.ts";
import { facts, plainOf } from "../render/output.ts";
import { table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { type Enforcement, enforcementOf } from "./enforcement.ts";
import { pluginArgs, pluginEnvironment, pluginId } from "./plugin-args.ts";
import { pluginData, shadowLines, whyOf } from "./plugin-view.ts";
import { pluginNamed, search, surroundings } from "./search.ts";

export const inspect = command({
  path: "plugin inspect",
  summary: "Show what a plugin asks for, what it is granted, and how that is enforced here.",
  notes: [
    "Granted is what the manifest asks for, as far as the operator's policy grants it, as far as the bundle's policy reaches. Nothing is started.",
  ],
  examples: [
    { command: "akc plugin inspect acme/scanner", says: "What may it touch on this host?" },
    {
      command: "akc plugin inspect acme/scanner --bundle release.json",
      says: "And in a run of this bundle?",
    },
  ],
  exits: [0, 2],
  environment: pluginEnvironment,
  args: {
    ...pluginId,
    bundle: {
      type: "string",
      valueHint: "FILE",
      description: "Narrow the grants by this bundle's policy too.",
    },
    ...pluginArgs,
    ...policyArgs,
  },
  async run(args, session) {
    const around = await surroundings(args, session.io.env);
    const plugin = pluginNamed(await search(around), args.id);
    const bundle = args.bundle === undefined ? undefined : await bundlePolicy(args.bundle, around.operator);
    const embedded = plugin.source.kind === "embedded";
    const granted = grantsOf(plugin.manifest, around.operator, bundle, { embedded });
    // One that only judges is held to the door whenever it is started.
    const judges = plugin.manifest.kinds.every((kind) => kind === "validator");
    const grants = judges ? { ...granted, ...doorOnly } : granted;
    const enforcement = enforcementOf(grants);
    const settings = settingsFault(plugin, around.operator);
    const place = session.io.stdout;
    await session.print({
      data: {
        ...pluginData(plugin),
        kind: "PluginInspection",
        asked: { ...plugin.manifest.permissions },
        granted: Object.fromEntries(permissionNames.map((name) => [name, grants[name]])),
        requests_only: grants.requestsOnly === true,
        refused: grants.refusals.map(({ permission, asked, left, by, why }) => ({
          permission,
          asked,
          left,
          by,
          why,
        })),
        containment: {
          required: enforcement.required,
          host: enforcement.level,
          possible: enforcement.possible,
        },
        enforced: { ...enforcement.by },
        limits: limitsData(plugin),
        offers: offersData(plugin),
        config: plainOf(plugin.manifest.config),
        settings_fault: settings ?? null,
      },
      text: () =>
        textOf(plugin, grants, enforcement, settings, place.isTerminal ? place.columns() : undefined),
    });
    return 0;
  },
});

async function bundlePolicy(path: string, operator: OperatorPolicy | undefined): Promise<BundlePolicy> {
  const bundle = await loadBundle(await readBundleSource(bundlePath(path)), { mode: "simulate" });
  return derivePolicy(bundle, "simulate", operator);
}

/** First words of what is wrong with the operator's settings for it. */
function settingsFault({ manifest }: FoundPlugin, operator: OperatorPolicy | undefined): string | undefined {
  try {
    settingsOf(manifest, operator);
    return undefined;
  } catch (cause) {
    const issues =
      cause instanceof Error && "issues" in cause && Array.isArray(cause.issues) ? cause.issues : [];
    return issues.map((issue: { readonly message: string }) => issue.message).join("; ");
  }
}

function limitsData({ manifest: { limits } }: FoundPlugin) {
  return {
    memory_bytes: limits.memoryBytes,
    start_ms: limits.startMs,
    call_ms: limits.callMs,
    stop_ms: limits.stopMs,
    idle_ms: limits.idleMs,
    concurrency: limits.concurrency,
    message_bytes: limits.messageBytes,
  };
}

function offersData({ manifest: { offers } }: FoundPlugin) {
  return {
    adapters: Object.entries(offers.adapters ?? {}).map(([id, { capabilities }]) => ({ id, capabilities })),
    providers: Object.entries(offers.providers ?? {}).map(([id, { capabilities }]) => ({ id, capabilities })),
    validators: Object.entries(offers.validators ?? {}).map(([id, offer]) => ({
      id,
      binding_kinds: offer.binding_kinds,
    })),
  };
}

function textOf(
  plugin: FoundPlugin,
  grants: Grants,
  enforcement: Enforcement,
  settings: string | undefined,
  columnsMax: number | undefined,
): string {
  const { manifest, state } = plugin;
  const why = whyOf(state);
  const { adapters, providers, validators } = offersData(plugin);
  const head = facts([
    ["plugin", `${manifest.id} ${manifest.version}`],
    ...(manifest.description === "" ? [] : [["is", printable(manifest.description)] as const]),
    ["state", printable(why === "" ? state.kind : `${state.kind}: ${why}`)],
    ["root", printable(plugin.root)],
    ["runtime", manifest.runtime.kind],
    ...adapters.map(({ id, capabilities }) => ["adapter", `${id}  ${capabilities.join(", ")}`] as const),
    ...providers.map(({ id, capabilities }) => ["provider", `${id}  ${capabilities.join(", ")}`] as const),
    ...validators.map(
      ({ id, binding_kinds }) => ["validator", `${id}  ${binding_kinds.join(", ")}`] as const,
    ),
    [
      "signer",
      printable(plugin.signer ?? (manifest.signature === undefined ? "none" : "not one of the operator's")),
    ],
    ["digest", plugin.digest],
    ["contained", containedText(enforcement)],
    ...(settings === undefined ? [] : [["settings", printable(settings)] as const]),
  ]);
  const rows = permissionNames.flatMap((name) => permissionRows(name, plugin, grants, enforcement));
  const lines = grants.refusals.some(({ by }) => by === "operator") ? grantLines(manifest) : [];
  return [
    head,
    "",
    rows.length === 0
      ? "It asks for nothing."
      : table(
          rows,
          [
            { title: "MAY", value: (row) => row.permission },
            { title: "ASKED", value: (row) => printable(row.asked) },
            { title: "GRANTED", value: (row) => printable(row.granted) },
            { title: "ENFORCED", value: (row) => row.enforced, narrowest: 12, optional: true },
            { title: "NARROWED", value: (row) => printable(row.narrowed), narrowest: 12 },
          ],
          columnsMax,
        ),
    ...(lines.length === 0
      ? []
      : ["", "To grant all that it asks for, in the operator's policy:", ...lines.map(printable)]),
    ...shadowLines([plugin]),
  ].join("\n");
}

function containedText({ level, required, possible }: Enforcement): string {
  return possible
    ? level
    : `not here: ${required} is required, the host has ${level}; it will not be started`;
}

interface Row {
  readonly permission: PermissionName;
  readonly asked: string;
  readonly granted: string;
  readonly enforced: string;
  readonly narrowed: string;
}

function permissionRows(
  permission: PermissionName,
  { manifest }: FoundPlugin,
  { refusals }: Grants,
  { by }: Enforcement,
): readonly Row[] {
  return manifest.permissions[permission].map((asked) => {
    const told = refusals.filter((refusal) => refusal.permission === permission && refusal.asked === asked);
    const last = told.at(-1);
    const granted = last === undefined ? "all" : last.left.length === 0 ? "nothing" : last.left.join(", ");
    const narrowed = told.map((refusal) => `${refusal.by}: ${refusal.why}`).join("; ");
    return { permission, asked, granted, enforced: granted === "nothing" ? "" : by[permission], narrowed };
  });
}
