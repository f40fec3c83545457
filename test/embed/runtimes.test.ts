/**
 * Three runtimes in one's own process, each with a bundle that really does something, an adapter of one's own, and what
 * must hold when a run is stopped, narrowed or broken from outside.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type ActionRequest,
  type ActionResult,
  type Adapter,
  type AdapterCapabilities,
  AkcError,
  type Bundle,
  type Clock,
  createAdapterRegistry,
  createHybridRuntime,
  createLocalDepthRuntime,
  createNativeRuntime,
  type EventJson,
  loadBundle,
  noCapabilities,
  type RunInMemory,
  startRun,
  systemClock,
  systemIds,
} from "../../src/embed.ts";
import { parseJson } from "../../src/json/read.ts";
import { type BundleBuilder, bundle, noop, runId, sh } from "../e2e/bundle.ts";
import { filled, handing, leaving, step, taking } from "../e2e/handed.ts";

const folder = mkdtempSync(join(tmpdir(), "akc-runtimes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const chain = bundle().step("make", sh("echo made; echo note >note")).step("show", sh("cat note"), "make");

describe("the native runtime", () => {
  test("runs coordination steps to their end, with every event and decision at hand", async () => {
    const { outcome, status, counts, events, decisions, converged } = await createNativeRuntime(
      await loaded(delegated()),
    ).run({ runtimeRunId: "rt-1" });
    expect({ outcome, status, converged }).toEqual({
      outcome: "succeeded",
      status: "terminal",
      converged: true,
    });
    expect(counts).toMatchObject({ total: 2, succeeded: 2, withoutEffect: 2 });
    expect(events.map((event) => event.event_type)).toEqual([
      "runtime.coordination.plan_enqueued",
      "runtime.kernel.started",
      "runtime.action.policy_allowed",
      "runtime.action.completed",
      "runtime.action.policy_allowed",
      "runtime.action.completed",
      "runtime.kernel.loop_finished",
    ]);
    expect(events[0]).toMatchObject({
      event_id: expect.stringMatching(/^rt-1:runtime\.coordination\.plan_enqueued:\d+:1$/),
      context: { tenant_id: "acme", repo_id: "shop", run_id: runId, runtime_run_id: "rt-1" },
      payload: { layer_count: 2, step_order: ["a", "b"] },
    });
    expect(decisions.map(({ action, allowed }) => [action, allowed])).toEqual([
      ["runtime.state.checkpoint.write", true],
      ["runtime.action.dispatch", true],
      ["runtime.action.dispatch", true],
    ]);
  });

  test("follows no route, says so, and refuses when an effect is required", async () => {
    const lenient = await createNativeRuntime(await loaded(chain)).run();
    expect(lenient.counts).toMatchObject({ succeeded: 2 });
    const strict = await createNativeRuntime(await loaded(chain), { requireEffects: true }).run();
    expect(strict).toMatchObject({ outcome: "blocked", lastErrorCode: "EFFECT_REQUIRED" });
  });

  test("shares nothing between runs, and tells every event as soon as it is recorded", async () => {
    const seen: EventJson[] = [];
    const runtime = createNativeRuntime(await loaded(delegated()), { onEvent: (event) => seen.push(event) });
    const [first, second] = await Promise.all([runtime.run(), runtime.run()]);
    expect(first.runtimeRunId).not.toBe(second.runtimeRunId);
    expect(first.events.length).toBe(second.events.length);
    for (const run of [first, second]) {
      expect(seen.filter((event) => event.context["runtime_run_id"] === run.runtimeRunId)).toEqual([
        ...run.events,
      ]);
    }
  });
});

describe("the local runtime", () => {
  test("starts the bundle's processes and keeps what they put out, but no state and no evidence", async () => {
    const outputsRoot = join(folder, "local");
    const run = await createLocalDepthRuntime(await loaded(chain), { outputsRoot }).run({
      runtimeRunId: "rt-1",
    });
    expect(run).toMatchObject({ outcome: "succeeded", counts: { succeeded: 2, withoutEffect: 0 } });
    expect(await outputOf(run, "make")).toBe("made\n");
    expect(await outputOf(run, "show")).toBe("note\n");
    const scopeDir = join(outputsRoot, "acme/shop/.akc/runtime", runId, "rt-1");
    expect(readdirSync(scopeDir)).toEqual(["roles"]);
    expect(readdirSync(join(outputsRoot, "acme/shop/.akc"))).toEqual(["runtime"]);
  });

  test("hands what has no route to the given delegate, which is prepared before and closed after", async () => {
    const said: string[] = [];
    const run = await createLocalDepthRuntime(await loaded(delegated()), {
      outputsRoot: join(folder, "delegate"),
      requireEffects: true,
      delegate: adapterOf({
        prepare: async () => void said.push("prepare"),
        execute: async (request) => {
          said.push(request.action.nodeId);
          return done(request);
        },
        close: async () => void said.push("close"),
      }),
    }).run();
    expect(run.outcome).toBe("succeeded");
    expect(said).toEqual(["prepare", "node-a", "node-b", "close"]);
  });

  test("denies what the operator takes away, and starts nothing then", async () => {
    const operator = { path: "operator.yaml", denyActions: ["runtime.action.execute.subprocess"] };
    const outputsRoot = join(folder, "denied");
    const run = await createLocalDepthRuntime(await loaded(chain), { outputsRoot, operator }).run();
    expect(run).toMatchObject({ outcome: "blocked", lastErrorCode: "POLICY_DENIED" });
    expect(run.counts).toMatchObject({ denied: 1, blocked: 1 });
    expect(run.decisions.find(({ allowed }) => !allowed)).toMatchObject({ rule: "operator:/deny_actions" });
  });

  test("changes nothing in simulate", async () => {
    const outputsRoot = join(folder, "simulated");
    const run = await createLocalDepthRuntime(await loaded(chain), { outputsRoot, mode: "simulate" }).run({
      runtimeRunId: "rt-1",
    });
    expect(run).toMatchObject({ outcome: "succeeded", counts: { succeeded: 2, withoutEffect: 2 } });
    const roles = join(outputsRoot, "acme/shop/.akc/runtime", runId, "rt-1/roles/builder/scratch");
    expect(existsSync(roles) ? readdirSync(roles) : []).toEqual([]);
  });

  test("ends `stopped` when its signal aborts and `exhausted` at its deadline, and leaves no process", async () => {
    const marker = `600.${process.pid}`;
    const long = await loaded(bundle().step("long", sh(`sleep ${marker}`)));
    const outputsRoot = join(folder, "stopped");
    const stop = new AbortController();
    const runtime = createLocalDepthRuntime(long, {
      outputsRoot,
      onEvent: ({ event_type: type }) => {
        if (type === "runtime.action.policy_allowed") setTimeout(() => stop.abort(), 50);
      },
    });
    expect(await runtime.run({ signal: stop.signal })).toMatchObject({
      outcome: "stopped",
      counts: { cancelled: 1 },
    });
    expect(await createLocalDepthRuntime(long, { outputsRoot }).run({ deadlineMs: 100 })).toMatchObject({
      outcome: "exhausted",
      lastErrorCode: "RUN_DEADLINE",
    });
    expect(commandLines().filter((line) => line.includes(marker))).toEqual([]);
  });

  test("an onEvent that throws rejects the run with what it threw, and nothing is left running", async () => {
    const marker = `601.${process.pid}`;
    const together = {
      parallel_dispatch_enabled: true,
      max_in_flight_steps: 2,
      max_in_flight_per_role: 2,
      completion_fold_order: "coordination_step_id",
    };
    const two = await loaded(
      bundle()
        .step("long", sh(`sleep ${marker}`))
        .step("short", sh("true"))
        .with({ coordination_execution_contract: together }),
    );
    const runtime = createLocalDepthRuntime(two, {
      outputsRoot: join(folder, "broken"),
      onEvent: ({ event_type: type }) => {
        if (type === "runtime.action.completed") throw new RangeError("enough");
      },
    });
    await expect(runtime.run()).rejects.toThrow(new RangeError("enough"));
    expect(commandLines().filter((line) => line.includes(marker))).toEqual([]);
  });
});

describe("the hybrid runtime", () => {
  test("executes with the given adapter alone, in a folder that goes when the run has ended", async () => {
    const workdirs: string[] = [];
    const adapter = adapterOf({
      execute: async (request) => {
        expect(existsSync(request.workdir)).toBe(true);
        await Bun.write(join(request.workdir, "mine"), "x");
        workdirs.push(request.workdir);
        return done(request);
      },
    });
    const run = await createHybridRuntime(await loaded(chain), adapter, { requireEffects: true }).run();
    expect(run.outcome).toBe("succeeded");
    expect(run.events[2]?.context["adapter_id"]).toBe("own");
    expect(workdirs.length).toBe(2);
    expect(workdirs.filter(existsSync)).toEqual([]);
  });

  test("is given no step with files or placeholders unless it says that it moves them", async () => {
    const train = handing(
      step("make", leaving("echo note > note", "note")),
      step("show", filled(taking("cat note", ["make", "note"])), "make"),
    );
    const asked: string[] = [];
    const run = async (movesFiles: boolean) => {
      const execute = async (request: ActionRequest) => {
        asked.push(request.action.nodeId);
        return done(request);
      };
      const adapter = adapterOf({ respectsRouting: true, movesFiles, execute });
      const { events } = await createHybridRuntime(await loaded(train), adapter).run();
      return events.flatMap(({ payload }) => payload["error_code"] ?? []);
    };
    expect(await run(false)).toEqual(["STEP_HANDOVER_UNSUPPORTED"]);
    expect(asked).toEqual([]);
    expect(await run(true)).toEqual([]);
    expect(asked).toEqual(["node-make", "node-show"]);
    const { outcome, events } = await createLocalDepthRuntime(await loaded(train), {
      outputsRoot: join(folder, "handing"),
    }).run();
    expect(outcome).toBe("succeeded");
    expect(JSON.stringify(events.at(-2)?.payload)).toContain('"stdout":"note\\n"');
  });

  test("is asked for the policy of a route only when it carries routes out", async () => {
    const lanes = async (respectsRouting: boolean) => {
      const adapter = adapterOf({ respectsRouting });
      const { decisions } = await createHybridRuntime(await loaded(chain), adapter).run();
      return decisions.filter(({ action }) => action === "runtime.action.execute.subprocess").length;
    };
    expect([await lanes(true), await lanes(false)]).toEqual([2, 0]);
  });

  test.each([
    ["durable_waits", "durableWaits", "adapter lacks durable_waits"],
    ["external_signals", "externalSignals", "adapter lacks external_signals"],
    ["external_checkpointing", "externalCheckpointing", "adapter lacks external checkpointing"],
    ["compensation_hooks", "compensationHooks", "adapter lacks compensation hooks"],
  ] as const)(
    "records every fallback for %s, and none once the adapter can",
    async (capability, flag, why) => {
      for (const able of [false, true]) {
        const calls: string[] = [];
        const note = (name: string) => async () => {
          calls.push(name);
          return null;
        };
        const adapter = adapterOf({
          capabilities: { ...noCapabilities, [flag]: able },
          execute: async (request) => {
            await use(runtime.adapter, request, capability);
            return done(request);
          },
          waitSignal: note("wait"),
          checkpoint: note("checkpoint"),
          cancel: async () => void calls.push("cancel"),
        });
        const runtime = createHybridRuntime(await loaded(delegated()), adapter);
        const { events, outcome } = await runtime.run({ runtimeRunId: "rt-1" });
        expect(outcome).toBe("succeeded");
        const fallbacks = events.filter((event) => event.event_type === "runtime.adapter.fallback");
        expect(calls.length).toBe(able ? 2 : 0);
        expect(fallbacks.map(({ payload }) => payload)).toEqual(
          Array.from({ length: able ? 0 : 2 }, () => ({
            tenant_id: "acme",
            repo_id: "shop",
            run_id: runId,
            runtime_run_id: "rt-1",
            primary_adapter_id: "own",
            fallback_adapter_id: "native",
            capability,
            reason: why,
          })),
        );
        // What an attempt met on its way stands before its end.
        const types = events.map((event) => event.event_type);
        if (!able) expect(types[3]).toBe("runtime.adapter.fallback");
      }
    },
  );

  test("refuses a fallback that no run could record", async () => {
    let request: ActionRequest | undefined;
    const adapter = adapterOf({
      execute: async (asked) => {
        request = asked;
        const elsewhere = { ...asked.context, scope: { tenantId: "acme", repoId: "other" } };
        const crossing = runtime.adapter.checkpoint?.(elsewhere);
        await expect(crossing).rejects.toMatchObject({ code: "BUNDLE_SCOPE_MISMATCH" });
        return done(asked);
      },
    });
    const runtime = createHybridRuntime(await loaded(delegated()), adapter);
    const { events } = await runtime.run();
    expect(events.filter((event) => event.event_type === "runtime.adapter.fallback")).toEqual([]);
    if (request === undefined) throw new Error("nothing was executed");
    const late = runtime.adapter.checkpoint?.(request.context);
    await expect(late).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  });

  test("retries what the adapter threw, as its fault", async () => {
    let asked = 0;
    const adapter = adapterOf({
      execute: async (request) => {
        asked += 1;
        if (asked === 1) throw new Error("lost the line");
        return done(request);
      },
    });
    const run = await createHybridRuntime(await loaded(bundle().step("a", noop)), adapter, {
      clock: hurriedClock(),
    }).run();
    expect(run).toMatchObject({ outcome: "succeeded", counts: { retried: 1 } });
  });
});

describe("a registered adapter", () => {
  const registered = (create: () => Adapter, modes?: readonly ("simulate" | "enforce")[]) => {
    const adapters = createAdapterRegistry();
    adapters.register({ id: "own", create, ...(modes === undefined ? {} : { modes }) });
    return { clock: systemClock, ids: systemIds, env: {}, adapters };
  };

  test("runs by its id, prepared before its first action and closed after its last", async () => {
    const said: string[] = [];
    const create = () =>
      adapterOf({
        prepare: async () => void said.push("prepare"),
        execute: async (request) => {
          said.push(request.action.nodeId);
          return done(request);
        },
        close: async () => void said.push("close"),
      });
    const place = await placed(delegated(), "registered");
    const report = await startRun({ ...startInput(place, "own"), requireEffects: true }, registered(create));
    expect(report).toMatchObject({ outcome: "succeeded", adapterId: "own", exitCode: 0 });
    expect(said).toEqual(["prepare", "node-a", "node-b", "close"]);
    const events = await Bun.file(report.eventsPath).json();
    expect(events[0].context.adapter_id).toBe("own");
  });

  test("that is unknown is refused with every id that is known, before anything is made", async () => {
    const place = await placed(delegated(), "unknown");
    const outputsRoot = join(folder, "unknown-outputs");
    const starting = startRun(
      { ...startInput(place, "teleport"), outputsRoot },
      registered(() => adapterOf({})),
    );
    await expect(starting).rejects.toMatchObject({
      code: "ADAPTER_UNKNOWN",
      hint: "Use auto, native, local_depth or own.",
      details: { adapter: "teleport", known: ["native", "local_depth", "own"] },
    });
    expect(existsSync(outputsRoot)).toBe(false);
  });

  test("cannot take the place of a built-in one, nor run in a mode that it is not for", async () => {
    const place = await placed(delegated(), "modes");
    const adapters = createAdapterRegistry([{ id: "native", create: () => adapterOf({}) }]);
    const host = { clock: systemClock, ids: systemIds, env: {}, adapters };
    await expect(startRun(startInput(place, "native"), host)).rejects.toMatchObject({
      code: "ADAPTER_UNKNOWN",
    });
    const only = registered(() => adapterOf({}), ["simulate"]);
    await expect(startRun(startInput(place, "own"), only)).rejects.toMatchObject({ code: "POLICY_DENIED" });
  });
});

test("a bundle that may not run is refused when its runtime is made", async () => {
  const bad = chain.with({
    intent_policy_projection: { policies: [{ id: "pol.unheard-of" }] },
  });
  const document = await loaded(bad);
  expect(() => createNativeRuntime(document)).toThrow(AkcError);
  expect(() => createNativeRuntime(document)).toThrow(expect.objectContaining({ code: "POLICY_UNKNOWN" }));
});

/** Two steps without a route, one after the other. */
function delegated(): BundleBuilder {
  return bundle().step("a", {}).step("b", {}, "a");
}

