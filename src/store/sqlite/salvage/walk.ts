/**
 * Follows the trees of a damaged database from their roots and says where rows may be missing. That no row is missing can only be
 * known this way: a page that is found without its tree does not tell what stood beside it.
 *
 * Source: https://sqlite.org/fileformat2.html §1.6.
 */
import { type Cell, type PageKind, pageKinds, type ReadPage, readPage } from "./cells.ts";
import type { Pages } from "./pages.ts";
import { type SalvagedTable, salvagedTables, scopeTables, tableOf } from "./tables.ts";

/** Keys from `from` to `to`, both included: row ids, or keys of runs where the table is in the order of its record. */
export interface LostRange {
  readonly from: number;
  readonly to: number;
}

export interface Walked {
  /** Where rows of a table may be missing; empty when its tree is whole. */
  readonly lost: Readonly<Record<SalvagedTable, readonly LostRange[]>>;
  /** Pages that some tree leads to. */
  readonly reached: ReadonlySet<number>;
}

const everything: LostRange = { from: 0, to: Number.MAX_SAFE_INTEGER };

export function walkTrees(pages: Pages, free: ReadonlySet<number>): Walked {
  const reached = new Set<number>();
  const { roots, whole } = rootsOf(pages, free);
  // A list of tables that is whole and has none of these is of a state of before they were made.
  const beforeThem = whole && scopeTables.every((table) => !roots.has(table));
  const lostIn = (table: SalvagedTable): readonly LostRange[] => {
    const root = roots.get(table);
    if (root !== undefined) return walk(pages, free, reached, root, table);
    return beforeThem && isOfScope(table) ? [] : [everything];
  };
  const lost = new Map(salvagedTables.map((table) => [table, lostIn(table)]));
  const known = (table: SalvagedTable) => lost.get(table) ?? [everything];
  return {
    lost: {
      run: known("run"),
      lease: known("lease"),
      event: known("event"),
      action: known("action"),
      decision: known("decision"),
      signal: known("signal"),
      evidence_file: known("evidence_file"),
      artifact_ref: known("artifact_ref"),
      artifact: known("artifact"),
      owned_resource: known("owned_resource"),
      revision: known("revision"),
      rollout: known("rollout"),
      plan: known("plan"),
      rollout_request: known("rollout_request"),
    },
    reached,
  };
}

export function isLost(ranges: readonly LostRange[], from: number, to: number): boolean {
  return ranges.some((range) => range.from <= to && range.to >= from);
}

interface Branch {
  readonly page: number;
  readonly from: number;
  readonly to: number;
}

function walk(
  pages: Pages,
  free: ReadonlySet<number>,
  reached: Set<number>,
  root: number,
  table: SalvagedTable | "schema",
  visit: (cell: Cell) => void = () => {},
): readonly LostRange[] {
  const lost: LostRange[] = [];
  const branches: Branch[] = [{ page: root, ...everything }];
  for (let branch = branches.pop(); branch !== undefined; branch = branches.pop()) {
    const { page, from, to } = branch;
    const read =
      page < 1 || page > pages.pageCount || free.has(page) || reached.has(page)
        ? null
        : readPage(pages, page, pages.read(page));
    if (read === null) {
      lost.push({ from, to });
      continue;
    }
    reached.add(page);
    if (!read.whole) lost.push({ from, to });
    let before = from;
    for (const cell of read.cells) {
      const key = keyOf(read.kind, cell);
      const own = read.kind === pageKinds.tableInner || belongs(table, read, cell);
      if (key === null || key < before || key > to || !own) {
        lost.push({ from: before, to });
        continue;
      }
      visit(cell);
      if (isInner(read.kind)) branches.push({ page: cell.child, from: before, to: key });
      before = read.kind === pageKinds.tableInner ? key + 1 : key;
    }
    if (isInner(read.kind)) branches.push({ page: read.lastChild, from: before, to });
  }
  return lost;
}

function isInner(kind: PageKind): boolean {
  return kind === pageKinds.tableInner || kind === pageKinds.indexInner;
}

function belongs(table: SalvagedTable | "schema", { kind }: ReadPage, cell: Cell): boolean {
  return table === "schema" ? kind === pageKinds.tableLeaf : tableOf(kind, cell) === table;
}

/** Row ids grow along a table; the first column of a record, the run's key, along an index of ours. */
function keyOf(kind: PageKind, { rowId, record }: Cell): number | null {
  if (kind === pageKinds.tableLeaf || kind === pageKinds.tableInner) return rowId;
  const first = record?.[0];
  return typeof first === "number" ? first : null;
}

function isOfScope(table: SalvagedTable): boolean {
  return scopeTables.some((one) => one === table);
}

/** Where each table begins, as far as the database's own list of tables can be read, and whether all of that list was. */
function rootsOf(
  pages: Pages,
  free: ReadonlySet<number>,
): { readonly roots: ReadonlyMap<string, number>; readonly whole: boolean } {
  const roots = new Map<string, number>();
  const lost = walk(pages, free, new Set(), 1, "schema", ({ record }) => {
    const [type, name, , root] = record ?? [];
    if (type === "table" && typeof name === "string" && typeof root === "number") roots.set(name, root);
  });
  return { roots, whole: lost.length === 0 };
}
