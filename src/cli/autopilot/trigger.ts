/** `akc autopilot trigger`: a person asks the autopilot to look into a scope. */
import { type ScopeId, scopeName, type Trigger } from "../../autopilot/model.ts";
import { openAutopilotStore } from "../../autopilot/state/open.ts";
import { makeTrigger } from "../../autopilot/triggers/trigger.ts";
import { AkcError } from "../../errors.ts";
import { systemClock } from "../../system/clock.ts";
import { systemIds } from "../../system/ids.ts";
import { command } from "../command.ts";
import { printable } from "../render/text.ts";
import { senderName } from "../sender.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./settings.ts";
import { hasFolder, namedScope, type ScopeFlags, scopeArgs, scopesMeant } from "./which-scopes.ts";

const severities = ["low", "med", "high"] as const;

export const trigger = command({
  path: "autopilot trigger",
  summary: "Ask the autopilot to look into a scope.",
  notes: [
    "The trigger is stored with who gave it and why. A controller that holds the scope sees it within a second: where a recompile hook is configured, it is asked.",
  ],
  examples: [
    {
      command: 'akc autopilot trigger --scope acme/shop --reason "base image was patched"',
      says: "Recompile the shop.",
    },
  ],
  exits: [0, 2, 5],
  usage: "--scope TENANT/REPO",
  environment: settingsEnvironment,
  args: {
    ...scopeArgs,
    ...settingsArgs,
    reason: { type: "string", required: true, valueHint: "TEXT", description: "Why; it is kept." },
    severity: {
      type: "enum",
      options: [...severities],
      default: "med",
      valueHint: "LEVEL",
      description: "How bad it is: low, med or high.",
    },
  },
  async run(args, session) {
    const scope = oneScope(args);
    if (args.reason.trim() === "") throw new AkcError("USAGE", { message: "--reason is empty" });
    const { outputsRoot } = await settingsOf(session.io, args);
    if (!hasFolder(outputsRoot, scope)) await refuseUnknown(outputsRoot, scope);
    const by = senderName();
    const nowMs = systemClock.nowMs();
    const id = systemIds.runtimeRunId();
    const given = makeTrigger({
      id,
      kind: "person",
      severity: severities.find((known) => known === args.severity) ?? "med",
      key: `person:${id}`,
      reason: args.reason,
      atMs: nowMs,
      details: { by },
    });
    await put(outputsRoot, scope, given, by, nowMs);
    await session.print({
      data: {
        kind: "TriggerGiven",
        trigger_id: id,
        tenant_id: scope.tenantId,
        repo_id: scope.repoId,
        severity: given.severity,
        reason: given.reason,
        by,
        at_ms: nowMs,
      },
      text: () => `trigger_id: ${id}\nscope: ${scopeName(scope)}\nreason: ${printable(given.reason)}`,
    });
    return 0;
  },
});

/** A scope that a controller was told of by name is known before it has a folder. */
async function refuseUnknown(outputsRoot: string, scope: ScopeId): Promise<void> {
  const store = await openAutopilotStore(outputsRoot, { create: false });
  try {
    await scopesMeant(store, scope, false);
  } finally {
    await store.close();
  }
}

async function put(
  outputsRoot: string,
  scope: ScopeId,
  given: Trigger,
  by: string,
  nowMs: number,
): Promise<void> {
  const store = await openAutopilotStore(outputsRoot);
  try {
    if ((await store.say(scope, { type: "triggered", trigger: given }, by, nowMs)) !== undefined) return;
    throw new AkcError("AUTOPILOT_TRIGGERS_FULL");
  } finally {
    await store.close();
  }
}

function oneScope(flags: ScopeFlags): ScopeId {
  const { tenantId, repoId } = namedScope(flags);
  if (tenantId !== undefined && repoId !== undefined) return { tenantId, repoId };
  throw new AkcError("USAGE", {
    message: "no scope is named",
    hint: "Name one: --scope TENANT/REPO, or --tenant-id ID --repo-id ID.",
  });
}
