/** The HTTP agent worker that akc brings along as a plugin does what the built-in one does, for the same worker. */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { edge } from "../e2e/bundle.ts";
import { expectError, expectOutcome, inWorld } from "../e2e/world.ts";
import { type PluginRun, Plugins, payloads, steps } from "./run-world.ts";

const key = "key-of-the-worker";
/** Idempotency keys are made of it. */
const sameId = ["--runtime-run-id", "the-run"];

/** What the worker answers to each step. */
const answers: Readonly<Record<string, () => Response>> = {
  first: () => Response.json({ text: "said π ✓", usage: { input_tokens: 5, output_tokens: 2 } }),
  second: () => Response.json({ text: "again", usage: {} }),
  refused: () => new Response("no", { status: 404 }),
  verbose: () => Response.json({ text: "x".repeat(5_000), usage: { output_tokens: 1 } }),
};

const ids = Object.keys(answers);

test("agent_worker sends the same bodies, gives the same outputs and keeps the same text as native", async () => {
  const asked: { readonly body: Record<string, unknown>; readonly authorization: string | null }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body: Record<string, unknown> = JSON.parse(await request.text());
      asked.push({ body, authorization: request.headers.get("authorization") });
      return answers[String(body["coordination_step_id"])]?.() ?? new Response("?", { status: 500 });
    },
  });
  try {
    await inWorld(async (world) => {
      const origin = `http://127.0.0.1:${server.port}`;
      const plugins = new Plugins(world, [], {
        AKC_AGENT_WORKER_HTTP: "1",
        AKC_HTTP_AGENT_WORKER_URL: `${origin}/turn`,
        AKC_HTTP_AGENT_WORKER_API_KEY: key,
      });
      const settings = Object.fromEntries(ids.map((id) => [id, {}]));
      const given = steps(settings)
        .reaching(origin)
        .lanes({ http_method_allowlist: ["GET", "POST"] })
        .with({
          coordination_agent_worker_http_allowlist: [origin],
          intent_policy_projection: {
            operating_bounds_effective: { max_output_tokens: 1_000, max_input_tokens: 1_000 },
          },
        })
        .coordination({
          coordination_graph: {
            nodes: ids.map((node_id) => ({ node_id, kind: "step", label: `the ${node_id}` })),
            edges: [{ ...edge("first", "second", "handoff"), metadata: { handoff_id: "words" } }],
          },
          spec_version: 2,
          coordination_spec_version: 2,
        });
      const seen = async (adapter: string) => {
        asked.length = 0;
        const run = await plugins.run(adapter, given, ...sameId);
        expect(run.report["outcome"]).toBe("failed");
        rmSync(world.scope, { recursive: true, force: true });
        const bodies = asked
          .map(({ body, authorization }) => ({ ...body, authorization }))
          .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
        return { bodies, ends: endsOf(run) };
      };
      const builtin = await seen("native");
      const plugin = await seen("agent_worker");
      expect(builtin.bodies).toHaveLength(ids.length);
      expect(builtin.bodies[0]?.authorization).toBe(`Bearer ${key}`);
      expect(plugin.bodies).toEqual(builtin.bodies);
      expect(Object.keys(builtin.ends).sort()).toEqual([...ids].sort());
      expect(plugin.ends).toEqual(builtin.ends);
      expectError(await plugins.run("acme/agent-worker", given), "PLUGIN_NOT_FOUND", 2);
    });
  } finally {
    await server.stop(true);
  }
});

test("without an address a turn says its own name, as native's does", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, []);
    const native = await plugins.run("native", steps({ a: {} }), ...sameId);
    rmSync(world.scope, { recursive: true, force: true });
    const plugin = await plugins.run("akc/agent-worker", steps({ a: {} }), ...sameId);
    expectOutcome(plugin, "succeeded", 0, null);
    expect(endsOf(plugin)).toEqual(endsOf(native));
  });
});

interface End {
  readonly status: string;
  readonly outputs: { readonly [name: string]: unknown };
  readonly [name: string]: unknown;
}

/** How each step ended, without what must differ: the adapter's name, the time, and the code of a failure. */
function endsOf(run: PluginRun): Readonly<Record<string, unknown>> {
  const ended = [
    ...payloads(run, "runtime.action.completed"),
    ...payloads(run, "runtime.action.dead_lettered"),
  ];
  return Object.fromEntries(
    ended.map(({ action, result }) => {
      const { action_id } = action as { readonly action_id: string };
      const { outputs, duration_ms: _, error_code: __, ...rest } = result as End;
      const { adapter_id: ___, ...same } = outputs;
      return [action_id.split(":")[1], { ...rest, outputs: same }];
    }),
  );
}
