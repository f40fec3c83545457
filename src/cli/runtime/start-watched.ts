/**
 * Starts a run of a bundle before the eyes of its user, for every command that does: what was asked for is handed on as it is.
 * It picks nothing and fills in nothing; `start-options.ts` has settled all that.
 */
import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { inferOutputsRoot } from "../../run/bundle-files.ts";
import type { RunHost } from "../../run/ready.ts";
import type { RunReport, StartRunInput } from "../../run/start.ts";
import { findBindings } from "../../validation/bindings/place.ts";
import type { Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Project } from "../project.ts";
import { valuesOf } from "../strict.ts";
import { withStopCommand } from "./aftermath.ts";
import type { StartOptions } from "./start-options.ts";
import { type Hands, watchedRun } from "./watched-run.ts";

export interface StartRequest {
  readonly options: StartOptions;
  readonly flags: StartedFlags;
  readonly project: Project;
  /** Told what came of it, before the exit code is. */
  readonly onReport?: (report: RunReport) => void;
}

export interface StartedFlags extends RunFlags {
  readonly validatorBindings?: string | undefined;
  readonly quiet?: boolean | undefined;
}

/** @throws AkcError before a run exists, as `startRun` does; LEASE_HELD names the command that stops who is in the way */
export async function startWatched(
  session: Session,
  { options, flags, project, onReport }: StartRequest,
): Promise<ExitCode> {
  const bindingsPath = findBindings({
    path: flags.validatorBindings,
    projectPath: project.validatorBindingsPath,
    cwd: process.cwd(),
  });
  const { bundlePath } = options;
  try {
    return await watchedRun(
      session,
      { quiet: flags.quiet === true, bundlePath, policyPath: flags.policy },
      async (hands, host) => {
        const report = await run(options, { ...flags, bindingsPath }, { hands, host });
        onReport?.(report);
        return report;
      },
    );
  } catch (thrown) {
    throw await withStopCommand(thrown, session.io, () =>
      inferOutputsRoot(realpathSync(bundlePath), options.outputsRoot),
    );
  }
}

interface RunFlags {
  readonly adapter: string;
  readonly policy?: string | undefined;
  readonly requireEffects?: boolean | undefined;
  readonly strictIntentAuthority?: boolean | undefined;
  readonly runtimeRunId?: string | undefined;
  readonly pluginsDir?: string | undefined;
  readonly bindingsPath?: string | undefined;
}

async function run(
  options: StartOptions,
  flags: RunFlags,
  { hands, host }: { readonly hands: Hands; readonly host: RunHost },
): Promise<RunReport> {
  const { startRun } = await import("../../run/start.ts");
  const { bundlePath, mode, outputsRoot, coordinationOverrides, deadlineMs, maxInFlight, expectedSha256 } =
    options;
  const pluginsDirs = valuesOf(flags.pluginsDir).map((directory) => resolve(directory));
  const run: StartRunInput = {
    ...hands,
    bundlePath,
    mode,
    adapter: flags.adapter,
    coordinationOverrides,
    chosen: { developerRoleProfile: options.roleProfile, resolved: options.resolved },
    ...(outputsRoot === undefined ? {} : { outputsRoot }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(maxInFlight === undefined ? {} : { maxInFlight }),
    ...(expectedSha256 === undefined ? {} : { expectedSha256 }),
    ...(flags.policy === undefined ? {} : { policyPath: flags.policy }),
    ...(flags.requireEffects === true ? { requireEffects: true } : {}),
    ...(flags.strictIntentAuthority === true ? { strictIntentAuthority: true } : {}),
    ...(pluginsDirs.length === 0 ? {} : { pluginsDirs }),
    ...(flags.bindingsPath === undefined ? {} : { validatorBindings: flags.bindingsPath }),
    ...(flags.runtimeRunId === undefined ? {} : { runtimeRunId: flags.runtimeRunId }),
  };
  return startRun(run, host);
}
