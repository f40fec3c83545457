/**
 * Tells by its form which table a row belongs to. It must do without the database's own list of tables, which stands on the
 * page that is lost first.
 */
import { digestBytes } from "../../chain.ts";
import { actionPhases } from "../../contract.ts";
import type { Cell, PageKind, Value } from "./cells.ts";
import { pageKinds } from "./cells.ts";

/** Tables of the scope, not of a run. */
export const scopeTables = ["owned_resource", "revision", "rollout", "plan", "rollout_request"] as const;
export type ScopeTable = (typeof scopeTables)[number];

export const salvagedTables = [
  ...scopeTables,
  "run",
  "lease",
  "event",
  "action",
  "decision",
  "signal",
  "evidence_file",
  "artifact_ref",
  "artifact",
] as const;
export type SalvagedTable = (typeof salvagedTables)[number];

/** n: whole number, t: text, d: digest, b: bytes, 0: null; a `?` after it allows null as well. */
const forms: Readonly<Record<SalvagedTable, readonly string[]>> = {
  run: [
    // As of the first shape of the state, and of the second.
    "0 t t t t t t t t t? t t t? n n? t? n? t",
    "0 t t t t t t t t t? t t t? n n? t? n? t t? n? t",
  ],
  lease: ["0 n n t t n t"],
  event: ["0 t n t d"],
  action: ["n t t t? t n n d?"],
  decision: ["0 n n t n t t t t t"],
  signal: ["n n t t t n t n?"],
  evidence_file: ["n t d n"],
  artifact_ref: ["n d"],
  artifact: ["d n b?"],
  owned_resource: ["t t t t t n t t"],
  revision: ["0 t t t t n n? t"],
  rollout: ["0 t t t n n n t"],
  plan: ["0 t t n t"],
  rollout_request: ["0 t t t n n"],
};

/** Those that are kept in the order of their record instead of a row id. */
const ofIndexKind: readonly SalvagedTable[] = ["action", "evidence_file", "artifact_ref"];

/** Null for rows of other tables, of indexes, and for what only looks like a row. */
export function tableOf(kind: PageKind, { rowId, record }: Cell): SalvagedTable | null {
  if (record === null) return null;
  const indexed = kind === pageKinds.indexLeaf || kind === pageKinds.indexInner;
  const table = salvagedTables.find(
    (name) =>
      ofIndexKind.includes(name) === indexed && forms[name].some((form) => fits(form.split(" "), record)),
  );
  if (table === undefined || !isSensible(table, rowId, record)) return null;
  return table;
}

function fits(form: readonly string[], record: readonly Value[]): boolean {
  return form.length === record.length && form.every((wanted, index) => isOf(wanted, record[index]));
}

function isOf(wanted: string, value: Value | undefined): boolean {
  if (value === null) return wanted === "0" || wanted.endsWith("?");
  switch (wanted[0]) {
    case "n":
      return typeof value === "number";
    case "t":
      return typeof value === "string";
    case "d":
      return value instanceof Uint8Array && value.byteLength === digestBytes;
    case "b":
      return value instanceof Uint8Array;
    default:
      return false;
  }
}

const outcomes: readonly Value[] = [null, "succeeded", "failed", "blocked", "stopped", "exhausted"];
const modes: readonly Value[] = ["simulate", "enforce", "canary"];
const phases: readonly Value[] = actionPhases;

/** What no column of ours ever holds was damaged, or belongs to somebody else. */
function isSensible(table: SalvagedTable, rowId: number, record: readonly Value[]): boolean {
  const at = (index: number): Value => record[index] ?? null;
  switch (table) {
    case "run":
      return (
        rowId > 0 &&
        outcomes.includes(at(12)) &&
        modes.includes(at(5)) &&
        [null, "zeros", "identity"].includes(text(at(20)))
      );
    case "event":
    case "decision":
      return rowId > 2 ** 32;
    case "action":
      return phases.includes(at(4));
    case "rollout":
      return rowId > 0 && isFlag(at(4));
    case "rollout_request":
      return rowId > 0 && isFlag(at(5));
    default:
      return true;
  }
}

function isFlag(value: Value): boolean {
  return value === 0 || value === 1;
}

function text(value: Value): string | null {
  return typeof value === "string" ? value : null;
}
