/**
 * What `start` was asked for, out of flags, environment and project file, with where each answer came from.
 * Decides no more than that: the bundle and the policy have their say later.
 *
 * Source: spec cli §3.3, §4.2, §4.4; cli:W-43 (a bundle is named, never picked).
 */
import { type PolicyMode, policyModes } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { bundlePath } from "../bundle/bundle-path.ts";
import type { Environment } from "../io.ts";
import type { Project } from "../project.ts";
import { duration, wholeNumber } from "../values.ts";

/** Flags of every command that starts a run: which one it is, and how much it may take. */
export const newRunArgs = {
  runtimeRunId: {
    type: "string",
    valueHint: "ID",
    description: "The run's id; else a new one. An abandoned run of this id is continued.",
  },
  deadline: {
    type: "string",
    valueHint: "TIME",
    description: "Longest time for the run: 90, 90s, 10m, 1h30m.",
  },
  maxInFlight: { type: "string", valueHint: "N", description: "Most actions at a time." },
} as const;

export const roleProfiles = ["classic", "emerging"] as const;
export type RoleProfile = (typeof roleProfiles)[number];
export const dispatchChoices = ["inherit", "enabled", "disabled"] as const;

/** Where an answer came from; the words of `developer_profile_decisions.json`. */
export type OptionSource = "cli" | "env" | "project_file" | "profile_default" | "legacy_default";

export interface StartFlags {
  readonly bundle?: string | undefined;
  readonly mode?: string | undefined;
  readonly developerRoleProfile?: string | undefined;
  readonly outputsRoot?: string | undefined;
  readonly coordinationParallelDispatch?: string | undefined;
  readonly coordinationMaxInFlightSteps?: string | undefined;
  readonly coordinationMaxInFlightPerRole?: string | undefined;
  readonly deadline?: string | undefined;
  readonly maxInFlight?: string | undefined;
  readonly bundleSha256?: string | undefined;
}

export interface StartOptions {
  readonly bundlePath: string;
  readonly mode: PolicyMode;
  readonly roleProfile: RoleProfile;
  readonly outputsRoot?: string;
  readonly coordinationOverrides: {
    readonly parallelDispatchEnabled?: boolean;
    readonly maxInFlightSteps?: number;
    readonly maxInFlightPerRole?: number;
  };
  readonly deadlineMs?: number;
  readonly maxInFlight?: number;
  readonly expectedSha256?: string;
  /** By the names of `developer_profile_decisions.json`. */
  readonly resolved: Readonly<Record<string, Decided>>;
}

interface Decided {
  readonly value: string | number | null;
  readonly source: OptionSource;
}

/** What `emerging` sets where no flag does (spec cli §4.2 step 5). */
const emergingCoordination = { parallelDispatchEnabled: true, maxInFlightSteps: 2, maxInFlightPerRole: 1 };

/** @throws AkcError USAGE */
export function startOptions(flags: StartFlags, env: Environment, project: Project): StartOptions {
  const profile = roleProfile(flags, env, project);
  const emerging = profile.value === "emerging";
  if (flags.bundle === undefined) {
    throw new AkcError("USAGE", {
      message: "--bundle is missing",
      hint: "Name the bundle: `akc runtime start --bundle FILE --mode simulate`. It is never picked for you.",
    });
  }
  const given = policyModes.find((known) => known === flags.mode);
  if (given === undefined && !emerging) {
    throw new AkcError("USAGE", {
      message: "--mode is missing",
      hint: "simulate changes nothing; enforce does the work; canary does it on less.",
    });
  }
  const root = outputsRoot(flags, env, project);
  const mode = given ?? "simulate";
  return {
    bundlePath: bundlePath(flags.bundle),
    mode,
    roleProfile: profile.value,
    ...(root === undefined ? {} : { outputsRoot: root.value }),
    coordinationOverrides: coordination(flags, emerging),
    ...numbers(flags),
    resolved: {
      mode: { value: mode, source: given === undefined ? "profile_default" : "cli" },
      bundle: { value: flags.bundle, source: "cli" },
      outputs_root: root ?? { value: null, source: "legacy_default" },
      developer_role_profile: profile,
      ...coordinationDecided(flags, emerging),
    },
  };
}

