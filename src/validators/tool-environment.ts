/**
 * What of akc's environment each tool of a validator gets: a fixed search path, and what a tool of its name needs to find its own
 * files. Never what would change which code runs in akc's name, and nothing at all for programs that are not known here.
 */
import { basename } from "node:path";
import { fixedPath } from "../system/executable.ts";

interface Need {
  readonly names: readonly string[];
  readonly prefixes: readonly string[];
  /** It leaves a server running on purpose: what slips away from it is its own. */
  readonly leavesServer?: true;
}

const needs: ReadonlyMap<string, Need> = new Map<string, Need>([
  ["adb", { names: ["HOME"], prefixes: ["ANDROID_", "ADB_"], leavesServer: true }],
  // It drives adb.
  [
    "maestro",
    {
      names: ["HOME", "JAVA_HOME"],
      prefixes: ["ANDROID_", "ADB_", "MAESTRO_"],
      leavesServer: true,
    },
  ],
  ["xcrun", { names: ["HOME", "DEVELOPER_DIR"], prefixes: [], leavesServer: true }],
]);

export interface ToolEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** Whether what slips out of its process group is killed when it ends. */
  readonly sweep: boolean;
}

/** @param name as it was asked for: a name or a path */
export function toolEnvironment(
  name: string,
  own: Readonly<Record<string, string | undefined>>,
): ToolEnvironment {
  const need = needs.get(basename(name));
  const passed = Object.entries(own).flatMap(([key, value]) =>
    value !== undefined && isNeeded(need, key) ? [[key, value] as const] : [],
  );
  return {
    env: { ...Object.fromEntries(passed), PATH: fixedPath, LANG: "C.UTF-8", TZ: own["TZ"] ?? "UTC" },
    sweep: need?.leavesServer !== true,
  };
}

function isNeeded(need: Need | undefined, key: string): boolean {
  if (need === undefined) return false;
  return need.names.includes(key) || need.prefixes.some((prefix) => key.startsWith(prefix));
}
