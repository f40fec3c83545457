/**
 * The way out for a scope whose memory is damaged: what is there is put into a file, as it is, and the scope begins anew, escalated, so
 * that nothing is done in it before a person says `ack`. It refuses a memory that is whole, and never gives an old fence its right back.
 *
 * Source: cli:W-03, W-21; docs/autopilot.md, "When the state is damaged".
 */
import type { Database } from "bun:sqlite";
import { dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { lineJson } from "../../json/canonical.ts";
import { rowIdBase, rowIdEnd } from "../../store/sqlite/keys.ts";
import { writeFileAtomic } from "../../system/files.ts";
import { emptyState, fold } from "../machine.ts";
import type { Fact, ScopeId } from "../model.ts";
import { genesisOf, sameBytes } from "./chain.ts";
import { openStateFile } from "./file.ts";
import { nothingOf } from "./memory.ts";
import { persistently } from "./persistently.ts";
import { countChange, type ScopeRow, scopeRow } from "./rows.ts";
import { verifyScope } from "./verify.ts";
import { appendWord } from "./write.ts";

export interface SetAside {
  /** One JSON object a line: the facts as their rows have them. */
  readonly path: string;
  readonly facts: number;
  /** What did not hold. */
  readonly message: string;
}

const machine = { emptyState, fold };

export interface Person {
  /** `user@host` */
  readonly by: string;
  readonly reason: string;
  readonly nowMs: number;
}

/**
 * @throws AkcError USAGE when nothing is known of the scope or its memory is whole, FILE_NOT_FOUND, DISK_FULL, STORE_BUSY,
 *   STORE_DAMAGED when not even the rows can be read: then a copy of the file is to be restored
 */
export async function setDamagedScopeAside(
  outputsRoot: string,
  scope: ScopeId,
  person: Person,
): Promise<SetAside> {
  const file = await openStateFile(outputsRoot, false);
  try {
    const row = scopeRow(file.reader(), scope);
    const fault = row === null ? undefined : await verifyScope(file.reader(), machine, scope);
    if (row === null || fault === undefined) {
      throw new AkcError("USAGE", {
        message: row === null ? "nothing is known of this scope" : "the memory of this scope is whole",
        hint: "Only a damaged memory is set aside; an escalation ends with `akc autopilot ack`.",
        details: { ...scope },
      });
    }
    const rows = await persistently(file.path, () => rawRows(file.reader(), row.key));
    const name = `${scope.tenantId}.${scope.repoId}.${Math.floor(person.nowMs)}.jsonl`;
    const path = join(dirname(file.path), "set-aside", name);
    await writeFileAtomic(path, rows.map((one) => `${lineJson({ ...one })}\n`).join(""));
    await persistently(file.path, () => beginAnew(file.facts(), scope, row, rows.length, person, path));
    return { path, facts: rows.length, message: fault.message };
  } finally {
    file.close();
  }
}

interface RawRow {
  readonly seq: number;
  readonly type: string;
  readonly at_ms: number;
  readonly writer: string;
  readonly token: number;
  readonly payload: string;
  readonly sha256: string;
}

function rawRows(db: Database, key: number): readonly RawRow[] {
  return db
    .query<RawRow, [number, number]>(
      `SELECT seq, type, at_ms, writer, token, payload, lower(hex(sha256)) AS sha256 FROM entry
       WHERE id BETWEEN ? AND ? ORDER BY id`,
    )
    .all(rowIdBase(key), rowIdEnd(key));
}

function beginAnew(
  db: Database,
  scope: ScopeId,
  seen: ScopeRow,
  facts: number,
  { by, reason, nowMs }: Person,
  path: string,
): void {
  db.transaction(() => {
    const row = scopeRow(db, scope);
    const moved = row === null || row.seq !== seen.seq || !sameBytes(row.sha256, seen.sha256);
    if (moved || rawRows(db, row.key).length !== facts) {
      throw new AkcError("STORE_BUSY", { message: "somebody writes into the scope at this moment" });
    }
    const genesis = genesisOf(scope);
    db.query("DELETE FROM entry WHERE id BETWEEN ? AND ?").run(rowIdBase(row.key), rowIdEnd(row.key));
    db.query("DELETE FROM snapshot WHERE scope_key = ?").run(row.key);
    db.query(
      `UPDATE scope SET seq = 0, at_ms = 0, sha256 = ?, base_seq = 0, base_sha256 = ?, attempt_open = 0,
         token = token + 1, holder = ? WHERE scope_key = ?`,
    ).run(genesis, genesis, by, row.key);
    countChange(db);
    const fact: Fact = {
      type: "escalated",
      reason: "history_damaged",
      message: `the memory of before was damaged and is set aside in ${path} (${reason}); look at what stands, then say ack`,
    };
    // A transaction inside this one: both land, or neither.
    appendWord(db, machine, scope, fact, by, nowMs, nothingOf(scope, machine));
  }).immediate();
}
