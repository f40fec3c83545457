/**
 * The built binary as a service of a real systemd: installed as an operator does, with a scope whose services it deploys, and asked from
 * inside as an operator asks. Knows nothing of what a test wants to see; leaving it takes everything down.
 */
import { afterAll } from "bun:test";
import { dirname } from "node:path";
import { unitName } from "../../src/service/unit.ts";
import { binary } from "../e2e/akc.ts";
import { bundle, type Json, sh } from "../e2e/bundle.ts";
import { type Ended, SystemdHost } from "../env/systemd.ts";

const program = "/usr/local/bin/akc";
export const config = "/etc/akc/autopilot.yaml";
export const unitPath = `/etc/systemd/system/${unitName}`;
export const outputsRoot = "/var/lib/akc/outputs";
export const socket = "/run/akc/autopilot.sock";
const statePath = `${outputsRoot}/.akc/autopilot/state.sqlite3`;
const scope = `${outputsRoot}/acme/shop`;
const dropIns = `${unitPath}.d`;
/** systemd forgets how a unit ended that has stopped; this is written whenever its process has ended. */
const endPath = "/opt/akc-test/ends";

/** What is brought about, and how fast it is believed. */
export interface Wanted {
  readonly id: string;
  /** Another number is another command line. */
  readonly version: number;
  readonly minHealthyMs?: number;
}

export class Installation {
  readonly host: SystemdHost;

  constructor(host: SystemdHost) {
    this.host = host;
    host.sh(`mkdir -p ${dirname(program)}; mv ${host.bring(binary)} ${program}`);
    host.write("/etc/akc/autopilot.env", "AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER=1\n");
    this.dropIn("test", [
      "RestartSec=100ms",
      `ExecStopPost=+/bin/sh -c 'mkdir -p /opt/akc-test; echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >>${endPath}'`,
    ]);
  }

  /** As it was installed: stopped, with nothing kept, and its own configuration. */
  anew(): void {
    this.host.sh(`rm -f ${dropIns}/process-services.conf; systemctl daemon-reload
      systemctl stop ${unitName} 2>/dev/null || true; systemctl reset-failed ${unitName} 2>/dev/null || true
      pkill -KILL -x sleep || true; pkill -KILL -x python3 || true
      rm -rf ${endPath} ${outputsRoot} ${dropIns}/watchdog.conf ${dropIns}/restart.conf
      journalctl --rotate --vacuum-time=1us >/dev/null 2>&1; systemctl daemon-reload`);
    this.configure();
  }

  /** Lines of [Service] beside those of the unit; they count from the next start on. */
  dropIn(name: string, lines: readonly string[]): void {
    this.host.write(`${dropIns}/${name}.conf`, ["[Service]", ...lines, ""].join("\n"));
    this.host.sh("systemctl daemon-reload");
  }

  /** Writes the configuration; what is given stands beside what a scope needs here. */
  configure(...lines: readonly string[]): void {
    const given = lines.map((line) => line.split(":", 1)[0]);
    const kept = here.filter((line) => !given.includes(line.split(":", 1)[0]));
    this.host.write(config, [...kept, ...lines, ""].join("\n"));
  }

  akc(...args: readonly string[]): Ended {
    return this.host.run(program, ...args);
  }

  /** `-o json`, read. */
  asked(...args: readonly string[]): Json & { readonly exitCode: number } {
    const { exitCode, stdout, stderr } = this.akc(...args, "-o", "json");
    try {
      return { ...JSON.parse(stdout), exitCode };
    } catch {
      throw new Error(`${args.join(" ")}: exit ${exitCode}\n${stdout}\n${stderr}`);
    }
  }

  /** A compile's bundle and manifest. What lies there is the service's own, as its recompile hook would leave it. */
  place(runId: string, wanted: readonly Wanted[], members: Json = {}): void {
    this.placeBundle(runId, wanted, members);
    const ids = { tenant_id: "acme", repo_id: "shop", run_id: runId };
    const manifest = { schema_kind: "run_manifest", manifest_version: 1, ...ids, control_plane: {} };
    this.put(`.akc/run/${runId}.manifest.json`, JSON.stringify(manifest));
  }

