/**
 * Whether the SQLite in this process is one that keeps what it is given: its version, that it is safe between threads, and that it can
 * write ahead in memory of its own. Opens no file; the disk has a check of its own.
 *
 * Source: https://sqlite.org/wal.html, https://sqlite.org/compile.html
 */
import { Database } from "bun:sqlite";
import { isTooOld, oldestSqlite } from "../store/sqlite/connection.ts";
import type { Finding } from "./model.ts";

const check = "sqlite";

export async function sqlite(): Promise<readonly Finding[]> {
  using db = new Database(":memory:");
  const version = db.prepare<{ v: string }, []>("SELECT sqlite_version() AS v").get()?.v ?? "0";
  const options = new Set(
    db
      .prepare<{ compile_options: string }, []>("PRAGMA compile_options")
      .all()
      .map((row) => row.compile_options),
  );
  const details = { version };
  const findings: Finding[] = [];
  if (isTooOld(version)) {
    findings.push({
      check,
      severity: "fault",
      says: `SQLite ${version} may corrupt a write-ahead log: akc writes nothing with it`,
      fix: `Use an akc built with SQLite ${oldestSqlite.join(".")} or newer.`,
      details,
    });
  }
  for (const option of ["THREADSAFE=0", "OMIT_WAL"]) {
    if (!options.has(option)) continue;
    findings.push({
      check,
      severity: "fault",
      says: `SQLite ${version} was built with ${option}`,
      fix: "Use the akc that is released: it brings its own SQLite.",
      details,
    });
  }
  if (findings.length > 0) return findings;
  return [{ check, severity: "ok", says: `SQLite ${version} keeps what it is given`, details }];
}
