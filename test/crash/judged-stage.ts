/**
 * A world with a run that is judged by what three bindings say, and the server that says it: it counts what it was asked before anything
 * else. What must hold of such a run once somebody has gone on with it is here too.
 */
import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { plainEnv } from "../e2e/akc.ts";
import type { BundleBuilder, Json } from "../e2e/bundle.ts";
import { atMost, compiled, criterion, findings, judged, objects, registry, verify } from "../e2e/judged.ts";
import { inWorld, jsonObject, type Live, type Started, until, type World } from "../e2e/world.ts";
import { binaries } from "./stage.ts";

export const ids = ["a", "b", "c"];
export const run = "r1";

/** Answers a number for each binding, and counts what it was asked before anything else. */
export class Source implements AsyncDisposable {
  readonly asked = new Map<string, number>();
  /** Of each binding; 0 unless said. */
  readonly value = new Map<string, number>();
  /** Called when somebody asks; who waits in it gets no answer until then. */
  onAsked: (id: string) => Promise<void> | void = () => undefined;
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    fetch: async (request) => {
      const id = new URL(request.url).pathname.slice(1);
      this.asked.set(id, this.times(id) + 1);
      await this.onAsked(id);
      return Response.json({ errors: this.value.get(id) ?? 0 });
    },
  });

  times(id: string): number {
    return this.asked.get(id) ?? 0;
  }

  bindings(): Json {
    const of = (id: string) => ({
      kind: "http_json",
      url: `${this.#server.url.href}${id}`,
      pointer: "/errors",
      tries: 1,
      timeout_ms: 30_000,
    });
    return Object.fromEntries(ids.map((id) => [id, of(id)]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.stop(true);
  }
}

export const bundle = judged(...ids.map((id) => criterion(`few-${id}`, atMost(1, id))));

export interface Stage {
  readonly world: World;
  readonly source: Source;
  readonly registry: string;
  readonly start: readonly string[];
  readonly resume: readonly string[];
  /** The binary with failpoints, which dies there. */
  dies(failpoint: string, args: readonly string[]): Promise<void>;
  akc(args: readonly string[]): Promise<Started>;
  /** The same, without waiting for its end. */
  live(args: readonly string[]): Live;
}

export async function onStage(
  work: (stage: Stage) => Promise<void>,
  plan: BundleBuilder = bundle,
): Promise<void> {
  await using source = new Source();
  await inWorld(async (world) => {
    await compiled(world);
    const path = await world.place(plan);
    const bindings = await registry(world, source.bindings());
    const here = ["--outputs-root", world.root, "-o", "json"];
    await work({
      world,
      source,
      registry: bindings,
      start: [
        ...["runtime", "start", "--bundle", path, "--mode", "enforce", "--runtime-run-id", run],
        ...["--validator-bindings", bindings],
      ],
      resume: ["runtime", "resume", run],
      async dies(failpoint, args) {
        const child = Bun.spawn([binaries.failpoints, ...args, ...here], {
          cwd: world.side,
          env: { ...plainEnv, AKC_FAILPOINT: failpoint },
          stdio: ["ignore", "ignore", "ignore"],
        });
        expect({ failpoint, exit: await child.exited }).toEqual({ failpoint, exit: 137 });
      },
      live: (args) => world.live([...args, ...here]),
      async akc(args) {
        const ran = await world.akc([...args, ...here]);
        return { ...ran, report: jsonObject(ran.stdout) };
      },
    });
  });
}

/** Each binding is answered only once what those before it said is recorded: what comes together may be recorded together. */
export function answerInTurn({ world, source }: Stage): void {
  source.onAsked = (id) =>
    until(`${id} has its turn`, () => {
      const recorded = world.events(run).filter(({ type }) => type === observedType);
      return recorded.length >= ids.indexOf(id);
    });
}

export const observedType = "runtime.validation.observed";
export const attestedType = "runtime.operational_validity.attested";

export interface Death {
  readonly events: ReturnType<World["events"]>;
  /** How often each binding was asked whose answer was recorded by then, since the run was judged. */
  readonly recorded: ReadonlyMap<string, number>;
}

export function deathOf({ world, source }: Stage): Death {
  const events = world.events(run);
  const judgedAt = events.findLastIndex(({ type }) => type === attestedType);
  const recorded = events
    .slice(judgedAt + 1)
    .filter(({ type }) => type === observedType)
    .map(({ payload }) => String(payload["binding_id"]));
  return { events, recorded: new Map(recorded.map((id) => [id, source.times(id)])) };
}

/** @param judgements how many there must be in the whole history */
export async function expectWhole(stage: Stage, { events, recorded }: Death, judgements = 1): Promise<void> {
  const { world, source } = stage;
  const after = world.events(run);
  expect(after.slice(0, events.length)).toEqual([...events]);
  for (const [id, times] of recorded) expect({ id, asked: source.times(id) }).toEqual({ id, asked: times });
  const count = (type: string) => after.filter((event) => event.type === type).length;
  expect({ observed: count(observedType), attested: count(attestedType) }).toEqual({
    observed: ids.length * judgements,
    attested: judgements,
  });
  expectFiles(world);
  const verified = await stage.akc(["runtime", "verify", run, "--rebuild"]);
  expect(verified.report).toMatchObject({ verdict: "verified", divergence_count: 0, evidence: "sealed" });
  const looked = await verify(world, "--validator-bindings", stage.registry);
  expect(findings(looked).filter((line) => !/verdict_(failed|error)$/.test(line))).toEqual([]);
  const again = await stage.akc(stage.resume);
  expect(again.report).toMatchObject({ kind: "Error", code: "RUN_NOT_RESUMABLE" });
}

/** Each file that the last answer of a binding names stands, and is the one. */
function expectFiles(world: World): void {
  const last = new Map(
    world
      .events(run)
      .filter(({ type }) => type === observedType)
      .map(({ payload }) => [String(payload["binding_id"]), objects(payload["files"])]),
  );
  expect([...last.keys()].toSorted()).toEqual(ids);
  for (const files of last.values()) {
    expect(files.length).toBeGreaterThan(1);
    for (const { path, sha256: expected } of files) {
      const place = join(world.scope, String(path));
      const sha256 = existsSync(place) ? sha256Hex(readFileSync(place)) : "";
      expect({ path, sha256 }).toEqual({ path, sha256: String(expected) });
    }
  }
}
