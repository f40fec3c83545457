/**
 * Runs the program of an `exec` probe as the service itself would run it: same folder, environment, limits and confinement.
 * Its output is thrown away, and nothing of it is left when its time is over.
 */

import { AkcError } from "../../errors.ts";
import { findExecutable } from "../../system/executable.ts";
import type { Launcher } from "../../system/launch.ts";
import { launch } from "../../system/launch.ts";
import type { ExecCheck } from "../probe/check.ts";
import { confinementOf } from "./confinement.ts";
import type { ReplicaRecord } from "./record.ts";
import type { RecordStore } from "./record-store.ts";
import { environmentOf, resourceLimits } from "./starter.ts";

export interface ProbeExecDeps {
  readonly scopeRoot: string;
  readonly store: RecordStore;
  launcher(): Promise<Launcher>;
}

export function execOf(deps: ProbeExecDeps, resourceId: string, record: ReplicaRecord): ExecCheck {
  return async (command, timeoutMs, signal) => {
    const [program = ""] = command;
    const place = findExecutable(program);
    if (place.kind !== "found")
      throw new AkcError("TOOL_MISSING", { message: `there is no ${program} on this host` });
    const { settings } = record;
    const places = deps.store.places(resourceId);
    const workdir = settings.workdir ?? places.work;
    const { scopeRoot } = deps;
    const confinement = confinementOf(settings, { scopeRoot, places, executable: place.real, workdir });
    const child = launch(await deps.launcher(), `probe-${process.pid}`, {
      executable: place.real,
      argv: command,
      workdir,
      env: environmentOf(resourceId, record, workdir, places.temporary),
      limits: resourceLimits(settings),
      ...(confinement === undefined ? {} : { confinement }),
      output: "stdout",
    });
    const kill = () => child.signal("SIGKILL");
    const timer = setTimeout(kill, timeoutMs);
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    try {
      void child.stdin.end();
      const [{ exitCode }] = await Promise.all([child.gone, drained(child.stdout), drained(child.stderr)]);
      return exitCode;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", kill);
    }
  };
}

async function drained(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}
