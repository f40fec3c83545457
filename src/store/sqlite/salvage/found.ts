/**
 * Everything in a damaged database that looks like a row of ours, gathered in a database of its own, so that what is taken of it
 * can be chosen run by run without holding it in memory. A row may be there in several versions; here all of them are.
 */
import type { Database } from "bun:sqlite";
import * as v from "valibot";
import { rowIdBase } from "../keys.ts";
import { type Cell, readPage, type Value } from "./cells.ts";
import { freePages, type Pages } from "./pages.ts";
import { type SalvagedTable, tableOf } from "./tables.ts";
import { type Walked, walkTrees } from "./walk.ts";

/** How good the place is that a row was found in: in its tree, on a page that no tree leads to, or older than another version. */
export type Rank = 0 | 1 | 2;

export interface Gathered {
  readonly walked: Walked;
  /** Whether commits may be missing that stood in the log only. */
  readonly logCut: boolean;
  /** Pages of which not every row could be read. */
  readonly damagedPages: number;
}

const schema = `
  CREATE TABLE found_event (run_key INTEGER, seq INTEGER, rank INTEGER, type TEXT, at_ms INTEGER, payload TEXT, sha256 BLOB);
  CREATE TABLE found_row (tab TEXT, run_key INTEGER, key ANY, rank INTEGER, cells TEXT, content BLOB);
`;
const indexes = `
  CREATE INDEX found_event_at ON found_event (run_key, seq, rank);
  CREATE INDEX found_row_at ON found_row (tab, run_key, key, rank);
`;

/** Only what the run's chain or its own hash can vouch for is taken from pages that were replaced. */
const vouchedFor: readonly SalvagedTable[] = ["event", "artifact"];

export function gather(pages: Pages, db: Database): Gathered {
  db.run(schema);
  const free = freePages(pages);
  const walked = walkTrees(pages, free);
  const keep = keeper(db);
  let damagedPages = 0;
  for (let number = 1; number <= pages.pageCount; number += 1) {
    if (free.has(number)) continue;
    const read = readPage(pages, number, pages.read(number));
    if (read === null) continue;
    if (!read.whole) damagedPages += 1;
    const rank: Rank = walked.reached.has(number) ? 0 : 1;
    for (const cell of read.cells) {
      const table = tableOf(read.kind, cell);
      if (table !== null) keep(table, rank, cell);
    }
  }
  // Where the log is cut, the file itself may hold newer versions than the log's last whole commit.
  if ((pages.log?.framesBroken ?? 0) > 0) gatherOlder(pages, keep);
  db.run(indexes);
  const logCut = pages.logBytes > 0 && (pages.log === null || pages.log.framesBroken > 0);
  return { walked, logCut, damagedPages };
}

function gatherOlder(pages: Pages, keep: ReturnType<typeof keeper>): void {
  for (const number of pages.log?.offsets.keys() ?? []) {
    const read = readPage(pages, number, pages.readOlder(number));
    for (const cell of read?.cells ?? []) {
      const table = read === null ? null : tableOf(read.kind, cell);
      if (table !== null && vouchedFor.includes(table)) keep(table, 2, cell);
    }
  }
}

/** The columns of a row that say which it is, by their place in the record; and its run. */
function placeOf(
  table: SalvagedTable,
  { rowId, record }: Cell,
): { readonly runKey: number; readonly key: Value } {
  const at = (index: number): Value => record?.[index] ?? null;
  const number = (value: Value) => (typeof value === "number" ? value : 0);
  switch (table) {
    case "run":
    case "lease":
      return { runKey: rowId, key: 0 };
    case "decision":
      return { runKey: runKeyOf(rowId), key: rowId - rowIdBase(runKeyOf(rowId)) };
    case "artifact":
      return { runKey: 0, key: at(0) };
    case "owned_resource":
      return { runKey: 0, key: JSON.stringify([at(0), at(1)]) };
    case "revision":
      return { runKey: 0, key: JSON.stringify([at(1), at(2), at(3)]) };
    case "rollout":
    case "plan":
      return { runKey: 0, key: at(1) };
    case "rollout_request":
      return { runKey: 0, key: rowId };
    default:
      return { runKey: number(at(0)), key: at(1) };
  }
}

function keeper(db: Database): (table: SalvagedTable, rank: Rank, cell: Cell) => void {
  const event = db.query("INSERT INTO found_event VALUES (?, ?, ?, ?, ?, ?, ?)");
  const row = db.query("INSERT INTO found_row VALUES (?, ?, ?, ?, ?, ?)");
  return (table, rank, cell) => {
    const record = cell.record ?? [];
    if (table === "event") {
      const runKey = runKeyOf(cell.rowId);
      event.run(runKey, cell.rowId - rowIdBase(runKey), rank, ...record.slice(1));
      return;
    }
    const { runKey, key } = placeOf(table, cell);
    // Contents stand beside the others: they are bytes, and the only ones of any size.
    const [content, others] = table === "artifact" ? [record[2] ?? null, record.slice(0, 2)] : [null, record];
    row.run(table, runKey, key, rank, JSON.stringify(others.map(plain)), content);
  };
}

type Plain = null | number | string | { readonly digest: string };

function plain(value: Value): Plain {
  return value instanceof Uint8Array ? { digest: value.toHex() } : value;
}

const Cells = v.array(v.union([v.null(), v.number(), v.string(), v.object({ digest: v.string() })]));

/** The values of a found row. */
export function valuesOf(cells: string): readonly Value[] {
  return v
    .parse(Cells, JSON.parse(cells))
    .map((value) => (typeof value === "object" && value !== null ? Uint8Array.fromHex(value.digest) : value));
}

function runKeyOf(rowId: number): number {
  return Math.floor(rowId / rowIdBase(1));
}
