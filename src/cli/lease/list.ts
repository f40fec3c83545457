/** `akc lease list`: who may write in which run. */
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { allRuns, type FoundRun, locatingArgs, locatingEnvironment, withStore } from "../runtime/locate.ts";
import { leaseData } from "./lease-data.ts";
import { livenessOf } from "./liveness.ts";

export const list = command({
  path: "lease list",
  summary: "List who may write in which run, and whether they are still there.",
  notes: [
    "Each run has one writer at a time. Its lease has a token that grows with every holder, and the database refuses a write under an old one. Runs that have ended and are held by nobody are not listed.",
  ],
  examples: [
    { command: "akc lease list --outputs-root out", says: "The holders of all runs below out/." },
    {
      command: "akc lease list -o json | jq '.items[] | select(.holder.alive | not)'",
      says: "Those whose holder is gone.",
    },
  ],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: locatingArgs,
  async run(args, session) {
    const nowMs = systemClock.nowMs();
    const { runs, scopes } = await allRuns(session.io, args);
    const deploying = await deployingRuns(scopes, nowMs);
    const shown = runs.filter(
      ({ row }) =>
        row.lease !== null && (row.outcome === null || livenessOf(row.lease, nowMs).kind === "held"),
    );
    const place = session.io.stdout;
    await session.print({
      data: {
        kind: "LeaseList",
        items: shown.map((run) => ({ ...leaseData(run, nowMs), deploys: deploying.has(idOf(run)) })),
        total: shown.length,
      },
      text: () =>
        shown.length === 0
          ? ""
          : table(shown, columns(nowMs, deploying), place.isTerminal ? place.columns() : undefined),
    });
    if (shown.length === 0) session.io.words("nobody holds a run here\n");
    return 0;
  },
});

/** One process deploys in a scope at a time, on behalf of one of its runs. */
async function deployingRuns(scopes: readonly string[], nowMs: number): Promise<ReadonlySet<string>> {
  const leases = await Promise.all(
    scopes.map((scopeRoot) => withStore(scopeRoot, (store) => store.scopeLease())),
  );
  return new Set(
    leases.flatMap((lease) =>
      lease !== null && livenessOf(lease, nowMs).kind === "held" ? [lease.runtimeRunId] : [],
    ),
  );
}

function idOf({ row }: FoundRun): string {
  return row.context.runtimeRunId;
}

function columns(nowMs: number, deploying: ReadonlySet<string>): Column<FoundRun>[] {
  return [
    { title: "RUN", value: ({ row }) => row.context.runtimeRunId },
    {
      title: "SCOPE",
      value: ({ row }) => printable(`${row.context.scope.tenantId}/${row.context.scope.repoId}`),
      narrowest: 10,
      optional: true,
    },
    { title: "TOKEN", value: ({ row }) => String(row.lease?.token ?? ""), align: "end" },
    { title: "DEPLOYS", value: (run) => (deploying.has(idOf(run)) ? "yes" : ""), optional: true },
    { title: "ALIVE", value: ({ row }) => aliveText(row.lease, nowMs) },
    { title: "HOST", value: ({ row }) => printable(row.lease?.holder.host ?? ""), narrowest: 8 },
    { title: "PID", value: ({ row }) => String(row.lease?.holder.pid ?? ""), align: "end" },
    {
      title: "UNTIL",
      value: ({ row }) => untilText(row.lease?.expiresAtMs ?? 0),
      optional: true,
    },
    {
      title: "BOOT",
      value: ({ row }) => printable((row.lease?.holder.bootId ?? "").slice(0, 8)),
      optional: true,
    },
  ];
}

function aliveText(lease: FoundRun["row"]["lease"], nowMs: number): string {
  const live = livenessOf(lease, nowMs);
  if (live.kind === "held") return live.seen ? "yes" : "perhaps";
  return "no";
}

function untilText(ms: number): string {
  return ms === 0 ? "let go" : instant(ms).replace(/\.\d+Z$/, "Z");
}
