/**
 * Looks at what stands against one bundle, again and again, and writes nothing into the scope: no event, no lease, no plan. What is
 * expensive, the bundle and what it wants, is worked out once and kept.
 *
 * Source: docs/autopilot.md; spec cli §17.1 W-68; controller-runtime (design only).
 */

import { createInMemoryProvider, inMemoryProviderId } from "../../providers/in-memory.ts";
import { type Wanted, wantedOf } from "../../reconciler/look.ts";
import { type Glance, glance } from "../../reconciler/reconcile.ts";
import type { Lease } from "../../store/contract.ts";
import { prepareRun } from "../prepare.ts";
import type { RunHost } from "../ready.ts";
import type { Convergence } from "./converge.ts";
import type { Deployment } from "./deployment.ts";
import { openConvergence } from "./open.ts";
import { scopeRecords } from "./scope-record.ts";

export interface SentryInput {
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
  readonly bundlePath: string;
  /** The bundle that it must be. */
  readonly bundleSha256: string;
  readonly policyPath?: string | undefined;
  /** Absolute. */
  readonly pluginsDirs: readonly string[];
  /** Absolute path of the registry of validator bindings. */
  readonly bindingsPath?: string | undefined;
}

export interface Look extends Glance {
  /** Whether a rollout is under way: what differs then is on its way. */
  readonly rolloutOpen: boolean;
  /** Who deploys in the scope now; null while nobody does. */
  readonly lease: Lease | null;
}

export interface Sentry {
  readonly deployment: Pick<Deployment, "kind" | "gate" | "desired">;
  /** @throws AkcError of the store or of the bundle; the signal's reason. A provider that does not answer throws nothing: all is unobservable */
  look(signal: AbortSignal): Promise<Look>;
  /** Ends what serves it; nothing that stands. */
  close(): Promise<void>;
}

/**
 * Undefined when the bundle wants nothing to stand.
 * @throws AkcError BUNDLE_HASH_MISMATCH, DESIRED_STATE_INVALID, PROVIDER_GATED, PROVIDER_UNAVAILABLE and whatever else is wrong with the
 *   bundle or the policy
 */
export async function openSentry(input: SentryInput, host: RunHost): Promise<Sentry | undefined> {
  const { scopeRoot, bundlePath, bundleSha256, policyPath, pluginsDirs, bindingsPath } = input;
  const prepared = await prepareRun({
    bundlePath,
    expectedSha256: bundleSha256,
    // What is only looked at needs no right to change.
    mode: "simulate",
    adapter: "auto",
    ...(policyPath === undefined ? {} : { policyPath }),
  });
  const convergence = await openConvergence(
    prepared,
    { ...host, scopeRoot, pluginsDirs, validatorBindings: bindingsPath },
    { ask: true },
  );
  return convergence && sentryWith(convergence, scopeRoot, host);
}

function sentryWith(
  { deployment, provider, close }: Convergence,
  scopeRoot: string,
  { clock }: Pick<RunHost, "clock">,
): Sentry {
  let known: Wanted | undefined;
  const recordNow = scopeRecords(scopeRoot);
  return {
    deployment,
    async look(signal) {
      // A bundle does not change; what it could not be read for may have come back.
      const wanted =
        known?.refused.length === 0 ? known : await wantedOf(provider, deployment.desired, signal);
      known = wanted;
      const record = await recordNow();
      const seen = await glance({
        ...deployment,
        // What it remembers of its own would be older than what is kept of the scope.
        provider: provider.id === inMemoryProviderId ? createInMemoryProvider() : provider,
        deployment: record,
        wanted,
        adopt: false,
        clock,
        signal,
      });
      const { rolloutOpen, lease } = record;
      return { ...seen, rolloutOpen, lease };
    },
    close,
  };
}
