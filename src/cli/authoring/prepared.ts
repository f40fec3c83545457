/**
 * Settles what a run of a plan or a bundle would be, without beginning one: nothing is written and nothing is started.
 */
import { join } from "node:path";
import { loadBundle } from "../../bundle/load.ts";
import type { PolicyMode } from "../../bundle/model.ts";
import { prettyJson } from "../../json/canonical.ts";
import { filesBelow } from "../../run/bundle-files.ts";
import { type Prepared, prepareBundle, prepareRun, readOperatorPolicy } from "../../run/prepare.ts";
import { bundlePlace, type Given, type GivenPlan, nameOf } from "./given.ts";

export interface Preparing {
  readonly mode: PolicyMode;
  readonly adapter?: string | undefined;
  readonly policyPath?: string | undefined;
  readonly requireEffects?: boolean | undefined;
}

/** @throws AkcError as `prepareRun` */
export async function prepareGiven(given: Given, preparing: Preparing): Promise<Prepared> {
  const { mode, adapter = "auto", policyPath, requireEffects } = preparing;
  const asked = { mode, adapter, ...(requireEffects === true ? { requireEffects } : {}) };
  if (given.kind === "bundle") {
    return prepareRun({
      ...asked,
      bundlePath: given.path,
      ...(policyPath === undefined ? {} : { policyPath }),
    });
  }
  const operator = await readOperatorPolicy(policyPath);
  const bundle = await loadBundle(sourceOf(given), {
    mode,
    ...(operator?.strictIntentAuthority === true ? { strictIntentAuthority: true } : {}),
  });
  return prepareBundle(bundle, { ...asked, ...(operator === undefined ? {} : { operator }) });
}

/** The bundle's bytes as they are written: the same wherever and whenever the plan is compiled. */
export function bundleText({ compiled }: Pick<GivenPlan, "compiled">): string {
  return `${prettyJson(compiled.bundle)}\n`;
}

function sourceOf(given: GivenPlan) {
  return {
    path: bundlePlace(given, nameOf(given)),
    repoRoot: join(given.folder),
    text: bundleText(given),
    files: filesBelow(given.folder),
  };
}
