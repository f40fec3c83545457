/**
 * Starts processes of a plugin for the conformance kit: as the host does, contained alike, but spoken with line by line.
 * Grants all that the manifest asks for: it is the author who tries it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Wire } from "../../sdk/conformance/subject.ts";
import { findExecutable } from "../../system/executable.ts";
import { launch } from "../../system/launch.ts";
import { strongestContainment } from "../../system/sandbox.ts";
import { confinementOf, environmentOf, resourcesOf } from "../confinement.ts";
import { doorOnly, type FoundPlugin, type Granted } from "../contract.ts";
import { spawnKey } from "../leftovers.ts";
import { type LogEntry, PluginLog } from "../plugin-log.ts";
import { bunEnvironment, bunOptions, programOf } from "../runtime.ts";
import type { RuntimeFiles } from "../runtime-files.ts";

export interface StartInput {
  readonly plugin: FoundPlugin;
  readonly files: RuntimeFiles;
  /** A folder of this test's own; the plugin may write there. */
  readonly scratch: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLog?: (entry: LogEntry) => void;
}

/** All that the manifest asks for and this host has, and the folder of this test. */
export function grantAll({ manifest }: FoundPlugin, scratch: string): Granted {
  const { permissions, kinds } = manifest;
  return {
    ...permissions,
    // As it will be used: what a validator sees of the world, akc shows it.
    ...(kinds.every((kind) => kind === "validator") ? doorOnly : {}),
    // A manifest may name programs of which one is enough.
    run: permissions.run.filter((name) => findExecutable(name).kind === "found"),
    write: [...permissions.write, scratch],
    containment: strongestContainment(),
  };
}

/** @throws AkcError PLUGIN_START_FAILED, CONTAINMENT_UNAVAILABLE */
export function startWire({ plugin, files, scratch, env: own, onLog }: StartInput, ordinal: number): Wire {
  const granted = grantAll(plugin, scratch);
  const level = granted.containment;
  const workdir = join(scratch, `process-${ordinal}`);
  const actionDir = join(scratch, "action");
  for (const folder of [join(workdir, "tmp"), actionDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const program = programOf({ plugin, granted, files, workdir, env: own });
  const confinement = confinementOf({ plugin, granted, program, workdir, closed: [], level });
  const resources = resourcesOf({ plugin, level });
  const launcher = {
    executable: process.execPath,
    args: [...bunOptions, files.path("launcher.js")],
    env: bunEnvironment,
  };
  const child = launch(launcher, spawnKey(), {
    executable: program.executable,
    argv: program.argv,
    workdir,
    env: environmentOf({ granted, program, workdir }, own),
    output: program.output,
    ...(confinement === undefined ? {} : { confinement }),
    ...(resources === undefined ? {} : { limits: resources }),
  });
  const log = new PluginLog((entry) => onLog?.(entry));
  const followed = log.follow(child.stderr);
  const quietly = (done: number | Promise<number>) => void Promise.resolve(done).catch(() => undefined);
  return {
    send(line) {
      quietly(child.stdin.write(`${line}\n`));
      quietly(child.stdin.flush());
    },
    output: child.stdout,
    workdir,
    actionDir,
    closeInput: () => void Promise.resolve(child.stdin.end()).catch(() => undefined),
    kill: () => child.signal("SIGKILL"),
    ended: child.gone.then(async (end) => {
      await followed;
      return end;
    }),
    lastWords: () => log.lastWords,
  };
}
