/**
 * What the controller as a whole goes by, and who asked for the defaults of one that nobody attends. Decides nothing about single
 * scopes.
 *
 * Source: spec cli §14.2, §14.6, §15.1; cli:W-20, W-22, W-23.
 */
import { limits } from "../../limits.ts";
import { choice } from "./composed.ts";
import { discoverySettings } from "./discovery-settings.ts";
import type { Layers, Source } from "./layers.ts";
import type { AutopilotConfig, LeaseConfig } from "./model.ts";
import { listenSettings, telemetrySettings, webhookSettings } from "./outside-settings.ts";
import { LenientProfileText, ProfileText, profileOf } from "./profile.ts";
import type { AutopilotProject } from "./read.ts";
import type { AutopilotFile } from "./schema.ts";
import { countText, pathText } from "./texts.ts";
import { ControllerId, LeaseName, lengthText } from "./words.ts";

export interface ControllerGround {
  readonly cwd: string;
  inFile(path: string): string;
  credential(name: string): string;
  readonly project: AutopilotProject;
}

export interface ControllerSettings {
  readonly config: Omit<AutopilotConfig, "configPath" | "defaults" | "scopes" | "environment">;
  readonly unattended: Source | undefined;
  readonly autonomous: Source | undefined;
  readonly ingestStatePath: string | undefined;
}

export function controllerSettings(
  layers: Layers<AutopilotFile>,
  ground: ControllerGround,
): ControllerSettings {
  const { cwd, inFile, project } = ground;
  const outputsRoot = layers.wanted(
    "outputs_root",
    {
      text: pathText(cwd),
      of: (file) => (file.outputs_root === undefined ? undefined : inFile(file.outputs_root)),
      project: project.outputsRoot,
    },
    { value: cwd, source: undefined },
  );
  const controllerId = layers.value(
    "controller_id",
    { text: ControllerId, of: (file) => file.controller_id },
    { value: "autopilot" },
  );
  const autonomous: Source | undefined =
    project.adoptionLevel === 4 ? { kind: "project", name: "adoption_level 4" } : undefined;
  const profile = profileSetting(layers, project, autonomous);
  const unattended = unattendedSource(layers, profile, autonomous);
  const listen = listenSettings(layers, ground);
  return {
    config: {
      outputsRoot,
      controllerId,
      profile,
      lease: lease(layers, ground),
      discovery: discoverySettings(layers, ground),
      parallelMax: layers.value(
        "parallel",
        { of: (file) => file.parallel },
        { value: limits.autopilotParallelDefault },
      ),
      iterationsMax: layers.maybe("max_iterations", { text: countText(1, Number.MAX_SAFE_INTEGER) }),
      listen,
      webhook: webhookSettings(layers, { ...ground, outputsRoot, listens: listen !== undefined }),
      telemetry: telemetrySettings(layers, ground),
      retention: retention(layers),
      drainMs: layers.value(
        "drain",
        { of: (file) => file.drain, show: lengthText },
        { value: limits.autopilotDrainMsDefault },
      ),
    },
    unattended,
    autonomous,
    ingestStatePath: layers.maybe("ingest_state_path", {
      text: pathText(cwd),
      project: project.ingestStatePath,
    }),
  };
}

function profileSetting(
  layers: Layers<AutopilotFile>,
  project: AutopilotProject,
  autonomous: Source | undefined,
): AutopilotConfig["profile"] {
  const ways = {
    text: ProfileText,
    lenient: LenientProfileText,
    of: (file: AutopilotFile) => file.profile,
    project: project.livingAutomationProfile,
  };
  const source = layers.placeOf("profile", ways);
  const said =
    source?.kind === "environment" ? layers.ground.env[source.name] : project.livingAutomationProfile;
  if ((source?.kind === "environment" || source?.kind === "project") && profileOf(said ?? "") === undefined) {
    layers.note(`${source.name} names no profile that is known; it means off, as documented`);
  }
  return layers.value(
    "profile",
    ways,
    autonomous === undefined ? { value: "off" } : { value: "living_loop_unattended_v1", source: autonomous },
  );
}

/** Who wants the defaults for a controller that nobody attends, if anybody does. */
function unattendedSource(
  layers: Layers<AutopilotFile>,
  profile: AutopilotConfig["profile"],
  autonomous: Source | undefined,
): Source | undefined {
  const asked = layers.ground.flags["--unattended-defaults"] !== undefined;
  if (asked && profile !== "living_loop_unattended_v1") {
    layers.fault(
      "--unattended-defaults",
      "needs the profile living_loop_unattended_v1: --living-automation-profile living_loop_unattended_v1",
    );
  }
  if (asked) return { kind: "profile", name: "--unattended-defaults" };
  return profile === "living_loop_unattended_v1" ? { kind: "profile", name: profile } : autonomous;
}

function lease(layers: Layers<AutopilotFile>, { inFile }: ControllerGround): LeaseConfig {
  const backend = layers.value(
    "lease.backend",
    { text: choice(["sqlite", "filesystem", "k8s"]), of: (file) => file.lease?.backend },
    { value: "sqlite" },
  );
  const namespace = { text: LeaseName, of: (file: AutopilotFile) => file.lease?.namespace };
  const name = { text: LeaseName, of: (file: AutopilotFile) => file.lease?.name };
  return {
    backend,
    name: layers.maybe("lease.name", name),
    namespace:
      backend === "k8s"
        ? layers.wanted("lease.namespace", namespace, { value: "", source: undefined })
        : layers.maybe("lease.namespace", namespace),
    ttlMs: layers.value(
      "lease.ttl",
      { of: (file) => file.lease?.ttl, show: lengthText },
      { value: limits.autopilotLeaseTtlMsDefault },
    ),
    replicas: layers.value(
      "lease.replicas",
      { text: countText(1, 1_000), of: (file) => file.lease?.replicas },
      { value: 1 },
    ),
    kubeconfig: layers.maybe("lease.kubeconfig", {
      of: ({ lease: section }) =>
        section?.kubeconfig === undefined ? undefined : inFile(section.kubeconfig),
    }),
  };
}

function retention(layers: Layers<AutopilotFile>): AutopilotConfig["retention"] {
  return {
    entriesMs: layers.value(
      "retention.entries",
      { of: (file) => file.retention?.entries, show: lengthText },
      { value: limits.autopilotRetentionMsDefault },
    ),
    decisionFilesMax: layers.value(
      "retention.decision_files",
      { of: (file) => file.retention?.decision_files },
      { value: limits.autopilotDecisionFilesMaxDefault },
    ),
    historyBytesMax: layers.value(
      "retention.history_bytes",
      { of: (file) => file.retention?.history_bytes },
      { value: limits.autopilotHistoryBytesMaxDefault },
    ),
  };
}
