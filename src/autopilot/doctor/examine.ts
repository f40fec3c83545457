/**
 * Examines what an autopilot would run on: the documented checks of an unattended loop, its configuration, leases, clock, disk, memory,
 * hook, files and kernel. Looks and changes nothing, except that a hook is really asked where that is wished.
 *
 * Source: spec cli §15.6, §17.3.
 */
import type { AkcError } from "../../errors.ts";
import type { Clock } from "../../system/clock.ts";
import type { AutopilotConfig } from "../config/model.ts";
import type { AutopilotReading } from "../config/read.ts";
import { scopeConfigOf } from "../config/scope-config.ts";
import type { ScopeId } from "../model.ts";
import { discoverScopes } from "../scopes.ts";
import { clockFindings } from "./clock.ts";
import { databaseLook } from "./database.ts";
import { diskLook } from "./disk.ts";
import { fileFindings } from "./files.ts";
import { type Finding, warn } from "./finding.ts";
import { type HookInput, hookFindings } from "./hook.ts";
import { kernelFindings } from "./kernel.ts";
import { type LeaseInput, leaseFindings } from "./lease.ts";
import { type LivingInput, livingFindings } from "./living.ts";
import { invalidSettings, settingsFindings } from "./settings.ts";

export interface Examination {
  /** Absolute. */
  readonly outputsRoot: string;
  /** The scope that was named; undefined: those that the configuration finds. */
  readonly scope?: ScopeId | undefined;
  readonly living: Omit<LivingInput, "scopes" | "outputsRoot" | "configured">;
  readonly lease: Omit<LeaseInput, "scopes" | "sharedFileSystem">;
  /** The controller's configuration, why it is not valid, or that nobody names one. */
  readonly configuration:
    | { readonly kind: "read"; readonly reading: AutopilotReading }
    | { readonly kind: "invalid"; readonly error: AkcError }
    | { readonly kind: "unnamed" };
  readonly runHook: HookInput["run"];
  readonly clock: Clock;
}

export async function examine(input: Examination): Promise<readonly Finding[]> {
  const { outputsRoot, configuration, clock } = input;
  const config = configuration.kind === "read" ? configuration.reading.config : undefined;
  const discovered =
    config === undefined || input.scope !== undefined ? undefined : await discoverScopes(config);
  const scopes = input.scope === undefined ? (discovered?.scopes ?? []) : [input.scope];
  const disk = diskLook(outputsRoot);
  const database = await databaseLook(outputsRoot, clock.nowMs());
  const configured = configuration.kind !== "unnamed";
  return [
    ...(await livingFindings({ ...input.living, scopes, outputsRoot, configured })),
    ...configurationFindings(configuration),
    ...(discovered?.faults ?? []).map(({ message }) =>
      warn("configuration", message, "Mend the registry or the folders; the other scopes are watched."),
    ),
    ...leaseFindings({ ...input.lease, scopes: scopes.length, sharedFileSystem: disk.sharedFileSystem }),
    ...(await clockFindings({
      clock,
      ttlMs: input.lease.ttlMs,
      severalHosts: input.lease.backend === "k8s" || Number(input.lease.replicas) > 1,
      newestEntryAtMs: database.newestEntryAtMs,
    })),
    ...disk.findings,
    ...database.findings,
    ...(config === undefined ? [] : await ofConfig(config, scopes, input)),
    ...kernelFindings(),
  ];
}

function configurationFindings(configuration: Examination["configuration"]): readonly Finding[] {
  switch (configuration.kind) {
    case "read":
      return settingsFindings(configuration.reading);
    case "invalid":
      return invalidSettings(configuration.error);
    case "unnamed":
      return [
        warn(
          "configuration",
          "no configuration is named: hook, files and limits of the controller are not looked at",
          "Name it with --config or AKC_AUTOPILOT_CONFIG.",
        ),
      ];
  }
}

async function ofConfig(
  config: AutopilotConfig,
  scopes: readonly ScopeId[],
  { runHook, clock }: Examination,
): Promise<readonly Finding[]> {
  const each = scopes.map((scope) => scopeConfigOf(config, scope));
  // What holds for scopes that are still to come.
  const usual = scopeConfigOf(config, { tenantId: "any", repoId: "any" });
  return [
    ...(await hookFindings({ scopes: each.length > 0 ? each : [usual], run: runHook, nowMs: clock.nowMs() })),
    ...fileFindings(config, each.length > 0 ? each : [usual]),
  ];
}
