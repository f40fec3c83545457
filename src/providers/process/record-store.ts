/**
 * Where the records of services lie, and how they are read and written: one folder a service, one small file a copy.
 * Writes are whole or not there; it starts, ends and judges nothing.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import { systemClock } from "../../system/clock.ts";
import { errnoOf, lockFile, temporaryOwner, writeFileAtomic } from "../../system/files.ts";
import { statOf } from "../../system/process-table.ts";
import {
  type ReplicaRecord,
  ReplicaRecordSchema,
  type ServiceRecord,
  ServiceRecordSchema,
} from "./record.ts";

export interface ServicePlaces {
  readonly folder: string;
  /** The service's working directory, where it has none of its own choice. */
  readonly work: string;
  readonly temporary: string;
  log(slot: number): string;
}

/** All that is kept of one service. */
export interface Kept {
  /** Absent in a folder that only holds the logs of what is gone. */
  readonly service: ServiceRecord | undefined;
  /** By slot. */
  readonly replicas: readonly ReplicaRecord[];
}

export interface RecordStore {
  places(resourceId: string): ServicePlaces;
  /** Names of folders that hold or held a service. @throws AkcError PROVIDER_FAILED when it cannot be read */
  folders(): readonly string[];
  /** @throws AkcError PROVIDER_FAILED for a record that cannot be read: nobody may guess what it said. */
  read(resourceId: string): Kept;
  readFolder(folder: string): Kept;
  /** Durable when it resolves. @throws AkcError DISK_FULL */
  writeService(record: ServiceRecord): Promise<void>;
  writeReplica(resourceId: string, record: ReplicaRecord): Promise<void>;
  removeReplica(resourceId: string, slot: number): void;
  /** The service's record goes last: until then it can be seen that something is going. */
  removeService(resourceId: string): void;
  /** One at a time, in this process and among all others. @throws AkcError STORE_BUSY */
  locked<Result>(resourceId: string, work: () => Promise<Result>): Promise<Result>;
}

const serviceFile = "service.json";

/** @param scopeRoot the scope's own folder; it may not exist yet */
export function openRecordStore(scopeRoot: string): RecordStore {
  const root = join(scopeRoot, ".akc", "services");
  const folderOf = (resourceId: string) => join(root, folderName(resourceId));
  const cache = new Map<string, { readonly changed: bigint; readonly kept: Kept }>();
  /** Every write and removal goes by a rename or unlink, which the folder's own time tells. */
  const remembered = (folder: string): Kept => {
    const changed = changedAt(folder);
    const known = cache.get(folder);
    if (known !== undefined && known.changed === changed) return known.kept;
    const kept = readKept(folder);
    // Two changes within one tick of the file system's clock look like one.
    const old = BigInt(systemClock.nowMs() - settledAfterMs) * 1_000_000n;
    if (changed !== undefined && changed < old) cache.set(folder, { changed, kept });
    else cache.delete(folder);
    return kept;
  };
  const turns = new Map<string, Promise<unknown>>();
  return {
    places: (resourceId) => placesIn(folderOf(resourceId)),
    folders: () => entriesOf(root),
    read: (resourceId) => remembered(folderOf(resourceId)),
    readFolder: (folder) => remembered(join(root, folder)),
    writeService: (record) =>
      writeFileAtomic(join(folderOf(record.resource_id), serviceFile), JSON.stringify(record)),
    writeReplica: (resourceId, record) =>
      writeFileAtomic(join(folderOf(resourceId), `${record.slot}.json`), JSON.stringify(record)),
    removeReplica: (resourceId, slot) => rmSync(join(folderOf(resourceId), `${slot}.json`), { force: true }),
    removeService: (resourceId) => rmSync(join(folderOf(resourceId), serviceFile), { force: true }),
    locked(resourceId, work) {
      const turn = (turns.get(resourceId) ?? Promise.resolve()).then(() =>
        amongProcesses(folderOf(resourceId), work),
      );
      const settled = turn.catch(() => undefined);
      turns.set(resourceId, settled);
      void settled.then(() => turns.get(resourceId) === settled && turns.delete(resourceId));
      return turn;
    },
  };
}

const settledAfterMs = 100;

function changedAt(folder: string): bigint | undefined {
  try {
    return statSync(folder, { bigint: true }).mtimeNs;
  } catch {
    return undefined;
  }
}

async function amongProcesses<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "lock");
  const file = await open(path, "a", 0o600);
  try {
    await lockFile(file.fd, path);
    removeHalfWritten(folder);
    return await work();
  } finally {
    await file.close();
  }
}

/** What a process that died left of a record. Nobody else writes here while the lock is held. */
function removeHalfWritten(folder: string): void {
  for (const name of entriesOf(folder)) {
    const owner = temporaryOwner(name);
    if (owner === undefined || owner === process.pid || statOf(owner) !== undefined) continue;
    rmSync(join(folder, name), { force: true });
  }
}

function placesIn(folder: string): ServicePlaces {
  return {
    folder,
    work: join(folder, "work"),
    temporary: join(folder, "tmp"),
    log: (slot) => {
      mkdirSync(join(folder, "logs"), { recursive: true, mode: 0o700 });
      return join(folder, "logs", `${slot}.log`);
    },
  };
}

const plainName = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const nameBytesMax = 120;

/** Different for different ids, also where a file system does not tell upper case from lower. */
function folderName(resourceId: string): string {
  if (plainName.test(resourceId) && resourceId.length <= nameBytesMax && !/[A-Z]/.test(resourceId))
    return resourceId;
  const readable = resourceId
    .replaceAll(/[^A-Za-z0-9_-]/g, "_")
    .slice(0, 60)
    .toLowerCase();
  return `${readable}~${sha256Hex(resourceId).slice(0, 24)}`;
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw unreadable(folder, cause);
  }
}

function readKept(folder: string): Kept {
  const replicas: ReplicaRecord[] = [];
  let service: ServiceRecord | undefined;
  for (const name of entriesOf(folder)) {
    const path = join(folder, name);
    if (name === serviceFile) service = readRecord(path, ServiceRecordSchema);
    else if (/^\d+\.json$/.test(name)) {
      const record = readRecord(path, ReplicaRecordSchema);
      if (record !== undefined) replicas.push(record);
    }
  }
  return { service, replicas: replicas.sort((one, other) => one.slot - other.slot) };
}

function readRecord<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
): v.InferOutput<Schema> | undefined {
  let text: string;
  try {
    if (statSync(path).size > limits.processRecordBytesMax) throw unreadable(path, "it is too large");
    text = readFileSync(path, "utf8");
  } catch (cause) {
    // Taken away between the list and the look.
    if (errnoOf(cause) === "ENOENT") return undefined;
    throw cause instanceof AkcError ? cause : unreadable(path, cause);
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (parsed.success) return parsed.output;
  throw unreadable(path, parsed.issues[0].message);
}

function unreadable(path: string, cause: unknown): AkcError {
  return new AkcError("PROVIDER_FAILED", {
    message: "a record of a service cannot be read",
    hint: "Look at the file; when its process is known to be gone, remove the file.",
    ...(typeof cause === "string" ? {} : { cause }),
    details: {
      path,
      why: typeof cause === "string" ? cause : (errnoOf(cause) ?? "unknown"),
      retryable: false,
    },
  });
}
