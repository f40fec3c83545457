/**
 * Leases as files in the scopes' folders, by the documented protocol: whoever holds the lock of `<name>.lock` (flock) may read and
 * write `<name>.json`. Controllers of before and ours keep each other out by it. Who only looks locks and writes nothing.
 *
 * A file that is no lease is not taken for a free one: it is somebody's until nobody has written it for the whole time to live, by our
 * own clock. A lease that is still valid by the wall clock but was not moved on for all of its time is over as well, so that a clock
 * that was set back keeps nobody waiting.
 *
 * Source: spec cli §14.6; cli:W-02, W-03.
 */
import { constants } from "node:fs";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import { failpoint } from "../../system/failpoint.ts";
import { asDiskError, errnoOf, lockFile, resolveConfined } from "../../system/files.ts";
import { heldAnswer, type LeasePlace, takenAnswer, unknownAnswer } from "./answer.ts";
import type { LeaseAnswer, LeaseBackend } from "./contract.ts";
import { type LeaseFile, leaseFileText, readLeaseFile } from "./file-record.ts";
import { termOf, Unmoved } from "./unmoved.ts";

export interface FileLeases {
  /** Names are `<tenant>/<repo>/<lease name>` below it. */
  readonly outputsRoot: string;
  readonly holder: string;
  readonly ttlMs: number;
  readonly monotonicMs: () => number;
}

/** What lies at the place. */
type Found =
  | { readonly kind: "none" }
  | { readonly kind: "lease"; readonly lease: LeaseFile }
  /** Bytes that are no lease, known by their digest. */
  | { readonly kind: "garbage"; readonly as: string };

export function createFileLeases({ outputsRoot, holder, ttlMs, monotonicMs }: FileLeases): LeaseBackend {
  const unmoved = new Unmoved(monotonicMs);
  /** Confined once: the folder of a scope does not move while it is watched. */
  const places = new Map<string, string>();

  const pathOf = async (name: string): Promise<string> => {
    const known = places.get(name);
    if (known !== undefined) return known;
    const { folder, plain } = partsOf(name);
    const path = await resolveConfined(
      outputsRoot,
      join(folder, ".akc", "autopilot", "leases", `${plain}.json`),
    );
    places.set(name, path);
    return path;
  };

  /** Undefined when it is free or ours. */
  const takenBy = (name: string, found: Found, nowMs: number): LeaseAnswer | undefined => {
    if (found.kind === "none") return undefined;
    if (found.kind === "garbage") {
      const quietMs = unmoved.forMs(name, found.as);
      if (quietMs >= Math.max(ttlMs, limits.autopilotLeaseTtlMsDefault)) return undefined;
      return unknownAnswer(placeOf(name), "lease_file_unreadable");
    }
    const { lease } = found;
    if (lease.holder === holder || lease.holder === "" || nowMs >= lease.expiresAtMs) return undefined;
    if (unmoved.forMs(name, `${lease.holder} ${lease.renewedAtMs}`) >= termOf(lease)) return undefined;
    return takenAnswer(placeOf(name), lease);
  };

  const take = async (name: string, path: string, nowMs: number): Promise<LeaseAnswer> => {
    await mkdir(dirname(path), { recursive: true });
    return locked(path, async () => {
      const found = await look(path);
      const taken = takenBy(name, found, nowMs);
      if (taken !== undefined) return taken;
      const mine = found.kind === "lease" && found.lease.holder === holder ? found.lease : undefined;
      return write(name, path, mine?.acquiredAtMs ?? nowMs, nowMs, nowMs + ttlMs);
    });
  };

  const write = async (
    name: string,
    path: string,
    acquiredAtMs: number,
    nowMs: number,
    expiresAtMs: number,
  ): Promise<LeaseAnswer> => {
    const lease = { holder, acquiredAtMs, renewedAtMs: nowMs, expiresAtMs };
    await replace(path, leaseFileText(partsOf(name).plain, lease));
    return heldAnswer(placeOf(name), lease);
  };

  const renewOne = async (name: string, nowMs: number): Promise<LeaseAnswer> => {
    const path = await pathOf(name);
    return locked(path, async () => {
      const found = await look(path);
      if (found.kind !== "lease")
        return unknownAnswer(placeOf(name), found.kind === "none" ? "lease_gone" : "lease_file_unreadable");
      if (found.lease.holder !== holder) return takenAnswer(placeOf(name), found.lease);
      return write(name, path, found.lease.acquiredAtMs, nowMs, nowMs + ttlMs);
    });
  };

  const releaseOne = async (name: string): Promise<void> => {
    const path = await pathOf(name);
    await locked(path, async () => {
      const found = await look(path);
      if (found.kind !== "lease" || found.lease.holder !== holder) return;
      const { acquiredAtMs, renewedAtMs } = found.lease;
      // Over since it was last moved on: free to whoever goes by the wall clock and to whoever goes by its length.
      await write(name, path, acquiredAtMs, renewedAtMs, renewedAtMs);
    });
  };

  return {
    kind: "filesystem",
    acquire: (name, nowMs) =>
      answered(name, async () => {
        const path = await pathOf(name);
        const taken = takenBy(name, await look(path), nowMs);
        if (taken !== undefined) return taken;
        const answer = await take(name, path, nowMs);
        failpoint("autopilot.lease_acquired");
        return answer;
      }),
    async renew(names, nowMs) {
      const answers = new Map<string, LeaseAnswer>();
      await someAtATime(names, async (name) => {
        answers.set(name, await answered(name, () => renewOne(name, nowMs)));
      });
      return answers;
    },
    async release(names) {
      // One that cannot be given back is over by itself soon.
      await someAtATime(names, (name) => releaseOne(name).catch(() => undefined));
    },
    async close() {
      places.clear();
    },
  };
}