async function loaded(builder: BundleBuilder): Promise<Bundle> {
  return loadBundle(
    {
      path: `/out/acme/shop/.akc/runtime/${runId}.runtime_bundle.json`,
      repoRoot: "/out/acme/shop",
      text: new TextEncoder().encode(JSON.stringify(builder.document())),
      files: {
        read: async (path) =>
          path.endsWith(".orchestration.json")
            ? parseJson(JSON.stringify(builder.orchestration()))
            : undefined,
      },
    },
    { mode: "enforce" },
  );
}

async function placed(builder: BundleBuilder, name: string): Promise<string> {
  const scope = join(folder, name, "acme/shop/.akc");
  await Bun.write(join(scope, `orchestration/${runId}.orchestration.json`), json(builder.orchestration()));
  const path = join(scope, `runtime/${runId}.runtime_bundle.json`);
  await Bun.write(path, json(builder.document()));
  expect(existsSync(dirname(path))).toBe(true);
  return path;
}

function startInput(bundlePath: string, adapter: string) {
  return { bundlePath, mode: "enforce", adapter, signal: new AbortController().signal } as const;
}

function adapterOf(fields: Partial<Adapter> & { capabilities?: AdapterCapabilities }): Adapter {
  return {
    id: "own",
    capabilities: noCapabilities,
    respectsRouting: false,
    execute: async (request) => done(request),
    ...fields,
  };
}

