/**
 * Scopes that the built binary keeps: bundles as a compiler leaves them, a configuration, autopilots as processes, what is written in
 * the scope's history, and what `akc autopilot …` says of it. Leaving it ends every process and checks what is left.
 */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Entry, Fact, FactType } from "../../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { AkcError } from "../../../src/errors.ts";
import { fingerprint } from "../../../src/json/fingerprint.ts";
import { fromPlain } from "../../../src/json/plain.ts";
import { binary } from "../../e2e/akc.ts";
import type { BundleBuilder, Json } from "../../e2e/bundle.ts";
import { changing, inShop, type Shop } from "../../e2e/services.ts";
import { jsonObject, type Started, until } from "../../e2e/world.ts";
import { type AutopilotProcess, type LogLine, startAutopilot } from "../process.ts";

export interface Compiled {
  readonly path: string;
  readonly manifestPath: string;
  readonly sha256: string;
  readonly runId: string;
}

/** An autopilot as a process. */
export interface Autopilot {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  kill(signal: NodeJS.Signals): void;
  /** Waits for a line of the log, after the first `from` of them. */
  line(is: (line: LogLine) => boolean, from?: number): Promise<LogLine>;
  readonly ended: Promise<{ readonly code: number; readonly report: Json; readonly stderr: string }>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number>;
}

type FactOf<T extends FactType> = Extract<Fact, { readonly type: T }>;

export interface KeptWorld extends Shop {
  /** Writes the bundle of a compile run of `acme/shop`, or another scope, and the manifest that names it. */
  compile(name: string, bundle: BundleBuilder, options?: CompileOptions): Promise<Compiled>;
  /** Writes the configuration anew: these lines after what all have. */
  configure(...lines: readonly string[]): string;
  autopilot(...flags: readonly string[]): Autopilot;
  /** The same in another environment. */
  autopilotIn(env: Readonly<Record<string, string>>, ...flags: readonly string[]): Autopilot;
  entries(scope?: string): Promise<readonly Entry[]>;
  /** Waits for a fact of this type that is so. */
  fact<T extends FactType>(
    type: T,
    is?: (fact: FactOf<T>, entry: Entry) => boolean,
    scope?: string,
  ): Promise<FactOf<T>>;
  story(scope?: string): Promise<readonly FactType[]>;
  /** The scope in `akc autopilot status -o json`. */
  status(scope?: string): Promise<Json>;
  /** Waits until that is so of the scope's status. */
  phase(phase: string, scope?: string): Promise<Json>;
  /** `akc autopilot <word> --scope acme/shop --reason …`. */
  say(word: string, ...more: readonly string[]): Promise<Started>;
  /** A command that knows no outputs tree, `-o json`. */
  akcAlone(...args: readonly string[]): Promise<Started>;
  /** What a command about this outputs tree prints for people. */
  text(...args: readonly string[]): Promise<string>;
  /** A JSON object. */
  read(path: string): Promise<Json>;
  /** Visits so far, of the controller that listens at `listening`. */
  visits(scope?: string): Promise<number>;
  /** Waits for so many visits more. */
  visitedAgain(times: number, scope?: string): Promise<void>;
  /** Objects of all files of this folder of the scope's `.akc/autopilot`, in the order of their names. */
  artifacts(folder: string, scope?: string): Promise<readonly Json[]>;
  /** Rows of the scope's history.jsonl. */
  history(scope?: string): Promise<readonly Json[]>;
}

/** So that the controller can be asked how it does. */
export const listening = "listen: {unix: s.sock}";

export interface CompileOptions {
  readonly scope?: string;
  /** Write the bundle alone. */
  readonly withoutManifest?: boolean;
}

/** Visits often, and nothing that a test has not asked for keeps it back. */
const common = [
  "version: 1",
  "outputs_root: out",
  "interval: 200ms",
  "drain: 20s",
  "scopes: {tenant: acme, repo: shop}",
  "budgets: {mutations_per_day: 50, rollbacks_per_day: 20, rollbacks_per_day_before_escalation: 20, concurrent_rollouts: 4, consecutive_failures: 2, cooldown_after_failure: 0s, cooldown_after_policy_deny: 0s}",
];

const patienceMs = 15_000;

export async function inKeptWorld(work: (world: KeptWorld) => Promise<void>): Promise<void> {
  await inShop(async (shop) => {
    const made = worldOn(shop);
    try {
      await work(made.world);
    } finally {
      await made.end();
    }
  });
}

