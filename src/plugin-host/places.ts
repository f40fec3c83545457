/**
 * The directories in which plugins are looked for, in order. Never the working directory by itself: a folder that somebody
 * left there must not become part of akc.
 */
import { isAbsolute, join, resolve } from "node:path";
import { AkcError } from "../errors.ts";
import type { PluginSource } from "./contract.ts";

export interface PlacesInput {
  /** `--plugins-dir`, in the order given; relative ones are meant from the working directory. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** Where the plugins that akc brings along were unpacked. */
  readonly embedded?: string;
}

const systemPlaces = { etc: "/etc/akc/plugins", usr: "/usr/lib/akc/plugins" } as const;

/**
 * `--plugins-dir`, `AKC_PLUGINS_DIR`, the user's own directory, or the system's for a service, and what akc brings along.
 * @throws AkcError USAGE for a relative path in the environment
 */
export function pluginPlaces({ flags, env, uid, embedded }: PlacesInput): readonly PluginSource[] {
  const user = userDirectory(env, uid);
  return [
    ...flags.map((flag): PluginSource => ({ kind: "flag", directory: resolve(flag) })),
    ...environmentPlaces(env).map((directory): PluginSource => ({ kind: "env", directory })),
    ...(user === undefined
      ? [
          { kind: "etc", directory: systemPlaces.etc } as const,
          { kind: "usr", directory: systemPlaces.usr } as const,
        ]
      : [{ kind: "user", directory: user } as const]),
    ...(embedded === undefined ? [] : [{ kind: "embedded", directory: embedded } as const]),
  ];
}

/** Where `akc plugin install` puts plugins: the first place that is not only read. */
export function installPlace(places: readonly PluginSource[]): PluginSource {
  const place = places.find(({ kind }) => kind !== "usr" && kind !== "embedded");
  if (place === undefined) throw new AkcError("INTERNAL", { message: "there is no place for plugins" });
  return place;
}

/** A service has no home: root, and users without one. */
function userDirectory(env: PlacesInput["env"], uid: number): string | undefined {
  if (uid === 0) return undefined;
  const config = env["XDG_CONFIG_HOME"] ?? "";
  // A relative path there is to be ignored (XDG Base Directory Specification).
  if (isAbsolute(config)) return join(config, "akc/plugins");
  const home = env["HOME"] ?? "";
  return isAbsolute(home) && resolve(home) !== "/" ? join(home, ".config/akc/plugins") : undefined;
}

function environmentPlaces(env: PlacesInput["env"]): readonly string[] {
  const places = (env["AKC_PLUGINS_DIR"] ?? "").split(":").filter((place) => place.trim() !== "");
  const relative = places.find((place) => !isAbsolute(place));
  if (relative === undefined) return places.map((place) => resolve(place));
  throw new AkcError("USAGE", {
    message: `AKC_PLUGINS_DIR holds a relative path: ${relative}`,
    hint: "Give absolute paths, with a colon between them; `--plugins-dir` takes relative ones.",
  });
}
