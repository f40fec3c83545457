/**
 * Starts a process that may outlive akc: a session of its own, no pipe to akc, its output in a file.
 * Never waits for it and never ends it; who it is, is found in /proc by the variable that it was started with.
 */

import type { Launcher } from "./launch.ts";
import { encodeOrder, type LaunchOrder } from "./launch-order.ts";
import { letOutlive } from "./outliving.ts";
import { processTree } from "./process-tree.ts";
import { limitProcess } from "./rlimits.ts";

/** Says which start of which copy a process is: a random number that only the record of that copy knows. */
export const serviceIdVariable = "AKC_SERVICE_ID";

/** The same of what stands in between and becomes the program, or goes by itself when it is told nothing. */
export const launchIdVariable = "AKC_LAUNCH_ID";

export interface ServiceOrder extends Omit<LaunchOrder, "parent" | "output" | "listen"> {
  /** Worth as much as the process's name: see `serviceIdVariable`. */
  readonly serviceId: string;
  /** Open for appending; stays the caller's to close. */
  readonly output: number;
  /** Open sockets in the order in which they are inherited, from descriptor 3 on; stay the caller's. */
  readonly listen: readonly { readonly name: string; readonly fd: number }[];
}

export interface ServiceExit {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export interface StartedService {
  readonly pid: number;
  /** Resolves only while this process lives; does not keep it alive. */
  readonly exited: Promise<ServiceExit>;
}

/**
 * Confinement, and telling a program which of the descriptors are its sockets, take a process in between; without either the
 * program is started at once, and its limits are set a moment later.
 * Call it on the main thread. @throws Error of the spawn; nothing is left then.
 */
export function startService(order: ServiceOrder, launcher: Launcher): StartedService {
  const { serviceId, output, listen, ...rest } = order;
  const env = { ...order.env, [serviceIdVariable]: serviceId };
  const between = order.confinement !== undefined || listen.length > 0;
  const child = between
    ? Bun.spawn([launcher.executable, ...launcher.args], {
        cwd: order.workdir,
        env: { ...launcher.env, [launchIdVariable]: serviceId },
        stdio: ["pipe", output, output, ...listen.map(({ fd }) => fd)],
        detached: true,
      })
    : Bun.spawn([order.executable, ...order.argv.slice(1)], {
        argv0: order.argv[0] ?? order.executable,
        cwd: order.workdir,
        env,
        stdio: ["ignore", output, output],
        detached: true,
      });
  const outlives = letOutlive(child.pid);
  const release = processTree().spare(child.pid);
  if (child.stdin !== undefined && typeof child.stdin !== "number") {
    const names = listen.map(({ name }) => name);
    child.stdin.write(encodeOrder({ ...rest, env, output: "stdout", parent: null, listen: names }));
    void child.stdin.end();
  } else if (order.limits !== undefined) limitProcess(child.pid, order.limits);
  child.unref();
  const exited = child.exited.then((exitCode): ServiceExit => {
    outlives();
    release();
    const signal = child.signalCode === null ? null : String(child.signalCode);
    return { exitCode: signal === null ? exitCode : null, signal };
  });
  return { pid: child.pid, exited };
}
