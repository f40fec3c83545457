/** `akc autopilot history`: what was decided and done in scopes, and why, from the autopilot's memory. */
import type { AutopilotStore } from "../../autopilot/contract.ts";
import { type Entry, type ScopeId, scopeName } from "../../autopilot/model.ts";
import { openAutopilotStore } from "../../autopilot/state/open.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { command } from "../command.ts";
import { asAkcError } from "../render/error.ts";
import type { Plain } from "../render/output.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { wholeNumber } from "../values.ts";
import { type HistoryRow, historyRows } from "./history-rows.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./settings.ts";
import { short } from "./standing.ts";
import { isMeant, knownWords, namedScope, scopeArgs } from "./which-scopes.ts";

const shownDefault = 50;
const shownMax = 10_000;

export const history = command({
  path: "autopilot history",
  summary: "List what was decided and done, and why: attempts, gates, proposals, words.",
  notes: [
    "Read from the database, as far back as it is kept (retention.entries): nothing has to run. The newest come first; an attempt is one row, at its end.",
    "What a controller saw meanwhile is not here: `akc autopilot status` says how it stands, `akc autopilot triggers --all` what it was about.",
  ],
  examples: [
    { command: "akc autopilot history", says: "The last 50 of all scopes." },
    {
      command:
        "akc autopilot history --scope acme/shop -o json | jq '.items[] | select(.what == \"rollout\")'",
      says: "Rollouts of one scope.",
    },
  ],
  exits: [0, 1, 2],
  environment: settingsEnvironment,
  args: {
    ...settingsArgs,
    ...scopeArgs,
    limit: { type: "string", valueHint: "N", description: `How many, the newest; else ${shownDefault}.` },
  },
  async run(args, session) {
    const limit =
      args.limit === undefined ? shownDefault : wholeNumber("--limit", args.limit, { min: 1, max: shownMax });
    const named = namedScope(args);
    const { outputsRoot } = await settingsOf(session.io, args);
    const store = await openAutopilotStore(outputsRoot, { create: false });
    const found: HistoryRow[] = [];
    let leftOut = 0;
    try {
      const known = await store.scopes();
      const scopes = known.filter((scope) => isMeant(named, scope));
      const { tenantId, repoId } = named;
      if (scopes.length === 0 && tenantId !== undefined && repoId !== undefined) {
        throw new AkcError("AUTOPILOT_SCOPE_UNKNOWN", {
          details: { scope: scopeName({ tenantId, repoId }), known: knownWords(known) },
        });
      }
      for (const scope of scopes) {
        try {
          found.push(...historyRows(scope, await allEntries(store, scope), await store.state(scope)));
        } catch (cause) {
          const error = asAkcError(cause);
          leftOut += 1;
          session.io.words(
            `warning: ${scopeName(scope)} was left out: ${printable(error.message)} [${error.code}]\n`,
          );
        }
      }
    } finally {
      await store.close();
    }
    const shown = found.toSorted((one, other) => other.atMs - one.atMs).slice(0, limit);
    const place = session.io.stdout;
    await session.print({
      data: { kind: "AutopilotHistory", items: shown.map(dataOf), total: found.length },
      text: () =>
        shown.length === 0 ? "" : table(shown, columns, place.isTerminal ? place.columns() : undefined),
    });
    if (shown.length === 0) session.io.words("nothing was decided here yet\n");
    return leftOut === 0 ? 0 : 1;
  },
});

async function allEntries(store: AutopilotStore, scope: ScopeId): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const page = await store.entries(scope, entries.at(-1)?.seq ?? 0, limits.storePageRows);
    entries.push(...page);
    if (page.length < limits.storePageRows) return entries;
  }
}

function dataOf(row: HistoryRow): Plain {
  const { scope, atMs, beganAtMs, what, verdict, bundleSha256, attemptId, runtimeRunId, why, by } = row;
  return {
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    at_ms: atMs,
    began_at_ms: beganAtMs ?? null,
    what,
    verdict,
    why,
    by,
    bundle_sha256: bundleSha256 ?? null,
    attempt_id: attemptId ?? null,
    runtime_run_id: runtimeRunId ?? null,
  };
}

const columns: readonly Column<HistoryRow>[] = [
  { title: "WHEN", value: ({ atMs }) => instant(atMs).replace(/\.\d+Z$/, "Z") },
  { title: "SCOPE", value: ({ scope }) => printable(scopeName(scope)), narrowest: 10 },
  { title: "WHAT", value: ({ what }) => what },
  { title: "BUNDLE", value: ({ bundleSha256 = "" }) => short(bundleSha256), optional: true },
  { title: "VERDICT", value: ({ verdict }) => verdict.replaceAll("_", " ") },
  { title: "BY", value: ({ what, by }) => (what === "word" ? printable(by) : ""), optional: "sooner" },
  { title: "WHY", value: ({ why }) => printable(why), narrowest: 20 },
];