function done({ action }: ActionRequest): ActionResult {
  return { status: "succeeded", outputs: { action_id: action.actionId }, durationMs: 1 };
}

/** Nobody waits: whoever would sleep finds the time gone by. */
function hurriedClock(): Clock {
  let aheadMs = 0;
  return {
    nowMs: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    sleep: async (ms) => {
      await Bun.sleep(0);
      aheadMs += ms;
    },
  };
}

/** Calls what needs `capability`. */
async function use(adapter: Adapter, { context, action }: ActionRequest, capability: string): Promise<void> {
  switch (capability) {
    case "durable_waits":
      await adapter.waitSignal?.(context, { signal: "approved" });
      return;
    case "external_signals":
      await adapter.waitSignal?.(context, { requires_external_signal: true });
      return;
    case "external_checkpointing":
      await adapter.checkpoint?.(context);
      return;
    default:
      await adapter.cancel?.(context, action.actionId);
  }
}

async function outputOf({ actions, artifacts }: RunInMemory, stepId: string): Promise<string> {
  const row = [...actions.values()].find((action) => action.stepId === stepId);
  return new TextDecoder().decode(await artifacts.read(row?.outputSha256 ?? ""));
}

function json(value: unknown): string {
  return JSON.stringify(value);
}

/** Of the children that tests here start. */
function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
      } catch {
        // It has ended meanwhile.
        return "";
      }
    })
    .filter((line) => /^(sh|sleep) /.test(line));
}
