/**
 * `akc living doctor`, also `akc living-doctor`: whether what an unattended autopilot needs is there, before it is needed. Looks and
 * changes nothing.
 *
 * Source: spec cli §15.6, §17.3.
 */
import { resolve } from "node:path";
import { configNames } from "../../autopilot/config/names.ts";
import { profileOf } from "../../autopilot/config/profile.ts";
import { readAutopilot } from "../../autopilot/config/read.ts";
import { type Examination, examine } from "../../autopilot/doctor/examine.ts";
import { type Finding, worst } from "../../autopilot/doctor/finding.ts";
import type { ScopeId } from "../../autopilot/model.ts";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { systemClock } from "../../system/clock.ts";
import { type Command, command } from "../command.ts";
import type { Environment } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import { isTruthy, type Project, readProject } from "../project.ts";
import { type Style, styleOf } from "../render/style.ts";
import { printable } from "../render/text.ts";
import { type UnitLook, unitLook } from "./unit-check.ts";

const text = (valueHint: string, description: string) =>
  ({ type: "string", valueHint, description }) as const;

const doctorArgs = {
  config: text(
    "FILE",
    "The controller's configuration; else AKC_AUTOPILOT_CONFIG, else that of the installed service.",
  ),
  outputsRoot: text(
    "DIR",
    "Where the scopes are; else AKC_OUTPUTS_ROOT, the configuration, or the project file.",
  ),
  tenantId: text("ID", "The scope's tenant; else the configuration says which scopes."),
  repoId: text("ID", "The scope's repository."),
  ingestStatePath: text(
    "FILE",
    "What a compiler took in; else AKC_INGEST_STATE_PATH, the project file, AKC_AUTOPILOT_INGEST_STATE.",
  ),
  evalSuitePath: text(
    "FILE",
    "The suite that judges recompiles [default: configs/evals/intent_system_v1.json].",
  ),
  livingAutomationProfile: text(
    "PROFILE",
    "off, living_loop_v1 or living_loop_unattended_v1; the last is examined.",
  ),
  relaxedBaseline: { type: "boolean", description: "A baseline that is not there yet is a warning." },
  leaseBackend: text("BACKEND", "sqlite, filesystem or k8s; else AKC_AUTOPILOT_LEASE_BACKEND."),
  leaseNamespace: text("NAME", "Of Kubernetes; else AKC_AUTOPILOT_LEASE_NAMESPACE."),
  expectReplicas: text(
    "N",
    "How many controllers are meant to run; else AKC_AUTOPILOT_EXPECT_REPLICAS [default: 1].",
  ),
  runHook: {
    type: "boolean",
    description: "Really ask the recompile hook, with a test that asks for nothing.",
  },
} as const;

type Args = Partial<
  Record<Exclude<keyof typeof doctorArgs, "relaxedBaseline" | "runHook">, string | undefined>
> & {
  readonly relaxedBaseline?: boolean | undefined;
  readonly runHook?: boolean | undefined;
};

export const doctor = doctorAt("living doctor");
/** As it has always been called. */
export const livingDoctor = doctorAt("living-doctor");