function worldOn(shop: Shop) {
  const { root } = shop.world;
  const base = dirname(root);
  const configPath = join(base, "autopilot.yaml");
  const started: Autopilot[] = [];
  let opened: ReturnType<typeof openAutopilotStore> | undefined;
  const store = async () => {
    opened ??= openAutopilotStore(root, { create: false });
    try {
      return await opened;
    } catch (cause) {
      opened = undefined;
      // No controller has made it yet.
      if (cause instanceof AkcError && (cause.code === "FILE_NOT_FOUND" || cause.class === "retryable"))
        return undefined;
      throw cause;
    }
  };
  const configure: KeptWorld["configure"] = (...lines) => {
    const keys = new Set(lines.map((line) => line.split(":")[0]));
    const kept = common.filter((line) => !keys.has(line.split(":")[0]));
    writeFileSync(configPath, `${[...kept, ...lines].join("\n")}\n`);
    return configPath;
  };
  const entries: KeptWorld["entries"] = async (scope = "acme/shop") =>
    (await (await store())?.entries(scopeId(scope), 0, 10_000)) ?? [];
  const world: KeptWorld = {
    ...shop,
    async compile(name, bundle, { scope = "acme/shop", withoutManifest = false } = {}) {
      const { tenantId, repoId } = scopeId(scope);
      const ids = { tenant_id: tenantId, repo_id: repoId, run_id: name };
      const document = { ...bundle.document(), ...ids };
      const at = (path: string) => join(root, scope, path);
      const path = at(`.akc/runtime/${name}.runtime_bundle.json`);
      const manifestPath = at(`.akc/run/${name}.manifest.json`);
      await mkdir(at(".akc/run"), { recursive: true });
      await Bun.write(path, JSON.stringify(document));
      const manifest = { schema_kind: "run_manifest", manifest_version: 1, ...ids, control_plane: {} };
      if (!withoutManifest) await Bun.write(manifestPath, JSON.stringify(manifest));
      return { path, manifestPath, sha256: fingerprint(fromPlain(document)), runId: name };
    },
    configure,
    autopilot: (...flags) => world.autopilotIn(changing, ...flags),
    autopilotIn(env, ...flags) {
      const flagsOfAll = ["--config", configPath, ...flags];
      const autopilot = autopilotOf(startAutopilot(binary, flagsOfAll, { cwd: base, env }));
      started.push(autopilot);
      return autopilot;
    },
    entries,
    async fact(type, is = () => true, scope = "acme/shop") {
      let found: FactOf<typeof type> | undefined;
      const isIt = (entry: Entry): boolean => {
        const { fact } = entry;
        if (!isOfType(fact, type) || !is(fact, entry)) return false;
        found = fact;
        return true;
      };
      await until(`${type} in ${scope}`, async () => (await entries(scope)).some(isIt), patienceMs).catch(
        async (cause) => {
          const story = (await entries(scope)).map(({ fact }) => JSON.stringify(fact));
          throw new Error(`${cause.message}:\n${story.join("\n")}\n${sayings(started)}`);
        },
      );
      if (found === undefined) throw new Error("it was there a moment ago");
      return found;
    },
    story: async (scope) => (await entries(scope)).map(({ fact }) => fact.type),
    async status(scope = "acme/shop") {
      const { report, stderr } = await shop.akc(
        "autopilot",
        "status",
        "--scope",
        scope,
        "--config",
        configPath,
      );
      const [item] = Array.isArray(report["items"]) ? report["items"] : [];
      if (item === undefined) throw new Error(`no status: ${JSON.stringify(report)} ${stderr}`);
      return item;
    },
    async phase(phase, scope) {
      let seen: Json = {};
      await until(`phase ${phase}`, async () => {
        seen = await world.status(scope);
        return seen["phase"] === phase;
      }).catch((cause) => {
        throw new Error(`${cause.message}: ${JSON.stringify(seen)}\n${sayings(started)}`);
      });
      return seen;
    },
    say: (word, ...more) =>
      shop.akc("autopilot", word, "--scope", "acme/shop", "--reason", `${word} by a test`, ...more),
    async akcAlone(...args) {
      const ran = await shop.world.akc([...args, "-o", "json"], { env: changing });
      return { ...ran, report: jsonObject(ran.stdout) };
    },
    text: async (...args) =>
      (await shop.world.akc([...args, "--outputs-root", root], { env: changing })).stdout,
    read: async (path) => jsonObject(await Bun.file(path).text()),
    async visits(scope = "acme/shop") {
      const answer = await fetch(`http://akc/v1/status?scope=${scope}`, { unix: join(base, "s.sock") });
      const { scopes } = jsonObject(await answer.text());
      const [found] = Array.isArray(scopes) ? scopes : [];
      return Number(found?.["visits"] ?? 0);
    },
    async visitedAgain(times, scope) {
      const before = await world.visits(scope);
      await until(`${times} visits more`, async () => (await world.visits(scope)) >= before + times);
    },
    async artifacts(folder, scope = "acme/shop") {
      const place = join(root, scope, ".akc/autopilot", folder);
      const names = existsSync(place) ? readdirSync(place).toSorted() : [];
      return Promise.all(names.map(async (name) => jsonObject(await Bun.file(join(place, name)).text())));
    },
    async history(scope = "acme/shop") {
      const file = Bun.file(join(root, scope, ".akc/autopilot/history.jsonl"));
      if (!(await file.exists())) return [];
      return (await file.text()).split("\n").filter(Boolean).map(jsonObject);
    },
  };
  configure();
  return {
    world,
    async end() {
      await (await opened?.catch(() => undefined))?.close();
      for (const autopilot of started) autopilot.kill("SIGKILL");
      await Promise.all(started.map(({ ended }) => ended));
    },
  };
}

function isOfType<T extends FactType>(fact: Fact, type: T): fact is FactOf<T> {
  return fact.type === type;
}

export function scopeId(scope: string) {
  const [tenantId = "", repoId = ""] = scope.split("/");
  return { tenantId, repoId };
}

function sayings(started: readonly Autopilot[]): string {
  return started.flatMap(({ lines }) => lines.map((line) => JSON.stringify(line))).join("\n");
}

function autopilotOf(started: AutopilotProcess): Autopilot {
  const { pid, lines } = started;
  const ended = started.ended.then(({ code, stdout, stderr }) => ({
    code,
    report: jsonObject(stdout),
    stderr,
  }));
  return {
    pid,
    lines,
    kill: started.kill,
    async line(is, from = 0) {
      const found = () => lines.slice(from).find(is);
      await until("a line of the log", () => found() !== undefined).catch((cause) => {
        throw new Error(`${cause.message}:\n${started.said()}`);
      });
      return found() ?? {};
    },
    ended,
    async stop() {
      started.kill("SIGTERM");
      return (await ended).code;
    },
  };
}
