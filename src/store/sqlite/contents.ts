/**
 * Contents of files inside a backup or an archive: cut into parts, each compressed on its own, so that writing and reading
 * take no more memory than a part. Believes nothing that a file says of itself: sizes and digests are held against the bytes.
 *
 * Source: RFC 8878 (zstd).
 */
import type { Database } from "bun:sqlite";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import type { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { errnoOf } from "../../system/files.ts";
import { storeFault } from "./faults.ts";

export const contentSchema = `
  CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    sha256 BLOB NOT NULL
  ) STRICT;

  -- id: content's id * 2^32 + number of the part, from 1. A part that would not become smaller stands as it is.
  CREATE TABLE content_part (
    id INTEGER PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    compressed INTEGER NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
`;

/** Owner of the content of an artifact. */
export function artifactOwner(sha256: string): string {
  return `artifact:${sha256}`;
}

/** Owner of the content of a file of evidence. */
export function evidenceOwner(runKey: number, name: string): string {
  return `evidence:${runKey}:${name}`;
}

export interface ContentFacts {
  readonly sizeBytes: number;
  readonly sha256: string;
}

const partsPerContent = 2 ** 32;
const level = 3;

/** Keeps what `chunks` give, under `owner`. @param id not used before. */
export function putContent(
  db: Database,
  id: number,
  owner: string,
  chunks: Iterable<Uint8Array>,
): ContentFacts {
  const insert = db.query("INSERT INTO content_part VALUES (?, ?, ?, ?)");
  const hasher = new Bun.CryptoHasher("sha256");
  let number = 0;
  let sizeBytes = 0;
  for (const chunk of chunks) {
    hasher.update(chunk);
    sizeBytes += chunk.byteLength;
    number += 1;
    const packed = Bun.zstdCompressSync(chunk, { level });
    const smaller = packed.byteLength < chunk.byteLength;
    insert.run(id * partsPerContent + number, chunk.byteLength, smaller ? 1 : 0, smaller ? packed : chunk);
  }
  const sha256 = hasher.digest();
  db.query("INSERT INTO content VALUES (?, ?, ?, ?)").run(id, owner, sizeBytes, sha256);
  return { sizeBytes, sha256: sha256.toString("hex") };
}

export function dropContent(db: Database, id: number): void {
  db.query("DELETE FROM content WHERE id = ?").run(id);
  db.query("DELETE FROM content_part WHERE id > ? AND id < ?").run(
    id * partsPerContent,
    (id + 1) * partsPerContent,
  );
}

/** What was kept under `owner`, or null. */
export function contentOf(db: Database, owner: string): (ContentFacts & { readonly id: number }) | null {
  const row = db
    .query<{ id: number; size_bytes: number; sha256: Uint8Array }, [string]>(
      "SELECT id, size_bytes, sha256 FROM content WHERE owner = ?",
    )
    .get(owner);
  return row === null ? null : { id: row.id, sizeBytes: row.size_bytes, sha256: row.sha256.toHex() };
}

/**
 * The bytes in parts. The last one is given only when size and digest are as the content's row says.
 * @param invalid makes the error of whoever reads: a backup's or an archive's.
 */
export function* readContent(
  db: Database,
  content: ContentFacts & { readonly id: number },
  invalid: (why: string) => AkcError,
): Generator<Uint8Array> {
  const parts = db.prepare<{ size_bytes: number; compressed: number; bytes: Uint8Array }, [number]>(
    "SELECT size_bytes, compressed, bytes FROM content_part WHERE id = ?",
  );
  const hasher = new Bun.CryptoHasher("sha256");
  let sizeBytes = 0;
  let held: Uint8Array | undefined;
  try {
    for (let number = 1; sizeBytes < content.sizeBytes; number += 1) {
      const part = parts.get(content.id * partsPerContent + number);
      if (part === null) throw invalid("a part of a content is missing");
      const bytes = partBytes(part, invalid);
      hasher.update(bytes);
      sizeBytes += bytes.byteLength;
      if (held !== undefined) yield held;
      held = bytes;
    }
  } finally {
    parts.finalize();
  }
  if (sizeBytes !== content.sizeBytes || hasher.digest("hex") !== content.sha256) {
    throw invalid("a content is not what its digest says");
  }
  if (held !== undefined) yield held;
}

function partBytes(
  part: { readonly size_bytes: number; readonly compressed: number; readonly bytes: Uint8Array },
  invalid: (why: string) => AkcError,
): Uint8Array {
  if (part.size_bytes < 1 || part.size_bytes > limits.contentPartBytes) throw invalid("a part is too large");
  const bytes = part.compressed === 0 ? part.bytes : unpacked(part.bytes, part.size_bytes, invalid);
  if (bytes.byteLength !== part.size_bytes) throw invalid("a part has another size than it says");
  return bytes;
}

/** Never more than `bytesMax` bytes of memory, whatever the compressed text would unpack to. */
function unpacked(packed: Uint8Array, bytesMax: number, invalid: (why: string) => AkcError): Uint8Array {
  try {
    return zstdDecompressSync(packed, { maxOutputLength: bytesMax });
  } catch {
    throw invalid("a part cannot be unpacked");
  }
}

/** An artifact's or an evidence file's bytes, for `putContent`. A link is not followed; null when there is no such file. */
export function fileChunks(path: string): Iterable<Uint8Array> | null {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(errnoOf(cause) ?? "")) return null;
    throw storeFault(cause, path);
  }
  if (!fstatSync(file).isFile()) {
    closeSync(file);
    return null;
  }
  return chunksOf(file, path);
}

function* chunksOf(file: number, path: string): Generator<Uint8Array> {
  try {
    for (;;) {
      const chunk = new Uint8Array(limits.contentPartBytes);
      let filled = 0;
      while (filled < chunk.byteLength) {
        const read = readSync(file, chunk, filled, chunk.byteLength - filled, null);
        if (read === 0) break;
        filled += read;
      }
      if (filled > 0) yield chunk.subarray(0, filled);
      if (filled < chunk.byteLength) return;
    }
  } catch (cause) {
    throw storeFault(cause, path);
  } finally {
    closeSync(file);
  }
}