function roleProfile(flags: StartFlags, env: Environment, project: Project): Sourced<RoleProfile> {
  const [said, source] = first([
    [flags.developerRoleProfile, "cli"],
    [env["AKC_DEVELOPER_ROLE_PROFILE"], "env"],
    [project.developerRoleProfile, "project_file"],
  ]);
  if (source !== undefined) return { value: said.trim() === "emerging" ? "emerging" : "classic", source };
  if ((project.adoptionLevel ?? 0) >= 3) return { value: "emerging", source: "profile_default" };
  return { value: "classic", source: "legacy_default" };
}

function outputsRoot(flags: StartFlags, env: Environment, project: Project): Sourced<string> | undefined {
  const [value, source] = first([
    [flags.outputsRoot, "cli"],
    [env["AKC_OUTPUTS_ROOT"], "env"],
    [project.outputsRoot, "project_file"],
  ]);
  return source === undefined ? undefined : { value, source };
}

function coordination(flags: StartFlags, emerging: boolean): StartOptions["coordinationOverrides"] {
  const range = { min: 1, max: limits.actionsInFlightMax };
  const steps = flags.coordinationMaxInFlightSteps;
  const perRole = flags.coordinationMaxInFlightPerRole;
  const dispatch = flags.coordinationParallelDispatch ?? "inherit";
  return {
    ...(emerging && dispatch === "inherit" ? emergingCoordination : {}),
    ...(dispatch === "inherit" ? {} : { parallelDispatchEnabled: dispatch === "enabled" }),
    ...(steps === undefined
      ? {}
      : { maxInFlightSteps: wholeNumber("--coordination-max-in-flight-steps", steps, range) }),
    ...(perRole === undefined
      ? {}
      : { maxInFlightPerRole: wholeNumber("--coordination-max-in-flight-per-role", perRole, range) }),
  };
}

/** A flag that was given is told as given, whatever the profile would have said. */
function coordinationDecided(flags: StartFlags, emerging: boolean): Readonly<Record<string, Decided>> {
  const overrides = coordination(flags, emerging);
  const dispatch = flags.coordinationParallelDispatch ?? "inherit";
  const fallback: OptionSource = emerging && dispatch === "inherit" ? "profile_default" : "legacy_default";
  const decided = (given: string | undefined, value: Decided["value"]): Decided => ({
    value,
    source: given === undefined ? fallback : "cli",
  });
  const { parallelDispatchEnabled: parallel, maxInFlightSteps, maxInFlightPerRole } = overrides;
  return {
    coordination_parallel_dispatch: decided(
      dispatch === "inherit" ? undefined : dispatch,
      parallel === undefined ? "inherit" : parallel ? "enabled" : "disabled",
    ),
    coordination_max_in_flight_steps: decided(flags.coordinationMaxInFlightSteps, maxInFlightSteps ?? null),
    coordination_max_in_flight_per_role: decided(
      flags.coordinationMaxInFlightPerRole,
      maxInFlightPerRole ?? null,
    ),
  };
}

function numbers(flags: StartFlags): Pick<StartOptions, "deadlineMs" | "maxInFlight" | "expectedSha256"> {
  const { deadline, maxInFlight, bundleSha256 } = flags;
  if (bundleSha256 !== undefined && !/^[0-9a-f]{64}$/i.test(bundleSha256.trim())) {
    throw new AkcError("USAGE", {
      message: `--bundle-sha256 cannot be "${bundleSha256}"`,
      hint: "It is 64 hexadecimal digits, as `akc bundle hash FILE` prints them.",
    });
  }
  return {
    ...(deadline === undefined
      ? {}
      : { deadlineMs: duration("--deadline", deadline, { min: 1, max: limits.runDeadlineMsMax }) }),
    ...(maxInFlight === undefined
      ? {}
      : {
          maxInFlight: wholeNumber("--max-in-flight", maxInFlight, {
            min: 1,
            max: limits.actionsInFlightMax,
          }),
        }),
    ...(bundleSha256 === undefined ? {} : { expectedSha256: bundleSha256.trim().toLowerCase() }),
  };
}

interface Sourced<T> {
  readonly value: T;
  readonly source: OptionSource;
}

/** The first that is neither absent nor blank. */
function first(
  candidates: readonly (readonly [string | undefined, OptionSource])[],
): readonly [string, OptionSource] | readonly ["", undefined] {
  for (const [value, source] of candidates) {
    if (value !== undefined && value.trim() !== "") return [value, source];
  }
  return ["", undefined];
}
