/**
 * The provider that a deployment names, opened. A kind that nobody knows is an error and never silently another provider.
 *
 * Source: spec reconcile §4.2; W-01.
 */
import { member } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import type { OperatorPolicy, RunPolicy } from "../../policy/model.ts";
import type { DocumentedDeps, Provider, ToolDeps } from "../../providers/contract.ts";
import { createInMemoryProvider, inMemoryProviderId } from "../../providers/in-memory.ts";
import { runObserveProbes } from "../../providers/probe/observe-probes.ts";
import type { Clock } from "../../system/clock.ts";
import type { Deployment } from "./deployment.ts";
import { onlyPermitted } from "./permitted-commands.ts";

export interface ProviderHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
  readonly policy: RunPolicy;
  readonly operator?: OperatorPolicy | undefined;
  /** Whether akc stays: then what a provider starts again by itself it may start again. */
  readonly supervise?: boolean | undefined;
  /** Where plugins are looked for first. */
  readonly pluginsDirs?: readonly string[] | undefined;
}

type Open = (deployment: Deployment, host: ProviderHost) => Promise<Provider>;

const compose: Open = async (deployment, host) => {
  const { createComposeProvider } = await import("../../providers/compose/provider.ts");
  return createComposeProvider(settingsOf(deployment), looking(deployment, host));
};

const kubernetes: Open = async (deployment, host) => {
  const { createKubernetesProvider } = await import("../../providers/kubernetes/provider.ts");
  return createKubernetesProvider(settingsOf(deployment), looking(deployment, host));
};

const systemd: Open = async (deployment, host) => {
  const { createSystemdProvider } = await import("../../providers/systemd/provider.ts");
  return createSystemdProvider(settingsOf(deployment), outside(deployment, host));
};

const processes: Open = async (deployment, { env, clock, scopeRoot, policy, supervise = false }) => {
  const { createProcessProvider } = await import("../../providers/process/provider.ts");
  const { scope, repoRoot, settings } = deployment;
  const observeProbes = member(settings, "observe_probes");
  const provider = createProcessProvider({
    env,
    clock,
    scopeRoot,
    scope,
    repoRoot,
    containment: policy.subprocess.containment,
    supervise,
    ...(observeProbes === undefined ? {} : { observeProbes }),
  });
  return onlyPermitted(provider, policy.subprocess.operatorPaths);
};

/** Loaded when they are named: most runs need none of them. */
const builtin: ReadonlyMap<string, Open> = new Map<string, Open>([
  [inMemoryProviderId, async () => createInMemoryProvider()],
  ["process", processes],
  ["docker_compose_apply", compose],
  ["docker_compose_observe", compose],
  ["kubernetes_apply", kubernetes],
  ["kubernetes_observe", kubernetes],
  ["systemd", systemd],
  ["systemd_observe", systemd],
]);

/** A provider that is there, not opened yet. */
export type FoundProvider = (host: ProviderHost) => Promise<Provider>;

/** @throws AkcError PROVIDER_UNAVAILABLE for a kind that nobody offers, or why the plugin that does may not be started */
export async function findProvider(
  deployment: Deployment,
  { env, operator, pluginsDirs = [] }: Pick<ProviderHost, "env" | "operator" | "pluginsDirs">,
): Promise<FoundProvider> {
  const { kind } = deployment;
  const open = builtin.get(kind);
  if (open !== undefined) return (host) => open(deployment, host);
  const { namedProvider, openPluginProvider } = await import("./plugin-provider.ts");
  const named = await namedProvider(kind, { directories: pluginsDirs, env, operator });
  if (named === undefined) {
    throw new AkcError("PROVIDER_UNAVAILABLE", {
      message: `there is no deployment provider ${kind}`,
      details: { provider: kind, available: [...builtin.keys()] },
    });
  }
  return async (host) => openPluginProvider(named, deployment, host);
}

/** Also where only the contract names the kind. */
function settingsOf({ settings, kind }: Deployment) {
  return { ...settings, kind };
}

/** With what those have that the documented contract knows. */
function looking(deployment: Deployment, host: ProviderHost): DocumentedDeps {
  const { observeHashContract } = deployment;
  return {
    ...outside(deployment, host),
    probe: runObserveProbes,
    ...(observeHashContract === undefined ? {} : { observeHashContract }),
  };
}

function outside({ repoRoot, scope }: Deployment, { env, clock }: ProviderHost): ToolDeps {
  return { env, clock, repoRoot, scope };
}
