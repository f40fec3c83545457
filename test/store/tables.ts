/** All that a state database holds, to compare whole states. */
import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { artifactsRoot, databasePath } from "../../src/store/sqlite/open.ts";

export type Tables = Readonly<Record<string, readonly string[]>>;

/** Every row of every table as JSON text, in the order of its columns. */
export function tablesOf(scopeRoot: string): Tables {
  using db = new Database(databasePath(scopeRoot), { readonly: true, strict: true });
  const names = db
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all();
  return Object.fromEntries(
    names.map(({ name }) => [
      name,
      db
        .query(`SELECT * FROM ${name}`)
        .all()
        .map((row) =>
          JSON.stringify(row, (_, value) => (value instanceof Uint8Array ? value.toHex() : value)),
        )
        .toSorted(),
    ]),
  );
}

/** Names of the artifact files that stand under their content's own name. */
export function artifactFiles(scopeRoot: string): readonly string[] {
  const root = artifactsRoot(scopeRoot);
  try {
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.length === 64)
      .map((entry) => entry.name)
      .toSorted();
  } catch {
    return [];
  }
}

/** Contents that a row says are in a file. */
export function contentsInFiles(scopeRoot: string): readonly string[] {
  using db = new Database(databasePath(scopeRoot), { readonly: true, strict: true });
  return db
    .query<{ sha256: Uint8Array }, []>("SELECT sha256 FROM artifact WHERE content IS NULL")
    .all()
    .map(({ sha256 }) => sha256.toHex())
    .toSorted();
}
