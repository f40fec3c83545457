/**
 * How children of a long-lived akc are started so that they are shut in before their first instruction and die with it: by the launcher
 * that plugins and services are started with. Makes its files when they are first needed.
 */
import { bunEnvironment, bunOptions } from "../plugin-host/runtime.ts";
import { defaultCacheRoot, runtimeFiles } from "../plugin-host/runtime-files.ts";
import type { Launcher } from "../system/launch.ts";

/** @throws AkcError PLUGIN_START_FAILED where the cache folder is another's, or cannot be written */
export async function childLauncher(env: Readonly<Record<string, string | undefined>>): Promise<Launcher> {
  const files = await runtimeFiles(defaultCacheRoot(env));
  return {
    executable: process.execPath,
    args: [...bunOptions, files.path("launcher.js")],
    env: bunEnvironment,
  };
}
