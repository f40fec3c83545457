/**
 * What the launcher is told: the program, its arguments and environment, and all that it may not do.
 * Data only; it goes to the launcher over its stdin, ahead of what the program itself will read.
 */
import type { ResourceLimits } from "./rlimits.ts";
import type { Confinement } from "./sandbox.ts";

export interface LaunchOrder {
  /** Absolute path of the file to execute. */
  readonly executable: string;
  /** At least one item; the first is only what the program sees as its name. */
  readonly argv: readonly string[];
  readonly workdir: string;
  /** All of the program's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Absent where the kernel is to watch over nothing. */
  readonly confinement?: Confinement;
  readonly limits?: ResourceLimits;
  /**
   * Where what is meant for the reader of stdout is written. At `descriptor3`, stdout itself is stderr: whatever prints,
   * prints to the log.
   */
  readonly output: "stdout" | "descriptor3";
  /** The process that must not be outlived; null: it may outlive everybody, and its stdin is empty. */
  readonly parent: number | null;
  /** Names of the listening sockets that it inherits, which stand open at descriptor 3 and after (sd_listen_fds(3)). */
  readonly listen?: readonly string[];
}

/** Exit codes of the launcher itself; nothing was executed then, and stderr says why. */
export const launcherExit = { confinementRefused: 240, notExecuted: 241 } as const;

const headBytes = 4;

/** Length as a big-endian number of 32 bits, then JSON. */
export function encodeOrder(order: LaunchOrder): Uint8Array {
  const body = Buffer.from(JSON.stringify(order));
  const whole = Buffer.alloc(headBytes + body.length);
  whole.writeUInt32BE(body.length, 0);
  whole.set(body, headBytes);
  return whole;
}

/** `read` gives exactly so many bytes. */
export function decodeOrder(read: (bytes: number) => Buffer): LaunchOrder {
  const order: LaunchOrder = JSON.parse(read(read(headBytes).readUInt32BE(0)).toString());
  return order;
}