function doctorAt(path: string): Command {
  return command({
    path,
    summary: "Say whether an unattended autopilot has all that it needs here.",
    notes: [
      "With the profile living_loop_unattended_v1 the documented points are examined; with a configuration also what the controller would go by, its hook and its files. Leases, clock, disk, database, unit and kernel are looked at in any case.",
      "Exit code 2 where something fails; warnings alone are 0.",
    ],
    examples: [
      { command: `akc ${path}`, says: "Of the installed service, or of this directory's project." },
      { command: `akc ${path} --config autopilot.yaml --run-hook`, says: "And does the hook answer?" },
      {
        command: `akc ${path} --tenant-id acme --repo-id shop --outputs-root out --living-automation-profile living_loop_unattended_v1`,
        says: "The documented points, of one scope.",
      },
    ],
    exits: [0, 2],
    environment: {
      AKC_AUTOPILOT_CONFIG: "As --config.",
      AKC_OUTPUTS_ROOT: "As --outputs-root.",
      AKC_TENANT_ID: "As --tenant-id.",
      AKC_REPO_ID: "As --repo-id.",
      AKC_INGEST_STATE_PATH: "As --ingest-state-path; AKC_AUTOPILOT_INGEST_STATE where nothing else says it.",
      AKC_LIVING_AUTOMATION_PROFILE: "As --living-automation-profile.",
      AKC_LIVING_UNATTENDED_CLAIM: "1: it is said to run unattended; then the profile must say so too.",
      AKC_AUTOPILOT_LEASE_BACKEND: "As --lease-backend.",
      AKC_AUTOPILOT_LEASE_NAMESPACE: "As --lease-namespace.",
      AKC_AUTOPILOT_EXPECT_REPLICAS: "As --expect-replicas.",
      KUBERNETES_SERVICE_HOST: "Set by Kubernetes: leases in files are warned of.",
    },
    args: doctorArgs,
    async run(args, { io, print }) {
      const project = await readProject(process.cwd());
      const named = args.config ?? said(io.env[configNames.env[0]]);
      const unit = await unitLook(io.env, named === undefined ? undefined : resolve(named));
      const service = { configPath: named ?? unit.configPath, credentials: unit.credentials };
      const examination = await examinationOf(args, io.env, project, service);
      const outputsRoot =
        examination.configuration.kind === "read" && args.outputsRoot === undefined
          ? examination.configuration.reading.config.outputsRoot
          : await outputsRootOf(io, args.outputsRoot);
      const findings = [...(await examine({ ...examination, outputsRoot })), ...unit.findings];
      const failed = worst(findings) === "fail";
      await print({
        data: {
          kind: "LivingDoctor",
          passed: !failed,
          worst: worst(findings),
          outputs_root: outputsRoot,
          profile: examination.living.profile,
          items: findings.map(({ check, level, message, fix }) => ({
            check,
            level,
            message,
            fix: fix ?? null,
          })),
        },
        text: () => textOf(findings, failed, styleOf(io.stdout.color)),
      });
      if (failed) io.words("Living doctor: failed.\n");
      return failed ? 2 : 0;
    },
  });
}

type ServiceFiles = Pick<UnitLook, "configPath" | "credentials">;

async function examinationOf(
  args: Args,
  env: Environment,
  project: Project,
  service: ServiceFiles,
): Promise<Omit<Examination, "outputsRoot">> {
  const configuration = await configurationOf(args, env, project, service);
  const config = configuration.kind === "read" ? configuration.reading.config : undefined;
  const profile =
    config?.profile ??
    profileOf(
      args.livingAutomationProfile ??
        said(env["AKC_LIVING_AUTOMATION_PROFILE"]) ??
        project.livingAutomationProfile ??
        "",
    ) ??
    "off";
  const ingest =
    args.ingestStatePath ??
    said(env["AKC_INGEST_STATE_PATH"]) ??
    project.ingestStatePath ??
    said(env["AKC_AUTOPILOT_INGEST_STATE"]);
  const suite = args.evalSuitePath;
  return {
    scope: scopeOf(args, env, project),
    living: {
      profile,
      claimed: isTruthy(env["AKC_LIVING_UNATTENDED_CLAIM"]) || project.livingUnattendedClaim === true,
      ingestStatePath: ingest === undefined ? undefined : resolve(ingest),
      evalSuite: {
        path: resolve(suite ?? "configs/evals/intent_system_v1.json"),
        named: suite !== undefined,
      },
      relaxedBaseline: args.relaxedBaseline === true,
    },
    lease: {
      backend:
        args.leaseBackend ?? said(env["AKC_AUTOPILOT_LEASE_BACKEND"]) ?? config?.lease.backend ?? "sqlite",
      namespace: args.leaseNamespace ?? said(env["AKC_AUTOPILOT_LEASE_NAMESPACE"]) ?? config?.lease.namespace,
      name: config?.lease.name,
      replicas:
        args.expectReplicas ??
        said(env["AKC_AUTOPILOT_EXPECT_REPLICAS"]) ??
        String(config?.lease.replicas ?? 1),
      ttlMs: config?.lease.ttlMs ?? limits.autopilotLeaseTtlMsDefault,
      inKubernetes: said(env["KUBERNETES_SERVICE_HOST"]) !== undefined,
    },
    configuration,
    runHook:
      config === undefined || args.runHook !== true
        ? undefined
        : async (scope, trigger) => {
            const { createRecompiler } = await import("../../autopilot/recompile/recompiler.ts");
            const recompiler = createRecompiler({ env, outputsRoot: config.outputsRoot });
            const attemptId = Bun.randomUUIDv7();
            try {
              return await recompiler.recompile(
                { scope, attemptId, triggers: [trigger] },
                new AbortController().signal,
              );
            } finally {
              await recompiler.close();
            }
          },
    clock: systemClock,
  };
}