  /** A bundle that nothing names. */
  placeBundle(runId: string, wanted: readonly Wanted[], members: Json = {}): void {
    const document = bundle()
      .started("work", sh("echo worked >worked"))
      .with({
        run_id: runId,
        deployment_provider: { kind: "process" },
        deployment_intents: wanted.map(({ id, version }) => ({
          node_id: id,
          kind: "service",
          name: id,
          depends_on: [],
          runtime_deployment: {
            process: { command: ["sleep", `${71_000 + version}`], restart: { backoff_ms: 10 } },
          },
        })),
        runtime_rollout: {
          strategy: "all_at_once",
          health: { min_healthy_ms: wanted[0]?.minHealthyMs ?? 100, healthy_deadline_ms: 60_000 },
        },
        ...members,
      })
      .document();
    this.put(".akc/living/baseline.json", "{}");
    this.put(`.akc/runtime/${runId}.runtime_bundle.json`, JSON.stringify(document));
  }

  put(path: string, text: string): void {
    this.host.write(`${scope}/${path}`, text);
    this.host.sh(`chown -R --reference=/var/lib/akc/ ${outputsRoot}`);
  }

  /** Facts of the scope's history, oldest first. */
  entries(): readonly Json[] {
    return this.host
      .sh(`test ! -e ${statePath} || python3 -c '${readEntries}' ${statePath}`)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  systemctl(verb: string, ...more: readonly string[]): Ended {
    return this.host.run("systemctl", verb, unitName, ...more);
  }

  show(...properties: readonly string[]): Readonly<Record<string, string>> {
    const text = this.host.sh(`systemctl show --property=${properties.join(",")} ${unitName}`);
    return Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
  }

  /** How each process of the unit has ended: `success exited 0`. */
  ends(): readonly string[] {
    return this.host.sh(`cat ${endPath} 2>/dev/null || true`).trim().split("\n");
  }

  /** What the service has written, oldest first. */
  journal(): readonly Json[] {
    return this.host
      .sh(`journalctl --no-pager --all -o json -u ${unitName}`)
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  log(): string {
    return this.journal()
      .map(({ MESSAGE }) => String(MESSAGE))
      .join("\n");
  }

  /** Command lines of the services that it deployed. */
  running(): readonly string[] {
    return this.host
      .sh("ps -o args= -C sleep || true")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith("sleep 7"))
      .toSorted();
  }

  /** The controller's answer at its socket. */
  ask(path: string): { readonly status: number; readonly text: string } {
    const { stdout } = this.host.run(
      ...["curl", "--silent", "--max-time", "5", "--unix-socket", socket],
      ...["--write-out", "\n%{http_code}", `http://akc${path}`],
    );
    const at = stdout.lastIndexOf("\n");
    return { status: Number(stdout.slice(at + 1)), text: stdout.slice(0, at) };
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const endMs = performance.now() + patienceMs;
    while (performance.now() < endMs) {
      if (holds()) return;
      await Bun.sleep(50);
    }
    throw new Error(
      `never ${what}: ${JSON.stringify(this.show("ActiveState", "Result", "StatusText"))}\n${this.log()}`,
    );
  }
}

/**
 * One for the tests of a file, taken down after them: `made`, or undefined where there is no such systemd, and `at` for whoever
 * knows that there is. @param suite as `SystemdHost.up` takes it
 */
export function installation(suite?: string) {
  const host = SystemdHost.up(suite);
  const made = host === undefined ? undefined : new Installation(host);
  afterAll(() => host?.down());
  const at = (): Installation => {
    if (made === undefined) throw new Error("there is no such systemd");
    return made;
  };
  return { made, at };
}

/** Where the whole machine is busy, what runs in there has little of it. */
const patienceMs = 100_000;

const readEntries = `import sqlite3, sys
for type, payload in sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).execute("SELECT type, payload FROM entry ORDER BY id"):
    print(payload[:-1] + ", \\"type\\": \\"" + type + "\\"}")`;

const here = [
  "version: 1",
  `outputs_root: ${outputsRoot}`,
  "mode: enforce",
  "env_profile: dev",
  "profile: living_loop_unattended_v1",
  "interval: 1s",
  "scopes: { discover: true }",
  `listen: { unix: ${socket} }`,
  "rollout: { bake: 0s }",
];
