/**
 * What a service may reach: from its settings to the rules that the kernel enforces on it, and what of the settings cannot be.
 * Never opens the places where akc keeps what it believes.
 */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { interpretersOf } from "../../plugin-host/runtime.ts";
import {
  atLeast,
  type Confinement,
  pathRules,
  realPlace,
  strongestContainment,
  within,
} from "../../system/sandbox.ts";
import type { ServicePlaces } from "./record-store.ts";
import type { ServiceSettings } from "./settings.ts";

export interface ConfinedPlace {
  readonly scopeRoot: string;
  readonly places: ServicePlaces;
  /** Absolute; the program that is executed first. */
  readonly executable: string;
  readonly workdir: string;
}

/** Undefined where the kernel is to watch over nothing. @throws Error for rules that cannot be kept apart. */
export function confinementOf(
  { sandbox }: ServiceSettings,
  { scopeRoot, places, executable, workdir }: ConfinedPlace,
): Confinement | undefined {
  if (sandbox.level !== "landlock") return undefined;
  const own = workdir === places.work ? [places.work] : [];
  return {
    paths: pathRules({
      level: "landlock",
      readWrite: [...own, places.temporary, ...sandbox.write],
      readOnly: [executable, ...interpretersOf(executable), workdir, ...sandbox.read],
      closed: closedPlaces(scopeRoot),
      network: sandbox.network,
    }),
    tcp: sandbox.network,
  };
}

/** State, evidence and packets. The records of services are closed by not being opened. */
function closedPlaces(scopeRoot: string): readonly string[] {
  return ["runtime", "run", "verification", "promotion"].map((name) => join(scopeRoot, ".akc", name));
}

/** Why this host or akc cannot give what the settings ask for; undefined when they can. */
export function sandboxFault({ sandbox }: ServiceSettings, scopeRoot: string): string | undefined {
  if (!atLeast(strongestContainment(), sandbox.level))
    return `sandbox.level "${sandbox.level}" is more than this host can give (${strongestContainment()})`;
  const kept = realPlace(join(scopeRoot, ".akc"));
  for (const path of [...sandbox.read, ...sandbox.write])
    if (!isAbsolute(path)) return `sandbox: ${path} is not an absolute path`;
  for (const path of sandbox.write) {
    const place = realPlace(path);
    if (within(place, kept) || within(kept, place))
      return `sandbox.write: ${path} holds what akc keeps, or lies in it`;
    if (!existsSync(place)) return `sandbox.write: there is no ${path}`;
  }
  return undefined;
}
