/**
 * An archive: one run in one file, with everything that replaying and verifying it takes, so that it can be proved on a machine
 * that has nothing else of it. Reads archives that anybody may have made: believes none, writes nothing, follows no path in one.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { RunReader } from "../contract.ts";
import { closeConnection } from "./connection.ts";
import { artifactOwner, contentOf, evidenceOwner, readContent } from "./contents.ts";
import { createRunReader } from "./reader.ts";
import { openSealed, reading, type SealedFile, type SealedKind } from "./sealed-file.ts";

/** "akcr" in ASCII. The run's key in an archive is always 1. */
export const archiveKind: SealedKind = {
  applicationId: 0x616b_6372,
  schema: "",
  invalid: "ARCHIVE_INVALID",
  bytesMax: limits.archiveFileBytesMax,
};
export const archiveRunKey = 1;

export interface RunArchive {
  /** As of the moment of the export. Its `close` closes the archive. Nobody holds the run here: there is no lease. */
  readonly reader: RunReader;
  /**
   * The bytes of one of `reader.evidenceFiles()` as they were found at the export, which is not always as they were sealed: that
   * is for the reader to judge. Null when the file was missing then.
   * @throws AkcError ARCHIVE_INVALID, on reading
   */
  evidence(name: string): AsyncIterable<Uint8Array> | null;
}

/** @throws AkcError ARCHIVE_INVALID, FILE_NOT_FOUND, FILE_UNREADABLE, STORE_TOO_NEW */
export async function openArchive(path: string): Promise<RunArchive> {
  const file = openSealed(path, archiveKind);
  const { db } = file;
  try {
    const runtimeRunId = reading(file, () => onlyRun(file));
    const reader = asArchive(file, createRunReader(db, path, "", runtimeRunId));
    await reader.run();
    return {
      reader,
      evidence(name) {
        const content = reading(file, () => contentOf(db, evidenceOwner(archiveRunKey, name)));
        return content === null ? null : asyncParts(readContent(db, content, file.invalid));
      },
    };
  } catch (cause) {
    closeConnection(db);
    throw asInvalid(file, cause);
  }
}

/** One run under the one key, and no text longer than any that akc writes. */
function onlyRun(file: SealedFile): string {
  const { db } = file;
  const runs = db
    .prepare<{ run_key: number; runtime_run_id: string }, []>(
      "SELECT run_key, runtime_run_id FROM run LIMIT 2",
    )
    .all();
  const [run] = runs;
  if (run === undefined || runs.length > 1) throw file.invalid("it does not hold one run");
  if (run.run_key !== archiveRunKey) throw file.invalid("its run has another key than 1");
  const longest = db
    .prepare<{ bytes: number | null }, []>(
      `SELECT max(bytes) AS bytes FROM (
         SELECT max(octet_length(payload)) AS bytes FROM event UNION ALL SELECT max(octet_length(context)) FROM decision
         UNION ALL SELECT max(octet_length(payload)) FROM signal UNION ALL SELECT max(octet_length(extra)) FROM run
         UNION ALL SELECT max(octet_length(content)) FROM artifact UNION ALL SELECT max(octet_length(bytes)) FROM content_part)`,
    )
    .get();
  if ((longest?.bytes ?? 0) > limits.eventPayloadBytesMax) throw file.invalid("a text in it is too long");
  const contents = db.prepare<{ n: number }, []>("SELECT count(*) AS n FROM evidence_file").get();
  if ((contents?.n ?? 0) > limits.archiveContentsMax) throw file.invalid("it has too many files");
  return run.runtime_run_id;
}

/** What would be damage in a state is an invalid file here; artifacts come from the archive alone. */
function asArchive(file: SealedFile, reader: RunReader): RunReader {
  const wrap =
    <A extends unknown[], T>(read: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      try {
        return await read(...args);
      } catch (cause) {
        throw asInvalid(file, cause);
      }
    };
  return {
    run: wrap(reader.run),
    events: wrap(reader.events),
    eventAt: wrap(reader.eventAt),
    payloadAt: wrap(reader.payloadAt),
    actions: wrap(reader.actions),
    actionsAfter: wrap(reader.actionsAfter),
    decisions: wrap(reader.decisions),
    lease: wrap(reader.lease),
    signals: wrap(reader.signals),
    evidenceFiles: wrap(reader.evidenceFiles),
    artifacts: {
      // An artifact that is missing or changed is what a verification is there to find: it stays STORE_DAMAGED, as in a state.
      read: async (sha256) => {
        const bytes = reading(file, () => artifactBytes(file, sha256));
        const actual = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
        if (actual === sha256) return bytes;
        throw damaged("an artifact's content is not what its name says", sha256);
      },
      sizeOf: async (sha256) => reading(file, () => artifactRow(file, sha256).size_bytes),
    },
    close: reader.close,
  };
}

interface ArtifactColumns {
  readonly size_bytes: number;
  readonly content: Uint8Array | null;
}

function artifactRow(file: SealedFile, sha256: string): ArtifactColumns {
  const row = file.db
    .query<ArtifactColumns, [Uint8Array]>("SELECT size_bytes, content FROM artifact WHERE sha256 = ?")
    .get(Buffer.from(sha256, "hex"));
  if (row === null) throw damaged("an artifact is not in the archive", sha256);
  return row;
}

function artifactBytes(file: SealedFile, sha256: string): Uint8Array {
  const row = artifactRow(file, sha256);
  if (row.content !== null) return Uint8Array.from(row.content);
  const content = contentOf(file.db, artifactOwner(sha256));
  if (content === null) throw damaged("an artifact's file was missing at the export", sha256);
  if (content.sizeBytes > limits.subprocessOutputBytesMax) throw file.invalid("an artifact is too large");
  return Buffer.concat([...readContent(file.db, content, file.invalid)]);
}

function damaged(message: string, sha256: string): AkcError {
  return new AkcError("STORE_DAMAGED", {
    message,
    hint: "Export the run again where it stands.",
    details: { sha256 },
  });
}

async function* asyncParts(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* parts;
}

function asInvalid(file: SealedFile, cause: unknown): unknown {
  if (!(cause instanceof AkcError)) return cause;
  const faults = ["STORE_DAMAGED", "STORE_IO", "STORE_UNWRITABLE", "INTERNAL"];
  return faults.includes(cause.code) ? file.invalid(cause.message, cause) : cause;
}