/** What a controller that is given the same would go by. Words of leases are judged by themselves: there they are warnings. */
async function configurationOf(
  args: Args,
  env: Environment,
  project: Project,
  { configPath, credentials }: ServiceFiles,
): Promise<Examination["configuration"]> {
  if (configPath === undefined) return { kind: "unnamed" };
  const flag = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: [value] });
  const { AKC_AUTOPILOT_EXPECT_REPLICAS: _replicas, AKC_AUTOPILOT_LEASE_BACKEND: _backend, ...rest } = env;
  try {
    const reading = await readAutopilot({
      flags: {
        ...flag(configNames.flag, configPath),
        ...flag("--outputs-root", args.outputsRoot),
        ...flag("--ingest-state-path", args.ingestStatePath),
        ...flag("--eval-suite-path", args.evalSuitePath),
        ...flag("--living-automation-profile", args.livingAutomationProfile),
        ...flag("--lease-namespace", args.leaseNamespace),
      },
      env: rest,
      cwd: process.cwd(),
      project,
      onlyShown: true,
      credentials,
    });
    return { kind: "read", reading };
  } catch (cause) {
    if (cause instanceof AkcError && cause.class !== "internal") return { kind: "invalid", error: cause };
    throw cause;
  }
}

/** @throws AkcError USAGE for one of the two alone, or for what is no id */
function scopeOf(args: Args, env: Environment, project: Project): ScopeId | undefined {
  const tenantId = args.tenantId ?? said(env["AKC_TENANT_ID"]) ?? project.tenantId;
  const repoId = args.repoId ?? said(env["AKC_REPO_ID"]) ?? project.repoId;
  for (const id of [tenantId, repoId]) {
    if (id !== undefined && !isIdentifier(id)) {
      throw new AkcError("USAGE", { message: `"${printable(id)}" is no id of a tenant or a repository` });
    }
  }
  if (args.repoId !== undefined && tenantId === undefined) {
    throw new AkcError("USAGE", { message: "--repo-id without --tenant-id names no scope" });
  }
  return tenantId === undefined || repoId === undefined ? undefined : { tenantId, repoId };
}

function said(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === "" ? undefined : value.trim();
}

/** The documented form: a heading, lines that are indented by two, and how it ends. */
function textOf(findings: readonly Finding[], failed: boolean, style: Style): string {
  const lines = findings.flatMap(({ check, level, message, fix }) => {
    const mark =
      level === "ok" ? style.good("ok  ") : level === "warn" ? style.warn("warn") : style.bad("fail");
    const line = `  ${mark}  ${check}: ${printable(message)}`;
    return fix === undefined ? [line] : [line, `        ${style.faint(printable(fix))}`];
  });
  return [style.strong("Living doctor"), ...lines, ...(failed ? [] : ["Living doctor: ok."])].join("\n");
}
