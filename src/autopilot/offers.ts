/**
 * Which bundle lies in a scope to be rolled out, and what was deployed before anybody watched. It reads below the scope and at the
 * configured path and nowhere else, knows a bundle by its hash, and asks the disk only for stamps while nothing changes.
 *
 * Source: spec cli §14.7; cli:W-58.
 */
import { join } from "node:path";
import { databaseStamp } from "../store/sqlite/stamp.ts";
import type { Clock } from "../system/clock.ts";
import { isSettled } from "../system/file-stamp.ts";
import type { ScopeConfig } from "./config/model.ts";
import type { Offers } from "./contract.ts";
import { type Deployed, type Offer, type ScopeId, scopeName } from "./model.ts";
import { type BundleIdentity, bundleIdentity, refuseForeign } from "./offer/bundle-identity.ts";
import { type NamedBundle, newestNamed } from "./offer/manifests.ts";
import { StampedFiles, stampOf } from "./offer/stamped.ts";
import { type StoodTimes, standingRun } from "./offer/standing-run.ts";

export interface OffersDeps {
  readonly clock: Pick<Clock, "nowMs">;
}

export interface KeepingOffers extends Offers {
  /** Drops what is kept of a scope that is not watched any more. */
  forget(scope: ScopeId): void;
}

interface Kept {
  readonly manifests: StampedFiles<NamedBundle>;
  readonly bundles: StampedFiles<BundleIdentity>;
  /** The last good run, for as long as the scope's database is what it was. */
  standing?: { readonly stamp: string; readonly found: Deployed | undefined } | undefined;
  /** What was read of its runs, whatever the database is now. */
  stood?: StoodTimes;
}

export function createOffers({ clock }: OffersDeps): KeepingOffers {
  const kept = new Map<string, Kept>();
  const keptOf = ({ scope }: ScopeConfig): Kept => {
    const known = kept.get(scopeName(scope));
    if (known !== undefined) return known;
    const fresh: Kept = { manifests: new StampedFiles(clock), bundles: new StampedFiles(clock) };
    kept.set(scopeName(scope), fresh);
    return fresh;
  };
  return {
    async newest(scope) {
      const { manifests, bundles } = keptOf(scope);
      const named = scope.bundlePath === undefined ? await newestNamed(scope, manifests) : undefined;
      const bundlePath = scope.bundlePath ?? named?.bundlePath;
      if (bundlePath === undefined) return undefined;
      bundles.keepOnly([bundlePath]);
      const identity = await bundles.read(bundlePath, async (path) => ({
        value: await bundleIdentity(path),
        keep: true,
      }));
      return offerOf(scope, { bundlePath, identity, manifestPath: named?.manifestPath });
    },
    async standing(scope) {
      const known = keptOf(scope);
      const { text: stamp, changedAtMs } = databaseStamp(scope.scopeRoot);
      if (known.standing?.stamp === stamp) return known.standing.found;
      const { found, stood } = await standingRun(scope.scopeRoot, known.stood);
      known.stood = stood;
      known.standing = isSettled(changedAtMs, clock.nowMs()) ? { stamp, found } : undefined;
      return found;
    },
    forget: (scope) => void kept.delete(scopeName(scope)),
  };
}

interface Found {
  readonly bundlePath: string;
  readonly identity: BundleIdentity;
  /** Of the manifest that named it. */
  readonly manifestPath: string | undefined;
}

/** @throws AkcError BUNDLE_SCOPE_MISMATCH */
function offerOf({ scope, scopeRoot }: ScopeConfig, { bundlePath, identity, manifestPath }: Found): Offer {
  const { sha256, runId } = identity;
  refuseForeign(bundlePath, identity.scope, scope);
  const usual = join(scopeRoot, `.akc/run/${runId}.manifest.json`);
  const manifest = manifestPath ?? (stampOf(usual) === undefined ? undefined : usual);
  return {
    bundlePath,
    bundleSha256: sha256,
    runId,
    ...(manifest === undefined ? {} : { manifestPath: manifest }),
    source: manifestPath === undefined ? "configured" : "manifest",
  };
}