async function look(path: string): Promise<Found> {
  try {
    const { size } = await stat(path);
    if (size > limits.leaseFileBytesMax) return { kind: "garbage", as: `${size} bytes` };
    const bytes = await readFile(path);
    const lease = readLeaseFile(bytes);
    return lease === undefined ? { kind: "garbage", as: sha256Hex(bytes) } : { kind: "lease", lease };
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return { kind: "none" };
    throw cause;
  }
}

/** Nobody else reads or writes the lease meanwhile; the lock ends with the process too. */
async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = path.replace(/\.json$/, ".lock");
  const file = await open(lock, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  try {
    await lockFile(file.fd, lock, limits.leaseFileLockMsMax);
    return await work();
  } finally {
    await file.close();
  }
}

/**
 * Readers see the lease of before or the new one. It is not forced to the disk: a lease that a power cut takes was held by a process
 * that it took too. The name beside it is the same every time, as the lock keeps it to one.
 */
async function replace(path: string, text: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const file = await open(`${path}.new`, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o644);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

async function someAtATime(
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<void> {
  const waiting = names.values();
  const worker = async () => {
    for (const name of waiting) await work(name);
  };
  await Promise.all(Array.from({ length: Math.min(names.length, limits.leaseFilesAtATime) }, worker));
}

async function answered(name: string, work: () => Promise<LeaseAnswer>): Promise<LeaseAnswer> {
  try {
    return await work();
  } catch (cause) {
    const fault = asDiskError(cause, name);
    if (fault instanceof AkcError) return unknownAnswer(placeOf(name), `${fault.code}: ${fault.message}`);
    const errno = errnoOf(fault);
    if (errno === undefined) throw fault;
    return unknownAnswer(placeOf(name), errno);
  }
}

function placeOf(name: string): LeasePlace {
  return { backend: "filesystem", namespace: null, name: partsOf(name).plain };
}

function partsOf(name: string): { readonly folder: string; readonly plain: string } {
  const at = name.lastIndexOf("/");
  return { folder: name.slice(0, at), plain: name.slice(at + 1) };
}
