/** `akc autopilot triggers`: what waits to be looked into, and what became of what did. */

import type { AutopilotStore } from "../../autopilot/contract.ts";
import { type ScopeId, type ScopeState, scopeName, type Trigger } from "../../autopilot/model.ts";
import { openAutopilotStore } from "../../autopilot/state/open.ts";
import { isBeingHandled } from "../../autopilot/triggers/trigger.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { command } from "../command.ts";
import type { Io } from "../io.ts";
import { asAkcError } from "../render/error.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { wholeNumber } from "../values.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./settings.ts";
import { hasFolder, isMeant, namedScope, scopeArgs, scopesMeant } from "./which-scopes.ts";

const shownDefault = 100;
const shownMax = 10_000;

export const triggers = command({
  path: "autopilot triggers",
  summary: "List what waits to be looked into; with --all, what became of the rest.",
  notes: [
    "A trigger is stored before anything is done about it, and is open until it was: until the autopilot has repaired, recompiled or rolled out for it, or until what it was about is over.",
  ],
  examples: [
    { command: "akc autopilot triggers", says: "What is open in all scopes below the outputs root." },
    {
      command: "akc autopilot triggers --scope acme/shop --all -o json",
      says: "All that is still known of one scope.",
    },
  ],
  exits: [0, 1, 2],
  environment: settingsEnvironment,
  args: {
    ...settingsArgs,
    ...scopeArgs,
    all: { type: "boolean", description: "Those that are settled as well." },
    limit: { type: "string", valueHint: "N", description: `How many, the newest; else ${shownDefault}.` },
  },
  async run(args, session) {
    const limit =
      args.limit === undefined ? shownDefault : wholeNumber("--limit", args.limit, { min: 1, max: shownMax });
    const named = namedScope(args);
    const { outputsRoot } = await settingsOf(session.io, args);
    const found = await allTriggers(session.io, outputsRoot, named, args.all === true);
    const shown = found.rows.toSorted((one, other) => other.trigger.atMs - one.trigger.atMs).slice(0, limit);
    const place = session.io.stdout;
    await session.print({
      data: { kind: "TriggerList", items: shown.map(dataOf), total: found.rows.length },
      text: () =>
        shown.length === 0 ? "" : table(shown, columns, place.isTerminal ? place.columns() : undefined),
    });
    if (shown.length === 0) session.io.words("no triggers here\n");
    return found.leftOut === 0 ? 0 : 1;
  },
});

interface Row {
  readonly scope: ScopeId;
  readonly trigger: Trigger;
  /** `open`, `working` while somebody is at it, or how it was settled. */
  readonly standing: string;
  readonly settledAtMs?: number;
}

async function allTriggers(
  io: Io,
  outputsRoot: string,
  named: Partial<ScopeId>,
  all: boolean,
): Promise<{ readonly rows: readonly Row[]; readonly leftOut: number }> {
  const store = await openAutopilotStore(outputsRoot, { create: false }).catch((cause: unknown) => {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
    throw cause;
  });
  if (store === undefined) return { rows: [], leftOut: 0 };
  const rows: Row[] = [];
  let leftOut = 0;
  try {
    const { tenantId, repoId } = named;
    // A misspelt name is not a scope in which all is well; one that nobody has visited yet may be.
    if (tenantId !== undefined && repoId !== undefined && !hasFolder(outputsRoot, { tenantId, repoId })) {
      await scopesMeant(store, named, false);
    }
    for (const scope of await store.scopes()) {
      if (!isMeant(named, scope)) continue;
      try {
        rows.push(...(await rowsOf(store, scope, all)));
      } catch (cause) {
        const error = asAkcError(cause);
        leftOut += 1;
        io.words(`warning: ${scopeName(scope)} was left out: ${printable(error.message)} [${error.code}]\n`);
      }
    }
  } finally {
    await store.close();
  }
  return { rows, leftOut };
}

async function rowsOf(store: AutopilotStore, scope: ScopeId, all: boolean): Promise<readonly Row[]> {
  const state = await store.state(scope);
  const open = state.openTriggers.map((trigger) => ({
    scope,
    trigger,
    standing: standingOf(state, trigger),
  }));
  return all ? [...open, ...(await settledRows(store, scope))] : open;
}

function standingOf(state: ScopeState, trigger: Trigger): string {
  return isBeingHandled(state, trigger) ? "working" : "open";
}

/** As far back as facts are kept. */
async function settledRows(store: AutopilotStore, scope: ScopeId): Promise<readonly Row[]> {
  const told = new Map<string, Trigger>();
  const rows: Row[] = [];
  for (let seq = 0; ; ) {
    const page = await store.entries(scope, seq, limits.storePageRows);
    for (const { fact, atMs } of page) {
      if (fact.type === "triggered") told.set(fact.trigger.id, fact.trigger);
      if (fact.type !== "triggers_settled") continue;
      for (const id of fact.triggerIds) {
        const trigger = told.get(id);
        if (trigger !== undefined) rows.push({ scope, trigger, standing: fact.by, settledAtMs: atMs });
        told.delete(id);
      }
    }
    const last = page.at(-1);
    if (last === undefined || page.length < limits.storePageRows) return rows;
    seq = last.seq;
  }
}

function dataOf({ scope, trigger, standing, settledAtMs }: Row): Plain {
  const { id, kind, severity, key, reason, atMs, details } = trigger;
  return {
    trigger_id: id,
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    trigger_kind: kind,
    severity,
    key,
    reason,
    at_ms: atMs,
    standing,
    settled_at_ms: settledAtMs ?? null,
    details: plainOf(details),
  };
}

const columns: readonly Column<Row>[] = [
  {
    title: "SCOPE",
    value: ({ scope }) => printable(scopeName(scope)),
    narrowest: 10,
  },
  { title: "SINCE", value: ({ trigger }) => instant(trigger.atMs).replace(/\.\d+Z$/, "Z"), optional: true },
  { title: "KIND", value: ({ trigger }) => trigger.kind },
  { title: "SEVERITY", value: ({ trigger }) => trigger.severity, optional: true },
  { title: "STANDING", value: ({ standing }) => standing },
  { title: "REASON", value: ({ trigger }) => printable(trigger.reason), narrowest: 20 },
];
