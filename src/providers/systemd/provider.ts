/**
 * Units of a host's systemd as resources: unit files and their drop-ins, whether they are enabled and active. Speaks to systemd through
 * `systemctl` alone, and changes only units whose files bear this scope's mark.
 *
 * Source: docs/provider-systemd.md; spec reconcile §4.10.
 */
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type {
  DesiredResource,
  Observation,
  OwnedResource,
  Provider,
  ProviderCall,
  Resolution,
  Revision,
  ToolDeps,
} from "../contract.ts";
import { applyUnit, type ChangeDeps, deleteUnit } from "./change.ts";
import { Look, type Subject } from "./look.ts";
import { Reloads } from "./reload.ts";
import { resolveUnit, wantedOf } from "./revision.ts";
import { readProviderSettings, type SystemdSettings } from "./settings.ts";
import { Systemctl } from "./systemctl.ts";
import { UnitVerifier } from "./verify.ts";

/**
 * @param settings `deployment_provider` of the bundle, with `kind` `systemd` or `systemd_observe`
 * @throws AkcError DESIRED_STATE_INVALID
 */
export function createSystemdProvider(settings: JsonObject, deps: ToolDeps): Provider {
  const { env, repoRoot, scope, clock } = deps;
  const read = readProviderSettings(settings, env);
  const systemctl = new Systemctl({ env, user: read.user });
  const look = new Look({ settings: read, systemctl, scope, clock });
  const reloads = new Reloads({
    reload: () => systemctl.reload(),
    patience: (signal) => clock.sleep(limits.systemdReloadGatherMs, signal),
  });
  const verifier = new UnitVerifier(env, read.user);
  const change: ChangeDeps = { settings: read, systemctl, scope, look, reloads };
  const observes = read.kind === "systemd_observe";
  const refuse = async () => {
    throw new AkcError("PROVIDER_FAILED", {
      message: "systemd_observe changes nothing",
      details: { retryable: false },
    });
  };
  return {
    id: read.kind,
    capabilities: new Set(
      observes ? ["observe", "diff"] : ["observe", "diff", "apply", "delete", "rollback"],
    ),
    resolve: (resources, call) =>
      resolveUnits(resources, read, repoRoot, read.verify && !observes ? verifier : undefined, call),
    observe: (revisions, owned, call) => observeUnits(revisions, owned, look, call),
    apply: (one, call) => (observes ? refuse() : applyUnit(one, change, call)),
    delete: (one, call) => (observes ? refuse() : deleteUnit(one, change, call)),
    close: () => reloads.settled(),
  };
}

async function resolveUnits(
  resources: readonly DesiredResource[],
  settings: SystemdSettings,
  repoRoot: string,
  verifier: UnitVerifier | undefined,
  call: ProviderCall,
): Promise<readonly Resolution[]> {
  const resolved = await Promise.all(resources.map((one) => resolveUnit(one, settings, repoRoot)));
  const wanted = resolved.flatMap((one) => (one.kind === "resolved" ? [wantedOf(one.revision)] : []));
  const users = Map.groupBy(wanted, ({ unit }) => unit);
  const refusals = (await verifier?.refusals(wanted, call)) ?? new Map<string, string>();
  return resolved.map((one): Resolution => {
    if (one.kind === "refused") return one;
    const { resourceId } = one.revision;
    const { unit } = wantedOf(one.revision);
    if ((users.get(unit)?.length ?? 0) > 1) {
      return {
        kind: "refused",
        resourceId,
        message: `another resource of the bundle is the unit ${unit} too`,
      };
    }
    const why = refusals.get(unit);
    return why === undefined
      ? one
      : { kind: "refused", resourceId, message: `systemd would not take it: ${why}` };
  });
}

async function observeUnits(
  revisions: readonly Revision[],
  owned: readonly OwnedResource[],
  look: Look,
  call: ProviderCall,
): Promise<readonly Observation[]> {
  const inventory = new Set(owned.map(({ resourceId }) => resourceId));
  const wanted = new Set(revisions.map(({ resourceId }) => resourceId));
  const subjects = revisions.map((revision) => look.subjectOf(revision, inventory.has(revision.resourceId)));
  const unnamed: Observation[] = [];
  for (const one of owned.filter(({ resourceId }) => !wanted.has(resourceId))) {
    const subject = look.subjectOfOwned(one);
    if (subject !== undefined) subjects.push(subject);
    else unnamed.push(lost(one));
  }
  const seen = await look.at(subjects, true, call);
  return [
    ...seen.map(({ subject, standing }) => ({ ...nameOf(subject), standing })),
    ...unnamed.filter(({ resourceId }) => !seen.some(({ subject }) => subject.resourceId === resourceId)),
  ];
}

/** Of an inventory that another provider wrote. */
function lost({ resourceId, resourceClass }: OwnedResource): Observation {
  const message = "the inventory names no unit in a folder of this systemd";
  return { resourceId, resourceClass, standing: { kind: "unobservable", reason: "malformed", message } };
}

function nameOf({ resourceId, resourceClass }: Subject) {
  return { resourceId, resourceClass };
}
