/**
 * The offered bundle as gates look at it: read as a run in mode enforce would read it, held against its hash and the scope. It starts
 * nothing, connects to nothing and writes nothing.
 */
import type { Bundle } from "../../bundle/model.ts";
import type { RunPolicy } from "../../policy/model.ts";
import { deploymentOf } from "../../run/deployment/deployment.ts";
import { prepareRun } from "../../run/prepare.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Offer } from "../model.ts";
import { refuseForeign } from "../offer/bundle-identity.ts";

export interface WeighedBundle {
  readonly bundle: Bundle;
  readonly policy: RunPolicy;
  /** The kind of provider that is really used; absent on bundles that want nothing to stand. */
  readonly kind?: string;
}

/** @throws AkcError of the bundle, its coordination or the policy; BUNDLE_HASH_MISMATCH, BUNDLE_SCOPE_MISMATCH */
export async function weighedBundle(
  { scope, policyPath }: ScopeConfig,
  { bundlePath, bundleSha256 }: Pick<Offer, "bundlePath" | "bundleSha256">,
): Promise<WeighedBundle> {
  const { bundle, policy } = await prepareRun({
    bundlePath,
    expectedSha256: bundleSha256,
    mode: "enforce",
    adapter: "auto",
    ...(policyPath === undefined ? {} : { policyPath }),
  });
  refuseForeign(bundlePath, bundle.scope, scope);
  const kind = deploymentOf(bundle, "enforce")?.kind;
  return { bundle, policy, ...(kind === undefined ? {} : { kind }) };
}
