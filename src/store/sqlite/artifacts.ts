/**
 * What actions put out, kept by content: small ones in the database, large ones in files beside it. An artifact that was
 * put is readable at once and durable with the next commit, so before any event that can name it.
 */
import type { Database } from "bun:sqlite";
import type { ArtifactRef, ArtifactSink, ArtifactStore } from "../../adapters/contract.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import {
  artifactPath,
  type HeldFile,
  holdIfThere,
  IncomingFile,
  letGo,
  readArtifactFile,
  restoreIfGone,
} from "./artifact-files.ts";

/** A row of `artifact`; `content` is null when it stands in a file. */
interface ArtifactColumns {
  readonly size_bytes: number;
  readonly content: Uint8Array | null;
}

interface PendingArtifact extends ArtifactColumns {
  /** Set when it stands in a file. */
  readonly held?: HeldFile;
}

/** Rows that wait for the next commit, by hash. */
export type PendingArtifacts = Map<string, PendingArtifact>;

/** Writes what is pending. Call it inside the turn's transaction, and `forgetPending` once that is committed. */
export function insertPending(db: Database, root: string, runKey: number, pending: PendingArtifacts): void {
  if (pending.size === 0) return;
  const insert = db.query("INSERT OR IGNORE INTO artifact VALUES (?, ?, ?)");
  const refer = db.query("INSERT OR IGNORE INTO artifact_ref (run_key, sha256) VALUES (?, ?)");
  for (const [sha256, row] of pending) {
    if (row.held !== undefined) restoreIfGone(root, sha256, row.held);
    const key = Buffer.from(sha256, "hex");
    insert.run(key, row.size_bytes, row.content);
    refer.run(runKey, key);
  }
}

export function forgetPending(pending: PendingArtifacts): void {
  if (pending.size === 0) return;
  for (const { held } of pending.values()) if (held !== undefined) letGo(held);
  pending.clear();
}

/** @param root folder of the artifact files. */
export function createArtifacts(db: Database, root: string, pending: PendingArtifacts): ArtifactStore {
  const keepSmall = (bytes: Uint8Array): ArtifactRef => {
    const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    // Copied: the caller may fill the same buffer again before the next commit.
    if (!pending.has(sha256)) {
      pending.set(sha256, { size_bytes: bytes.byteLength, content: Uint8Array.from(bytes) });
    }
    return { sha256, sizeBytes: bytes.byteLength };
  };
  const keepLarge = (sha256: string, sizeBytes: number, held: HeldFile): ArtifactRef => {
    if (pending.has(sha256)) letGo(held);
    else pending.set(sha256, { size_bytes: sizeBytes, content: null, held });
    return { sha256, sizeBytes };
  };
  return {
    ...createArtifactReader(db, root, pending),
    async put(bytes) {
      if (bytes.byteLength <= limits.artifactInlineBytesMax) return keepSmall(bytes);
      const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
      const there = holdIfThere(root, sha256, bytes.byteLength);
      if (there !== undefined) return keepLarge(sha256, bytes.byteLength, there);
      const file = new IncomingFile(root);
      file.write(bytes);
      return keepLarge(sha256, bytes.byteLength, file.keep(sha256));
    },
    begin: () => createSink(root, keepSmall, keepLarge),
  };
}

/** The reading half, also for readers of a run. */
export function createArtifactReader(
  db: Database,
  root: string,
  pending: PendingArtifacts = new Map(),
): Pick<ArtifactStore, "read" | "sizeOf"> {
  const find = (sha256: string): PendingArtifact => {
    const row =
      pending.get(sha256) ??
      db
        .query<ArtifactColumns, [Uint8Array]>("SELECT size_bytes, content FROM artifact WHERE sha256 = ?")
        .get(Buffer.from(sha256, "hex"));
    if (row === null) {
      throw new AkcError("STORE_DAMAGED", {
        message: "an artifact is not in the store",
        details: { sha256 },
      });
    }
    return row;
  };
  return {
    async read(sha256) {
      const row = find(sha256);
      const bytes = row.content ?? (await readArtifactFile(row.held?.path ?? artifactPath(root, sha256)));
      const actual = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
      if (actual !== sha256) {
        throw new AkcError("STORE_DAMAGED", {
          message: "an artifact's content is not what its name says",
          details: { sha256, actual },
        });
      }
      return Uint8Array.from(bytes);
    },
    sizeOf: async (sha256) => find(sha256).size_bytes,
  };
}

/** Holds what is small in memory and spills to a file as soon as it is not. */
function createSink(
  root: string,
  keepSmall: (bytes: Uint8Array) => ArtifactRef,
  keepLarge: (sha256: string, sizeBytes: number, held: HeldFile) => ArtifactRef,
): ArtifactSink {
  const hasher = new Bun.CryptoHasher("sha256");
  let held: Uint8Array[] = [];
  let sizeBytes = 0;
  let file: IncomingFile | undefined;
  return {
    write(chunk) {
      hasher.update(chunk);
      sizeBytes += chunk.byteLength;
      if (file === undefined && sizeBytes <= limits.artifactInlineBytesMax) {
        held.push(Uint8Array.from(chunk));
        return;
      }
      if (file === undefined) {
        file = new IncomingFile(root);
        for (const part of held) file.write(part);
        held = [];
      }
      file.write(chunk);
    },
    async finish() {
      if (file === undefined) return keepSmall(Buffer.concat(held));
      const sha256 = hasher.digest("hex");
      return keepLarge(sha256, sizeBytes, file.keep(sha256));
    },
    discard() {
      held = [];
      file?.discard();
    },
  };
}
