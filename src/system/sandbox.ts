/**
 * Containment of children: which level this host can give, what a profile opens, and how a thread takes one on.
 * Never widens a profile that is in force and never goes on half-confined.
 *
 * Source: landlock(7); spec kernel §12.9, kernel:W-16, bundle:W-26.
 */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { type ContainmentLevel, containmentLevels } from "../policy/model.ts";
import { type LandlockRules, landlockAbi, type PathRule, restrictThisThread } from "./landlock.ts";
import { libc } from "./libc.ts";
import { dropCapabilities, forbidNewPrivileges } from "./privileges.ts";
import { compileFilter, filterThisThread, refusalsFor, type SocketKinds } from "./seccomp.ts";

/** What children of one worker thread may reach. Paths are absolute. */
export interface Profile {
  readonly level: ContainmentLevel;
  /** Folders that are theirs. */
  readonly readWrite: readonly string[];
  /** Files and folders that they may read and execute, beside the system's. */
  readonly readOnly: readonly string[];
  /** Places that stay closed even where a read-only root holds them: the state database, evidence. */
  readonly closed: readonly string[];
  readonly network: boolean;
}

/** The strongest level that this host can give. */
export function strongestContainment(): ContainmentLevel {
  if (libc() === undefined) return "none";
  return landlockAbi() > 0 ? "landlock" : "limits";
}

export function atLeast(level: ContainmentLevel, required: ContainmentLevel): boolean {
  return containmentLevels.indexOf(level) >= containmentLevels.indexOf(required);
}

export function weaker(one: ContainmentLevel, other: ContainmentLevel): ContainmentLevel {
  return atLeast(one, other) ? other : one;
}

/** Profiles with the same key may share a thread. */
export function profileKey(profile: Profile): string {
  return JSON.stringify([
    profile.level,
    profile.readWrite,
    profile.readOnly,
    profile.closed,
    profile.network,
  ]);
}

/**
 * Puts the calling thread, and whatever it starts from now on, under the profile. Only for a worker thread.
 * @throws Error if any part fails; the thread must start nothing then.
 */
export function confineThisThread(profile: Profile, processId: number): void {
  if (profile.level !== "landlock") return;
  confineThisThreadTo({ paths: pathRules(profile), tcp: profile.network }, processId);
}

/** All that Landlock allows, and what else there is of the network where TCP is opened by port. */
export interface Confinement extends LandlockRules {
  readonly sockets?: SocketKinds;
}

/**
 * As `confineThisThread`, for rules that are ready. @throws Error if any part fails.
 * @param processId of akc; null for what shares nothing with it and becomes a program of its own
 */
export function confineThisThreadTo({ sockets, ...rules }: Confinement, processId: number | null): void {
  const host = libc();
  if (host === undefined) throw new Error("this host's C library is not known");
  const { numbers } = host;
  const threadId = host.syscall(numbers.gettid);
  const network = rules.tcp !== false;
  const filter = compileFilter(
    refusalsFor({
      numbers,
      network,
      protectedIds: processId === null ? [] : [processId, threadId],
      ...(sockets === undefined ? {} : { sockets }),
    }),
    process.arch,
  );
  forbidNewPrivileges(host);
  dropCapabilities(host);
  restrictThisThread(rules);
  filterThisThread(host, filter);
}

/** Read and execute: programs and their libraries. */
export const systemFolders = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/proc",
  "/sys",
];

/** Read: what programs look up. No shadow, no keys of hosts or users, nothing of other services. */
export const systemSettings = [
  ...["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "ld-musl-x86_64.path"],
  ...["passwd", "group", "nsswitch.conf", "hosts", "host.conf", "resolv.conf", "gai.conf"],
  ...["services", "protocols", "networks", "localtime", "timezone", "locale.alias", "locale.conf"],
  ...["ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "ca-certificates.conf"],
  ...["pki/tls/certs", "pki/tls/openssl.cnf", "pki/ca-trust", "crypto-policies"],
  ...["alternatives", "mime.types", "magic", "inputrc", "terminfo", "fonts", "gitconfig", "perl"],
  ...["profile", "bash.bashrc", "os-release", "debian_version", "alpine-release", "mtab"],
].map((name) => `/etc/${name}`);

export const systemDevices = ["null", "zero", "full", "random", "urandom"].map((name) => `/dev/${name}`);

/** @throws Error if a writable folder holds a closed place: the kernel could not keep the two apart. */
export function pathRules(profile: Profile): readonly PathRule[] {
  const closed = profile.closed.map(realPlace);
  const rules: PathRule[] = [];
  for (const path of systemFolders) rules.push(...readable(realPlace(path), closed));
  for (const path of systemSettings) rules.push({ path, access: "read", optional: true });
  for (const path of systemDevices) rules.push({ path, access: "device", optional: true });
  for (const path of profile.readOnly) rules.push(...readable(realPlace(path), closed));
  for (const path of profile.readWrite) {
    const place = realPlace(path);
    const inside = closed.find((one) => within(one, place) || within(place, one));
    if (inside !== undefined)
      throw new Error(`the folder ${place} is writable but ${inside} must stay closed`);
    rules.push({ path: place, access: "write" });
  }
  return rules;
}

/**
 * Landlock only ever adds, so a folder with a closed place somewhere in it is opened entry by entry around that place.
 * What appears in such a folder later stays closed.
 */
export function readable(
  place: string,
  closed: readonly string[],
  access: "read" | "look" = "read",
): readonly PathRule[] {
  if (closed.some((one) => within(place, one))) return [];
  if (!closed.some((one) => within(one, place))) return [{ path: place, access, optional: true }];
  const rules: PathRule[] = [{ path: place, access: "list", optional: true }];
  for (const entry of entriesOf(place)) {
    const path = join(place, entry.name);
    // A link is judged by where it leads, which has a rule of its own or none.
    if (!entry.isSymbolicLink()) rules.push(...readable(path, closed, access));
  }
  return rules;
}

function entriesOf(folder: string) {
  try {
    return statSync(folder).isDirectory() ? readdirSync(folder, { withFileTypes: true }) : [];
  } catch {
    return [];
  }
}

/** Whether `place` is `folder` or lies in it. Both real paths. */
export function within(place: string, folder: string): boolean {
  return place === folder || place.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The real path, also of what does not exist yet: links in the part that exists are followed. */
export function realPlace(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    const parent = dirname(path);
    return parent === path
      ? path
      : join(realPlace(parent), path.slice(parent === sep ? 1 : parent.length + 1));
  }
}
