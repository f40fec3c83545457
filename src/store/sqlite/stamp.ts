/**
 * Whether a scope's database may have changed since it was looked at, told by its files alone: nothing is opened. It never says that
 * one is unchanged that is not; it may say of one that it has changed although it has not.
 *
 * Source: https://sqlite.org/wal.html
 */
import { contentStampAt, type FileStamp } from "../../system/file-stamp.ts";
import { databasePath } from "./open.ts";

/** The text of the stamp where there is no database. */
export const noDatabase = "";

/** Of the database and its log. A log without a commit is no log: readers make and remove those. */
export function databaseStamp(scopeRoot: string): FileStamp {
  const path = databasePath(scopeRoot);
  const main = contentStampAt(path);
  if (main === undefined) return { text: noDatabase, changedAtMs: 0 };
  const log = contentStampAt(`${path}-wal`);
  if (log === undefined || log.size === 0n) return main;
  return { text: `${main.text}|${log.text}`, changedAtMs: Math.max(main.changedAtMs, log.changedAtMs) };
}
