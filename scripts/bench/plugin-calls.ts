/**
 * What a call to a plugin costs: the first to a cold one, the next to a warm one, output in a stream, and ten that do nothing.
 * A bare pipe to `cat` and back, with the same bytes and in the same run, says how much of it is the machine's.
 */
import type { PluginHandle } from "../../src/plugin-host/host.ts";
import { PluginWorld } from "../../test/plugins/hosted.ts";
import { type BenchRow, median } from "./row.ts";

const coldStarts = 15;
const warmCalls = 4_000;
const warmRounds = 5;
const idlePlugins = 10;
const streamBytes = 256 * 1024 * 1024;
const pieceBytes = 64 * 1024;

const entry = `import { definePlugin } from "akc/sdk";
const piece = new Uint8Array(${pieceBytes}).fill(0x7a);
export default definePlugin({
  adapters: {
    hostile: {
      async execute({ settings }, call) {
        for (let sent = 0; sent < (settings.bytes ?? 0); sent += piece.length) await call.output(piece);
        return { outputs: { text: settings.text ?? "" } };
      },
    },
  },
});`;

const text = "x".repeat(200);
const paramsOf = (settings: Readonly<Record<string, string | number>>) => ({
  adapter: "hostile",
  context: {
    tenant_id: "acme",
    repo_id: "shop",
    run_id: "release",
    runtime_run_id: "0193f2c1-0000-7000-8000-000000000000",
    policy_mode: "enforce",
    adapter_id: "hostile",
  },
  action: {
    action_id: "a:0",
    action_type: "step",
    node_id: "n",
    node_kind: "task",
    contract_id: "c",
    inputs_fingerprint: "f",
    idempotency_key: "k",
  },
  attempt: 1,
  settings,
  node: {},
  handoffs: [],
  timeout_ms: 60_000,
  workdir: "/tmp",
});

const execute = (plugin: PluginHandle, settings: Parameters<typeof paramsOf>[0], onOutput?: () => void) =>
  plugin.call("adapter/execute", paramsOf(settings), {
    timeoutMs: 60_000,
    ...(onOutput === undefined ? {} : { onOutput }),
  });

async function cold(world: PluginWorld): Promise<number> {
  const times: number[] = [];
  for (let start = 0; start <= coldStarts; start += 1) {
    const plugin = world.open(world.plugin({ "index.ts": entry }));
    const startedAt = performance.now();
    await execute(plugin, { text });
    // The first start also makes the files that all others are started with.
    if (start > 0) times.push(performance.now() - startedAt);
    await plugin.close();
  }
  return median(times);
}

/** Microseconds of one call and of one bare echo, in turns. */
async function warm(world: PluginWorld): Promise<{ readonly call: number; readonly echo: number }> {
  const plugin = world.open(world.plugin({ "index.ts": entry }));
  const params = paramsOf({ text });
  const bytes = new TextEncoder().encode(
    `${JSON.stringify({ jsonrpc: "2.0", id: 1_000, method: "adapter/execute", params })}\n`,
  );
  const cat = Bun.spawn(["/bin/cat"], { stdin: "pipe", stdout: "pipe" });
  const reader = cat.stdout.getReader();
  const times = { call: [0], echo: [0] };
  const timed = async (list: number[], work: () => Promise<unknown>) => {
    for (let turn = 0; turn < warmCalls; turn += 1) {
      const startedAt = performance.now();
      await work();
      list.push((performance.now() - startedAt) * 1_000);
    }
  };
  for (let round = 0; round <= warmRounds; round += 1) {
    // The first round only warms up.
    if (round === 1) for (const list of Object.values(times)) list.length = 0;
    await timed(times.call, () => execute(plugin, { text }));
    await timed(times.echo, async () => {
      cat.stdin.write(bytes);
      cat.stdin.flush();
      for (let read = 0; read < bytes.length; ) read += (await reader.read()).value?.length ?? bytes.length;
    });
  }
  cat.kill();
  await plugin.close();
  return { call: median(times.call), echo: median(times.echo) };
}

/** Megabytes a second. */
async function stream(world: PluginWorld): Promise<number> {
  const plugin = world.open(world.plugin({ "index.ts": entry }));
  await execute(plugin, { bytes: streamBytes / 8 }, () => undefined);
  const startedAt = performance.now();
  await execute(plugin, { bytes: streamBytes }, () => undefined);
  const seconds = (performance.now() - startedAt) / 1_000;
  await plugin.close();
  return streamBytes / 1e6 / seconds;
}

/** Megabytes that akc itself grows by, in a process that has done nothing else. */
async function idle(): Promise<number> {
  const child = Bun.spawn([process.execPath, import.meta.path, "--idle"], {
    stdout: "pipe",
    stderr: "inherit",
  });
  return Number(await new Response(child.stdout).text());
}

async function measureIdle(): Promise<number> {
  const world = new PluginWorld();
  // What the first plugin costs once is akc's, not each plugin's.
  const first = world.open(world.plugin({ "index.ts": entry }));
  await execute(first, { text });
  await first.close();
  const settle = async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      Bun.gc(true);
      await Bun.sleep(50);
    }
    return process.memoryUsage.rss();
  };
  const before = await settle();
  for (let count = 0; count < idlePlugins; count += 1) {
    await execute(world.open(world.plugin({ "index.ts": entry })), { text });
  }
  const after = await settle();
  await world.close();
  return (after - before) / 1e6;
}

export async function benchPluginCalls(): Promise<readonly BenchRow[]> {
  const world = new PluginWorld();
  try {
    const coldMs = await cold(world);
    const { call, echo } = await warm(world);
    const streamed = await stream(world);
    return [
      { name: "first call to a cold Bun plugin, contained", value: coldMs, unit: "ms", goal: "< 60" },
      { name: "bare pipe echo of the same bytes", value: echo, unit: "us" },
      {
        name: "call to a warm Bun plugin",
        value: call,
        unit: "us",
        baseline: "bare pipe echo",
        ratio: call / echo,
        goal: "< 150, at most 3x",
      },
      { name: `output in pieces of ${pieceBytes / 1024} KiB`, value: streamed, unit: "MB/s" },
      {
        name: `${idlePlugins} idle plugins, memory of akc itself`,
        value: await idle(),
        unit: "MB",
        goal: "< 5",
      },
    ];
  } finally {
    await world.close();
  }
}

if (import.meta.main) {
  if (process.argv.includes("--idle")) console.log(await measureIdle());
  else {
    const { printRows } = await import("./row.ts");
    printRows(await benchPluginCalls());
  }
}
