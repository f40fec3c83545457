/**
 * Takes out of what was found what the scope has deployed: the inventory, revisions, rollouts and plans. No chain vouches for
 * them, so they are whole only where their trees are; nobody holds the scope in what is saved.
 */
import type { Database } from "bun:sqlite";
import type { Value } from "./cells.ts";
import type { Gathered } from "./found.ts";
import { type ScopeTable, scopeTables } from "./tables.ts";
import { type FoundRow, newestOf, type SalvageTarget } from "./target.ts";

export interface SalvagedDeployment {
  /** `unproven`: more may have stood there, or something newer. */
  readonly standing: "whole" | "unproven";
  readonly ownedResources: number;
  readonly revisions: number;
  readonly rollouts: number;
  readonly plans: number;
  /** What cannot be vouched for, for people. */
  readonly why: readonly string[];
}

/** Column, by its place in the record, that is greater in the newer of two versions of a row, and of two rows. */
const newer: Readonly<Record<ScopeTable, number>> = {
  owned_resource: 5,
  revision: 5,
  rollout: 6,
  plan: 3,
  // A request is only ever taken.
  rollout_request: 5,
};
/** Column of a rollout's record that says whether it is open. */
const openColumn = 4;

export function salvageDeployment(
  found: Database,
  { walked, logCut }: Pick<Gathered, "walked" | "logCut">,
  target: SalvageTarget,
): SalvagedDeployment {
  const saved = new Map<ScopeTable, number>();
  const why: string[] = [];
  for (const table of scopeTables) {
    const whole = walked.lost[table].length === 0;
    // Beside a tree that is whole, what is on other pages was removed.
    const rows = newestOf(found, table, 0, newer[table], whole ? 0 : 2);
    saved.set(table, rows.length);
    for (const values of table === "rollout" ? withOneOpen(rows) : valuesIn(table, rows)) {
      target.insert(table, values);
    }
    if (!whole) why.push(`rows of ${table} may be missing or out of date`);
  }
  const there = [...saved.values()].some((count) => count > 0);
  if (logCut && there) why.push("the log is cut: what was deployed last may be missing");
  return {
    standing: why.length === 0 ? "whole" : "unproven",
    ownedResources: saved.get("owned_resource") ?? 0,
    revisions: saved.get("revision") ?? 0,
    rollouts: saved.get("rollout") ?? 0,
    plans: saved.get("plan") ?? 0,
    why,
  };
}

/** Their own numbers are lost where they are numbered by the database: the order of their times stands for it. */
function valuesIn(table: ScopeTable, rows: readonly FoundRow[]): readonly (readonly Value[])[] {
  // A request's number was told to whoever takes it.
  if (table === "rollout_request") return rows.map(({ key, values }) => [key, ...values.slice(1)]);
  return inOrder(rows, newer[table]);
}

/** Of two that are open one is out of date: the one that changed last is taken for the open one. */
function withOneOpen(rows: readonly FoundRow[]): readonly (readonly Value[])[] {
  const open = inOrder(rows, newer.rollout).findLast((values) => values[openColumn] === 1);
  return inOrder(rows, startedColumn).map((values) =>
    values === open || values[openColumn] === 0 ? values : values.with(openColumn, 0),
  );
}
const startedColumn = 5;

function inOrder(rows: readonly FoundRow[], column: number): readonly (readonly Value[])[] {
  return rows.map(({ values }) => values).toSorted((a, b) => Number(a[column]) - Number(b[column]));
}
