/**
 * What many services cost: starting 200 from nothing, noticing that one was killed and starting it again, looking at all of them.
 * Starting 200 bare children in the same run says how much of it is the machine's.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromPlain } from "../../src/json/plain.ts";
import { isJsonObject } from "../../src/json/value.ts";
import { limits } from "../../src/limits.ts";
import type { Provider, Revision } from "../../src/providers/contract.ts";
import { createProcessProvider } from "../../src/providers/process/provider.ts";
import { systemClock } from "../../src/system/clock.ts";
import { type BenchRow, median } from "./row.ts";

const services = 200;
const looks = 30;
const kills = 15;
const scope = "acme/shop";
const call = { signal: new AbortController().signal };

interface World {
  readonly root: string;
  readonly provider: Provider;
  readonly revisions: readonly Revision[];
}

async function world(level: string): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), "akc-bench-process-"));
  const provider = createProcessProvider({
    scopeRoot: root,
    scope,
    env: process.env,
    clock: systemClock,
    supervise: true,
  });
  const settings = fromPlain({
    process: {
      command: ["sleep", "100000"],
      sandbox: { level },
      restart: { backoff_ms: 0 },
      stop: { signal: "SIGKILL" },
    },
  });
  if (!isJsonObject(settings)) throw new Error("no object");
  const wanted = Array.from({ length: services }, (_, index) => ({
    resourceId: `service-${index}`,
    resourceClass: "service",
    name: `service-${index}`,
    desiredHash: String(index),
    intent: {},
    settings,
    dependsOn: [],
  }));
  const resolved = await provider.resolve(wanted, call);
  const revisions = resolved.flatMap((one) => (one.kind === "resolved" ? [one.revision] : []));
  return { root, provider, revisions };
}

/** As many at a time as a pass changes when nothing else is said. */
async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: limits.resourcesInParallelDefault }, worker));
}

/** Milliseconds from nothing to all of them observed healthy. */
async function converge({ provider, revisions }: World): Promise<number> {
  const startedAt = performance.now();
  await provider.observe(revisions, [], call);
  await inParallel(revisions, (revision) =>
    provider.apply(
      {
        kind: "create",
        revision,
        mark: { scope, resourceId: revision.resourceId, desiredHash: revision.desiredHash },
        idempotencyKey: "bench",
        expectedVersion: null,
        adopt: false,
      },
      call,
    ),
  );
  const seen = await provider.observe(revisions, [], call);
  const healthy = seen.filter(({ standing }) => standing.kind === "present" && standing.health === "healthy");
  if (healthy.length !== services) throw new Error(`only ${healthy.length} stand`);
  return performance.now() - startedAt;
}

async function look({ provider, revisions }: World): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn <= looks; turn += 1) {
    const startedAt = performance.now();
    await provider.observe(revisions, [], call);
    if (turn > 0) times.push(performance.now() - startedAt);
  }
  return median(times);
}

/** Milliseconds from the kill to the next process of the same copy, with all the others watched too. */
async function restart({ root, provider }: World): Promise<number> {
  const end = new AbortController();
  const watching = provider.watch?.(() => undefined, { signal: end.signal });
  await Bun.sleep(500);
  const times: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const path = join(root, ".akc", "services", `service-${kill}`, "0.json");
    const pidOf = async () => Number((await Bun.file(path).json()).process?.pid ?? 0);
    const pid = await pidOf();
    const startedAt = performance.now();
    process.kill(pid, "SIGKILL");
    for (let next = pid; next === pid || next === 0; next = await pidOf()) await Bun.sleep(1);
    times.push(performance.now() - startedAt);
    await Bun.sleep(50);
  }
  end.abort();
  await watching;
  return median(times);
}

async function end({ root, provider, revisions }: World): Promise<number> {
  const startedAt = performance.now();
  await inParallel(revisions, ({ resourceId, resourceClass, desiredHash }) =>
    provider.delete(
      {
        resource: {
          providerId: provider.id,
          resourceId,
          resourceClass,
          desiredHash,
          dependsOn: [],
          handle: {},
        },
        mark: { scope, resourceId },
        idempotencyKey: "end",
        expectedVersion: null,
      },
      call,
    ),
  );
  const took = performance.now() - startedAt;
  await provider.close();
  rmSync(root, { recursive: true, force: true });
  return took;
}

async function bareChildren(): Promise<number> {
  const startedAt = performance.now();
  const children = Array.from({ length: services }, () =>
    Bun.spawn(["/bin/sleep", "100000"], { env: {}, stdio: ["ignore", "ignore", "ignore"], detached: true }),
  );
  const took = performance.now() - startedAt;
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  return took;
}

export async function benchProcessProvider(): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  const bare = await bareChildren();
  rows.push({ name: `${services} bare children`, value: bare, unit: "ms" });
  for (const level of ["none", "landlock"]) {
    const one = await world(level);
    const took = await converge(one);
    const about = level === "none" ? "unconfined" : "confined";
    rows.push({
      name: `${services} services from nothing, ${about}`,
      value: took,
      unit: "ms",
      baseline: "bare children",
      ratio: took / bare,
    });
    if (level === "none") {
      rows.push({ name: `one look at ${services} services`, value: await look(one), unit: "ms" });
      rows.push({ name: "killed, noticed, started again", value: await restart(one), unit: "ms" });
    }
    rows.push({ name: `${services} services ended, ${about}`, value: await end(one), unit: "ms" });
  }
  return rows;
}

if (import.meta.main) {
  const { printRows } = await import("./row.ts");
  printRows(await benchProcessProvider());
}
