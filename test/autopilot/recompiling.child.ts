/** A controller that asks its hook and waits, to be killed meanwhile. */
import { createRecompiler } from "../../src/autopilot/recompile/recompiler.ts";

const { script, outputsRoot, scopeRoot } = await Bun.stdin.json();
const recompiler = createRecompiler({ env: process.env, outputsRoot });
await recompiler.recompile(
  {
    scope: {
      scope: { tenantId: "acme", repoId: "shop" },
      scopeRoot,
      environment: "staging",
      pluginsDirs: [],
      recompile: {
        kind: "command",
        argv: [script],
        env: [],
        write: [],
        read: [],
        network: false,
        timeoutMs: 60_000,
        outputBytesMax: 1_024,
      },
    },
    attemptId: "r1",
    triggers: [],
  } as never,
  new AbortController().signal,
);
