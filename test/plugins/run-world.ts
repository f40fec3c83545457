/** Runs of the built binary with plugins, as tests need them: plugins in a folder of the world, a policy, the run's events. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, plainEnv } from "../e2e/akc.ts";
import { type BundleBuilder, bundle, type Json } from "../e2e/bundle.ts";
import { jsonObject, type Ran, type Started, type World } from "../e2e/world.ts";

const fixtures = join(import.meta.dir, "fixtures/run");

export interface Event {
  readonly event_type: string;
  readonly payload: { readonly [key: string]: unknown };
}

export interface PluginRun extends Started {
  readonly events: readonly Event[];
}

/** A world's plugins, its operator's policy and its variables. */
export class Plugins {
  readonly folder: string;
  readonly policyPath: string;
  readonly #world: World;
  readonly #env: Readonly<Record<string, string>>;

  /** @param names folders of `fixtures/run` */
  constructor(world: World, names: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#world = world;
    this.folder = join(world.side, "plugins");
    mkdirSync(this.folder, { mode: 0o755 });
    for (const name of names) cpSync(join(fixtures, name), join(this.folder, name), { recursive: true });
    this.policyPath = join(world.side, "policy.yaml");
    this.#env = { ...plainEnv, HOME: world.side, ...env };
    this.policy({});
  }

  /** Writes the section `plugins`; any plugin may run unless it says so. */
  policy(plugins: Json, rest: Json = {}): void {
    const document = { schema: "akc.policy/v1", plugins: { trust: "any", ...plugins }, ...rest };
    writeFileSync(this.policyPath, JSON.stringify(document));
  }

  get flags(): readonly string[] {
    return ["--plugins-dir", this.folder, "--policy", this.policyPath];
  }

  async run(adapter: string, given: BundleBuilder, ...flags: readonly string[]): Promise<PluginRun> {
    const args = await this.#start(adapter, given);
    return this.seen(await this.akc([...args, ...flags]));
  }

  akc(args: readonly string[]): Promise<Ran> {
    return this.#world.akc(args, { env: this.#env });
  }

  /** A run under way. */
  async begin(adapter: string, given: BundleBuilder) {
    const child = Bun.spawn([binary, ...(await this.#start(adapter, given))], {
      cwd: this.#world.side,
      env: this.#env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const ended = Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]).then(([code, stdout, stderr]) => this.seen({ code, stdout, stderr }));
    return { child, ended };
  }

  seen(ran: Ran): PluginRun {
    const report = jsonObject(ran.stdout);
    const path = report["events_path"];
    return { ...ran, report, events: typeof path === "string" ? eventsIn(path) : [] };
  }

  async #start(adapter: string, given: BundleBuilder): Promise<readonly string[]> {
    const path = await this.#world.place(given);
    const start = ["runtime", "start", "--bundle", path, "--mode", "enforce", "-o", "json"];
    return [...start, "--adapter", adapter, ...this.flags];
  }
}

export function eventsIn(path: string): readonly Event[] {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** A chain of steps with these settings, each after the one before. */
export function steps(settings: Readonly<Record<string, object>>): BundleBuilder {
  let before: readonly string[] = [];
  let built = bundle();
  for (const [id, value] of Object.entries(settings)) {
    built = built.step(id, { route: "delegate_adapter", ...value }, ...before);
    before = [id];
  }
  return built;
}

/** Payloads of the events of this type. */
export function payloads({ events }: Pick<PluginRun, "events">, type: string): readonly Event["payload"][] {
  return events.filter((event) => event.event_type === type).map(({ payload }) => payload);
}

/** Results of the actions that succeeded, in their order. */
export function results(run: Pick<PluginRun, "events">): readonly unknown[] {
  return payloads(run, "runtime.action.completed").map(({ result }) => result);
}

export function faultCodes(run: Pick<PluginRun, "events">): readonly unknown[] {
  return payloads(run, "runtime.plugin.fault").map(({ code }) => code);
}
