/**
 * How a Deno plugin is started: what was granted also as Deno's own permissions, which know hosts where the kernel knows ports.
 * No import from the network, no npm, no configuration of the folder's or the user's.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Program, type ProgramInput, programNamed } from "./runtime.ts";

/** What every plugin has in its environment, and what Deno's `node:child_process` looks for before it starts anything. */
const harmlessVariables = ["PATH", "HOME", "TMPDIR", "LANG", "NODE_V8_COVERAGE"];

/** `AKC_DENO` says where Deno is, when it is not in the fixed PATH. @throws AkcError PLUGIN_START_FAILED */
export function denoProgram(
  { plugin, granted, files, workdir, env = {} }: ProgramInput,
  entry: string,
): Program {
  const deno = programNamed(env["AKC_DENO"] ?? "deno");
  const map = join(workdir, "import-map.json");
  const imports = { "akc/sdk": pathToFileURL(files.path("sdk.js")).href };
  writeFileSync(map, JSON.stringify({ imports }), { mode: 0o600 });
  const allow = (name: string, values: readonly string[]) =>
    values.length === 0
      ? []
      : [`--allow-${name}=${values.map((value) => value.replaceAll(",", ",,")).join(",")}`];
  const targets = granted.requestsOnly === true ? [] : granted.net;
  const net = targets.some((one) => one.startsWith("*:"))
    ? ["--allow-net"]
    : allow(
        "net",
        targets.map((one) => one.replace(/:\*$/, "")),
      );
  return {
    executable: deno,
    argv: [
      "deno",
      "run",
      ...["--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--cached-only", "--quiet"],
      `--import-map=${map}`,
      ...allow("read", [plugin.root, files.folder, workdir, ...granted.read, ...granted.write]),
      ...allow("write", [workdir, ...granted.write]),
      ...net,
      ...allow("run", granted.toolsOnly === true ? [] : granted.run),
      ...allow("env", [...granted.env, ...harmlessVariables]),
      files.path("deno.js"),
      pathToFileURL(join(plugin.root, entry)).href,
    ],
    env: { DENO_DIR: join(workdir, ".deno"), DENO_NO_UPDATE_CHECK: "1", DENO_NO_PROMPT: "1", NO_COLOR: "1" },
    output: "stdout",
    executables: [deno],
    reads: [files.folder],
  };
}
