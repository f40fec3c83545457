/**
 * Landlock: which rights a kernel knows, and how a thread gives up all but a few for itself and all that it starts.
 * Never loosens anything and never goes on after an error: a thread that could not be confined must start nothing.
 *
 * Source: landlock(7), linux/landlock.h.
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { errnoOf } from "./files.ts";
import { type Libc, libc } from "./libc.ts";

const LANDLOCK_CREATE_RULESET = 444;
const LANDLOCK_ADD_RULE = 445;
const LANDLOCK_RESTRICT_SELF = 446;
const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const RULE_NET_PORT = 2;
/** LANDLOCK_ACCESS_NET_BIND_TCP, LANDLOCK_ACCESS_NET_CONNECT_TCP. */
const tcpRight = { bind: 1n << 0n, connect: 1n << 1n } as const;
/** The first ABI that watches over TCP. */
export const landlockAbiOfTcp = 4;
const O_PATH = 0o10000000;

const right = {
  execute: 1n << 0n,
  writeFile: 1n << 1n,
  readFile: 1n << 2n,
  readDir: 1n << 3n,
  removeDir: 1n << 4n,
  removeFile: 1n << 5n,
  makeChar: 1n << 6n,
  makeDir: 1n << 7n,
  makeReg: 1n << 8n,
  makeSock: 1n << 9n,
  makeFifo: 1n << 10n,
  makeBlock: 1n << 11n,
  makeSym: 1n << 12n,
  refer: 1n << 13n,
  truncate: 1n << 14n,
  ioctlDev: 1n << 15n,
} as const;

const filesOfAbi1 = (1n << 13n) - 1n;
/** Rights that may be given to a single file; the kernel refuses the others there. */
const fileRights = right.execute | right.writeFile | right.readFile | right.truncate | right.ioctlDev;

/** Everything in a folder but device nodes. Without executing: what a plugin writes it cannot start. */
const change =
  right.writeFile |
  right.readFile |
  right.readDir |
  right.removeDir |
  right.removeFile |
  right.makeDir |
  right.makeReg |
  right.makeSock |
  right.makeFifo |
  right.makeSym |
  right.refer |
  right.truncate;

const granted = {
  read: right.execute | right.readFile | right.readDir,
  list: right.readDir,
  look: right.readFile | right.readDir,
  change,
  // Builds run what they have just made.
  write: change | right.execute,
  device: right.readFile | right.writeFile | right.truncate | right.ioctlDev,
} as const;

export interface PathRule {
  /** Absolute; symbolic links are followed once, when the rule is made. */
  readonly path: string;
  /**
   * `read` executes too and `look` does not, `write` executes too and `change` does not; `list` shows names only, `device`
   * reads and writes a device that is there.
   */
  readonly access: keyof typeof granted;
  /** Whether a path that does not exist is left out; otherwise it is an error. */
  readonly optional?: boolean;
}

export interface LandlockRules {
  readonly paths: readonly PathRule[];
  /** Whether TCP may be bound and connected: at all, or by port. */
  readonly tcp: boolean | TcpPorts;
}

export interface TcpPorts {
  readonly connect: readonly number[];
  readonly bind: readonly number[];
}

/** What a kernel of this ABI can watch over; a ruleset must name no right that it does not know. */
export interface Handled {
  readonly files: bigint;
  readonly tcp: bigint;
  readonly scopes: bigint;
  /** Length of `struct landlock_ruleset_attr`. */
  readonly attributeBytes: 8 | 16 | 24;
}

export function handledBy(abi: number): Handled {
  let files = filesOfAbi1;
  if (abi >= 2) files |= right.refer;
  if (abi >= 3) files |= right.truncate;
  if (abi >= 5) files |= right.ioctlDev;
  return {
    files,
    tcp: abi >= 4 ? 0b11n : 0n,
    // Abstract unix sockets and signals: neither reaches a process outside.
    scopes: abi >= 6 ? 0b11n : 0n,
    attributeBytes: abi >= 6 ? 24 : abi >= 4 ? 16 : 8,
  };
}

let knownAbi: number | undefined;

/** Landlock's ABI on this kernel; 0 where it has none or it is switched off. */
export function landlockAbi(): number {
  const host = libc();
  knownAbi ??=
    host === undefined ? 0 : Math.max(0, host.syscall(LANDLOCK_CREATE_RULESET, 0, 0, CREATE_RULESET_VERSION));
  return knownAbi;
}

/**
 * Confines the calling thread, and every process that it starts from now on, for good.
 * `no_new_privs` must be set. @throws Error naming the call that failed; nothing may be started then.
 */
export function restrictThisThread(rules: LandlockRules): void {
  const host = libc();
  const abi = landlockAbi();
  if (host === undefined || abi < 1) throw new Error("this kernel has no Landlock");
  const handled = handledBy(abi);
  const watched = rules.tcp === true ? 0n : handled.tcp;
  const attribute = new BigUint64Array([handled.files, watched, handled.scopes]);
  const ruleset = must(
    host.syscall(LANDLOCK_CREATE_RULESET, attribute, handled.attributeBytes, 0),
    "landlock_create_ruleset",
  );
  try {
    for (const rule of rules.paths) addRule(host, ruleset, rule, handled.files);
    if (typeof rules.tcp === "object" && watched !== 0n) addPorts(host, ruleset, rules.tcp);
    must(host.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self");
  } finally {
    closeSync(ruleset);
  }
}

function addRule(host: Libc, ruleset: number, rule: PathRule, files: bigint): void {
  let place: number;
  try {
    place = openSync(rule.path, O_PATH | constants.O_NOCTTY);
  } catch (cause) {
    const missing = errnoOf(cause) === "ENOENT" || errnoOf(cause) === "ENOTDIR";
    if (missing && rule.optional === true) return;
    throw new Error(`cannot open ${rule.path} for Landlock: ${errnoOf(cause) ?? "unknown"}`, { cause });
  }
  try {
    const rights = granted[rule.access] & files & (fstatSync(place).isDirectory() ? files : fileRights);
    if (rights === 0n) return;
    // struct landlock_path_beneath_attr, packed: u64 rights, s32 fd.
    const attribute = Buffer.alloc(12);
    attribute.writeBigUInt64LE(rights, 0);
    attribute.writeInt32LE(place, 8);
    must(host.syscall(LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, attribute, 0), "landlock_add_rule");
  } finally {
    closeSync(place);
  }
}

function addPorts(host: Libc, ruleset: number, ports: TcpPorts): void {
  for (const kind of ["connect", "bind"] as const) {
    for (const port of ports[kind]) {
      // struct landlock_net_port_attr: u64 rights, u64 port.
      const attribute = new BigUint64Array([tcpRight[kind], BigInt(port)]);
      must(host.syscall(LANDLOCK_ADD_RULE, ruleset, RULE_NET_PORT, attribute, 0), "landlock_add_rule");
    }
  }
}

function must(result: number, call: string): number {
  if (result < 0) throw new Error(`${call} failed with errno ${-result}`);
  return result;
}
