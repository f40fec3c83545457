/**
 * A place for autopilots that die: a scope with services, bundles to roll out, a configuration, and controllers as real processes
 * of the built binary. What it tells of them it reads from the state, as anybody else may.
 */
import { Database } from "bun:sqlite";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AutopilotStore } from "../../../src/autopilot/contract.ts";
import type { Entry, Fact, ScopeId } from "../../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { binaries } from "../../crash/stage.ts";
import type { BundleBuilder, Json } from "../../e2e/bundle.ts";
import { changing, deploying, inShop, type Shop } from "../../e2e/services.ts";
import { jsonObject, type Ran, until } from "../../e2e/world.ts";
import { startAutopilot } from "../process.ts";

/** What a machine with very much to do may take. */
export const patienceMs = 120_000;

export const shopScope: ScopeId = { tenantId: "acme", repoId: "shop" };

export interface Controller {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ran>;
  /** The lines of its log so far. */
  lines(): readonly Json[];
}

export interface Beginning {
  readonly flags?: readonly string[];
  /** As `AKC_FAILPOINT` says it; makes the binary the one with failpoints. */
  readonly failpoint?: string | undefined;
  readonly log?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Place {
  readonly shop: Shop;
  readonly outputsRoot: string;
  readonly config: string;
  /** Writes the configuration: YAML beside what every one has. */
  configure(yaml: string, bake?: string): Promise<void>;
  begin(how?: Beginning): Controller;
  /** One pass over the scopes. */
  once(how?: Beginning): Promise<Ran>;
  /** Any command about the state. */
  akc(...args: readonly string[]): Promise<Ran & { readonly report: Json }>;
  entries(scope?: ScopeId): Promise<readonly Entry[]>;
  facts<T extends Fact["type"]>(type: T, scope?: ScopeId): Promise<readonly Extract<Fact, { type: T }>[]>;
  store<T>(work: (store: AutopilotStore) => Promise<T>): Promise<T>;
  untilFacts(name: string, is: (facts: readonly Fact[]) => boolean): Promise<void>;
  /** Kills the only service with this command line; one that is only beginning has another for a moment. */
  end(command: string): Promise<void>;
  /** Ids of the runs of the shop, in the order in which they were begun. */
  runs(): readonly string[];
  /** What services of this id wrote when they began. */
  begun(id: string): readonly string[];
}

const yamlOfAll = `version: 1
outputs_root: out
env_profile: dev
profile: living_loop_unattended_v1
interval: 1s
budgets: {cooldown_after_failure: 1s}
`;

/** Few at once, however many tests wait: each is several processes that all want to be in time. */
export async function inPlace(work: (place: Place) => Promise<void>): Promise<void> {
  while (places >= 3) await Promise.race(taken);
  places += 1;
  const whole = inShop((shop) => work(placeOf(shop)));
  const over = whole
    .catch(() => undefined)
    .then(() => {
      places -= 1;
      taken.delete(over);
    });
  taken.add(over);
  await whole;
}

let places = 0;
const taken = new Set<Promise<void>>();

/** Waits until it is so. */
export function soon(name: string, what: () => boolean | Promise<boolean>): Promise<void> {
  return until(name, what, patienceMs);
}

function placeOf(shop: Shop): Place {
  const { root, side, scope: scopeRoot } = shop.world;
  const base = join(root, "..");
  const config = join(base, "autopilot.yaml");
  const begin: Place["begin"] = ({ flags = [], failpoint, log, env = {} } = {}) => {
    const instrumented = failpoint !== undefined || log !== undefined;
    const started = startAutopilot(
      instrumented ? binaries.failpoints : binaries.plain,
      ["--config", config, ...flags],
      {
        cwd: side,
        env: {
          ...changing,
          ...env,
          ...(failpoint === undefined ? {} : { AKC_FAILPOINT: failpoint }),
          ...(log === undefined ? {} : { AKC_FAILPOINT_LOG: log }),
        },
      },
    );
    return { ...started, lines: () => started.lines };
  };
  const place: Place = {
    shop,
    outputsRoot: root,
    config,
    async configure(yaml, bake = "0s") {
      await Bun.write(config, `${yamlOfAll}rollout: {bake: ${bake}, bake_look: 1s}\n${yaml}`);
    },
    begin,
    once: ({ flags = [], ...how } = {}) => begin({ ...how, flags: ["--once", ...flags] }).ended,
    async akc(...args) {
      const ran = await shop.live(...args).ended;
      return { ...ran, report: jsonObject(ran.stdout) };
    },
    async store(work) {
      const store = await openAutopilotStore(root, { create: false });
      try {
        return await work(store);
      } finally {
        await store.close();
      }
    },
    entries: (scope = shopScope) => place.store((store) => store.entries(scope, 0, 10_000)),
    async facts<T extends Fact["type"]>(type: T, scope?: ScopeId) {
      const isOne = (fact: Fact): fact is Extract<Fact, { type: T }> => fact.type === type;
      return (await place.entries(scope)).map(({ fact }) => fact).filter(isOne);
    },
    untilFacts: (name, is) =>
      until(
        name,
        async () => {
          const entries = await place.entries().catch(() => []);
          return is(entries.map(({ fact }) => fact));
        },
        patienceMs,
      ),
    async end(command) {
      await until(`${command} runs`, () => shop.running().includes(command), patienceMs);
      await shop.kill(command);
    },
    runs() {
      const path = join(scopeRoot, ".akc/runtime/state.sqlite3");
      if (!existsSync(path)) return [];
      using db = new Database(path, { readonly: true });
      db.run("PRAGMA busy_timeout = 5000");
      return db
        .query<{ id: string }, []>("SELECT runtime_run_id AS id FROM run ORDER BY run_key")
        .all()
        .map(({ id }) => id);
    },
    begun(id) {
      const path = join(scopeRoot, ".akc/services", id, "work/begun");
      return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
    },
  };
  return place;
}

/** As its log said last. */
export function isHolding(one: Controller): boolean {
  const last = one.lines().findLast(({ event }) => /^lease_/.test(String(event)));
  return last?.["event"] === "lease_held";
}

/** One letter, as proc_pid_status(5) has it; nothing of a process that is gone. */
export function stateOf(pid: number): string {
  const path = `/proc/${pid}/status`;
  return existsSync(path) ? (/^State:\s+(\w)/m.exec(readFileSync(path, "utf8"))?.[1] ?? "") : "";
}

/** Asks it to end, once it hears. */
export async function stop(controller: Controller): Promise<void> {
  let over = false;
  void controller.ended.then(() => {
    over = true;
  });
  await soon("it runs", () => over || controller.lines().some(({ phase }) => phase === "running"));
  controller.kill("SIGTERM");
}

export const serviceIds = ["db", "web"] as const;

/** Each of its services says that it began and then stands. */
export function standingServices(version: number, ids: readonly string[] = serviceIds): BundleBuilder {
  return servicesThat(version, ids, (sleep) => `exec ${sleep}`, { restart: { backoff_ms: 10 } });
}

/** Each says that it began, stands until there is a file at the path, and ends for good. */
export function endingOnWord(version: number, path: string): BundleBuilder {
  const loop = () => `while [ ! -e ${path} ]; do sleep 0.05; done`;
  return servicesThat(version, serviceIds, loop, { restart: { policy: "never" } });
}

function servicesThat(
  version: number,
  ids: readonly string[],
  then: (sleep: string) => string,
  process: Json,
): BundleBuilder {
  const wanted = ids.map((id, index) => ({
    id,
    command: ["sh", "-c", `echo v${version} >>begun; ${then(sleepOf(version, index))}`],
    needs: index === 0 ? [] : [ids[0] ?? ""],
    process,
  }));
  const health = { min_healthy_ms: 100, healthy_deadline_ms: patienceMs };
  return deploying(wanted, { runtime_rollout: { strategy: "all_at_once", health } });
}

const sleepOf = (version: number, index: number) => `sleep ${70_000 + version * 10 + index}`;

/** Command lines of the standing services of this version. */
export function runningOf(version: number, ids: readonly string[] = serviceIds): readonly string[] {
  return ids.map((_, index) => sleepOf(version, index));
}
