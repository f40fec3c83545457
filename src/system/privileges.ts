/**
 * Privileges of a thread and of this process: what is given up before anything untrusted is started.
 * Gives up only; there is no way back, by design of the kernel.
 *
 * Source: prctl(2), capabilities(7), ptrace(2).
 */
import type { Libc } from "./libc.ts";

const PR_SET_DUMPABLE = 4;
const PR_SET_NO_NEW_PRIVS = 38;
const CAPABILITY_VERSION_3 = 0x20080522;

/**
 * What root's children keep: owning, reading and changing files as Landlock allows, and low ports. Above all not
 * CAP_SYS_PTRACE, with which a child could reach into the thread that shares its Landlock domain.
 */
const kept = [
  0, // CAP_CHOWN
  1, // CAP_DAC_OVERRIDE
  3, // CAP_FOWNER
  4, // CAP_FSETID
  10, // CAP_NET_BIND_SERVICE
].reduce((mask, bit) => mask | (1 << bit), 0);

/** No program started from this thread gains anything by being setuid or having file capabilities. @throws Error */
export function forbidNewPrivileges(host: Libc): void {
  must(host.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)");
}

/** Drops all capabilities of the calling thread but `kept`; with `no_new_privs`, exec as root does not bring them back. @throws Error */
export function dropCapabilities(host: Libc): void {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  // Two rows of effective, permitted, inheritable: capabilities 0 to 31, then 32 to 63.
  const rows = new Uint32Array(6);
  must(host.syscall(host.numbers.capget, header, rows), "capget");
  const permitted = (rows[1] ?? 0) & kept;
  must(
    host.syscall(host.numbers.capset, header, new Uint32Array([permitted, permitted, 0, 0, 0, 0])),
    "capset",
  );
}

/**
 * Closes this process's memory and descriptors to every other process without CAP_SYS_PTRACE: /proc/PID/mem, ptrace and
 * pidfd_getfd then fail even within one Landlock domain. For the whole process; it also means no core dumps. @throws Error
 */
export function closeToDebuggers(host: Libc): void {
  must(host.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl(PR_SET_DUMPABLE)");
}

function must(result: number, call: string): void {
  if (result < 0) throw new Error(`${call} failed with errno ${-result}`);
}
