/** Every setting from every place that can say it: whatever subset of them speaks, the highest one counts, and is named as the source. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { JsonValue } from "../../json/value.ts";
import type { Flags } from "./layers.ts";
import type { AutopilotConfig } from "./model.ts";
import { type names, namesOf } from "./names.ts";
import { type AutopilotProject, readAutopilot } from "./read.ts";

const folder = mkdtempSync(join(tmpdir(), "akc-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Place = "flag" | "environment" | "file" | "project";

interface Row {
  /** What each place says, and the value that is to come of it. */
  readonly said: Partial<Record<Place, readonly [written: JsonValue, value: unknown]>>;
  readonly project?: (written: string) => AutopilotProject;
  readonly otherwise: unknown;
  /** Where it is in the file, if that is not its key. */
  readonly at?: string;
  /** What must be said beside it. */
  readonly beside?: { readonly flags?: Flags; readonly file?: readonly (readonly [string, JsonValue])[] };
  of(config: AutopilotConfig): unknown;
}

const hook = { file: [["recompile.http", "http://hook.example/"]] } as const;
const listening = { flags: { "--listen": ["127.0.0.1:0"] } } as const;
const budget = (key: keyof AutopilotConfig["defaults"]["budgets"], otherwise: number, ms = false): Row => ({
  said: { flag: ["7", 7], file: ms ? ["9s", 9_000] : [9, 9] },
  otherwise,
  of: ({ defaults }) => defaults.budgets[key],
});
const option = (key: string, flag: string, file: string, otherwise: unknown): Row => ({
  said: { flag: [flag, flag], file: [file, file] },
  otherwise,
  beside: hook,
  of: ({ defaults }) => defaults.recompile?.options?.[key],
});
const rate = (
  key: "minPolicyComplianceRate" | "minRollbackSuccessRate" | "maxChangeInstability",
  otherwise: number,
): Row => ({
  said: { flag: ["0.5", 0.5], file: [0.75, 0.75] },
  otherwise,
  of: ({ defaults }) => defaults.gates.slo[key],
});

const table: Readonly<Record<Exclude<keyof typeof names, "unattended_defaults">, Row>> = {
  outputs_root: {
    said: {
      flag: ["a", "/cwd/a"],
      environment: ["/b", "/b"],
      file: ["c", join(folder, "c")],
      project: ["d", "/cwd/d"],
    },
    project: (outputsRoot) => ({ outputsRoot }),
    otherwise: "nothing",
    of: (config) => config.outputsRoot,
  },
  controller_id: {
    said: { flag: ["a", "a"], file: ["b", "b"] },
    otherwise: "autopilot",
    of: (config) => config.controllerId,
  },
  profile: {
    said: {
      flag: ["Living-Loop-V1", "living_loop_v1"],
      environment: ["disabled", "off"],
      file: ["living_loop_unattended_v1", "living_loop_unattended_v1"],
      project: ["living_loop_v1", "living_loop_v1"],
    },
    project: (livingAutomationProfile) => ({ livingAutomationProfile }),
    otherwise: "off",
    beside: { flags: { "--mode": ["observe"] } },
    of: (config) => config.profile,
  },
  env_profile: {
    said: { flag: ["prod", "prod"], file: ["dev", "dev"] },
    otherwise: "staging",
    of: (config) => config.environment,
  },
  mode: {
    said: { flag: ["observe", "observe"], file: ["propose", "propose"] },
    otherwise: "enforce",
    of: ({ defaults }) => defaults.mode,
  },
  interval: {
    said: { flag: ["0.25", 250], file: ["1h30m", 5_400_000] },
    otherwise: 600_000,
    of: ({ defaults }) => defaults.intervalMs,
  },
  max_iterations: { said: { flag: ["3", 3] }, otherwise: undefined, of: (config) => config.iterationsMax },
  policy: {
    said: { flag: ["p.yaml", "/cwd/p.yaml"], file: ["p.yaml", join(folder, "p.yaml")] },
    otherwise: undefined,
    of: ({ defaults }) => defaults.policyPath,
  },
  plugins_dirs: {
    said: {
      flag: ["a", ["/cwd/a"]],
      file: [
        ["b", "/c"],
        [join(folder, "b"), "/c"],
      ],
    },
    otherwise: [],
    of: ({ defaults }) => defaults.pluginsDirs,
  },
  validator_bindings: {
    said: { flag: ["a", "/cwd/a"], file: ["b", join(folder, "b")], project: ["c", "/cwd/c"] },
    project: (validatorBindingsPath) => ({ validatorBindingsPath }),
    otherwise: undefined,
    of: ({ defaults }) => defaults.bindingsPath,
  },
  "lease.backend": {
    said: {
      flag: ["filesystem", "filesystem"],
      environment: ["k8s", "k8s"],
      file: ["filesystem", "filesystem"],
    },
    otherwise: "sqlite",
    beside: { flags: { "--lease-namespace": ["ns"] } },
    of: ({ lease }) => lease.backend,
  },
  "lease.name": {
    said: { flag: ["a", "a"], file: ["b", "b"] },
    otherwise: undefined,
    of: ({ lease }) => lease.name,
  },
  "lease.namespace": {
    said: { flag: ["a", "a"], environment: ["b", "b"], file: ["c", "c"] },
    otherwise: undefined,
    of: ({ lease }) => lease.namespace,
  },
  "lease.replicas": {
    said: { flag: ["2", 2], environment: ["3", 3], file: [4, 4] },
    otherwise: 1,
    of: ({ lease }) => lease.replicas,
  },
  "scopes.registry": {
    said: {
      flag: ["r", { kind: "registry", path: "/cwd/r" }],
      file: ["r", { kind: "registry", path: join(folder, "r") }],
    },
    otherwise: { kind: "all" },
    of: ({ discovery }) => discovery,
  },
  "scopes.tenant": {
    said: {
      flag: ["a", { kind: "tenant", tenantId: "a" }],
      environment: ["b", { kind: "tenant", tenantId: "b" }],
      file: ["c", { kind: "tenant", tenantId: "c" }],
      project: ["d", { kind: "tenant", tenantId: "d" }],
    },
    project: (tenantId) => ({ tenantId }),
    otherwise: { kind: "all" },
    of: ({ discovery }) => discovery,
  },
  "scopes.repo": {
    said: { flag: ["a", "a"], environment: ["b", "b"], file: ["c", "c"], project: ["d", "d"] },
    project: (repoId) => ({ repoId }),
    otherwise: undefined,
    beside: { flags: { "--tenant-id": ["t"] } },
    of: ({ discovery }) => (discovery.kind === "one" ? discovery.scope.repoId : undefined),
  },
  "budgets.mutations_per_day": budget("mutationsPerDay", 40),
  "budgets.rollbacks_per_day": budget("rollbacksPerDay", 20),
  "budgets.rollbacks_per_day_before_escalation": budget("rollbacksPerDayBeforeEscalation", 8),
  "budgets.concurrent_rollouts": budget("concurrentRollouts", 2),
  "budgets.consecutive_failures": budget("consecutiveFailures", 2),
  "budgets.cooldown_after_failure": budget("cooldownAfterFailureMs", 60_000, true),
  "budgets.cooldown_after_policy_deny": budget("cooldownAfterPolicyDenyMs", 120_000, true),
  ingest_state_path: {
    said: { flag: ["a", ["/cwd/a"]], environment: ["/b", ["/b"]], project: ["c", ["/cwd/c"]] },
    project: (ingestStatePath) => ({ ingestStatePath }),
    otherwise: [],
    of: ({ defaults }) => defaults.triggers.sources,
  },
  "recompile.options.eval_suite_path": {
    ...option("eval_suite_path", "", "", undefined),
    said: { flag: ["a", "/cwd/a"], file: ["b", "b"] },
  },
  "recompile.options.policy_mode": option("policy_mode", "audit_only", "enforce", "enforce"),
  "recompile.options.canary_mode": option("canary_mode", "thorough", "quick", "quick"),
  "recompile.options.accept_mode": option("accept_mode", "quick", "thorough", "thorough"),
  "recompile.options.goal": option("goal", "a b", "c d", "Compile repository"),
  "gates.slo.enabled": {
    said: { flag: ["true", true], file: [false, false] },
    otherwise: false,
    of: ({ defaults }) => defaults.gates.slo.enabled,
  },
  "gates.slo.min_rollouts": {
    said: { flag: ["7", 7], file: [0, 0] },
    otherwise: 5,
    of: ({ defaults }) => defaults.gates.slo.minRollouts,
  },
  "gates.slo.min_policy_compliance_rate": rate("minPolicyComplianceRate", 0.98),
  "gates.slo.min_rollback_success_rate": rate("minRollbackSuccessRate", 0.95),
  "gates.slo.max_change_instability": rate("maxChangeInstability", 0.25),
  "score.window": {
    said: { flag: ["3600000", 3_600_000], file: ["2d", 172_800_000] },
    otherwise: 604_800_000,
    of: ({ defaults }) => defaults.score.windowMs,
  },
  listen: {
    said: {
      flag: ["unix:s", { kind: "unix", path: "/cwd/s", mode: 0o660 }],
      file: [
        { unix: "s", permissions: "0600" },
        { kind: "unix", path: join(folder, "s"), mode: 0o600 },
      ],
    },
    otherwise: undefined,
    of: (config) => config.listen,
  },
  "webhook.secret": {
    said: {
      environment: ["hush", "env:AKC_LIVING_WEBHOOK_SECRET"],
      file: ["s", join(folder, "s")],
    },
    at: "webhook.secret_file",
    otherwise: undefined,
    beside: listening,
    of: ({ webhook }) => webhook?.secretFile,
  },
  "webhook.tenants": {
    said: { environment: ["a, b,", ["a", "b"]], file: [["c"], ["c"]] },
    otherwise: "*",
    beside: { ...listening, file: [["webhook.credential", "s"]] },
    of: ({ webhook }) => webhook?.tenants,
  },
  "webhook.outputs_roots": {
    said: { environment: ["/a,b", ["/a", "/cwd/b"]], file: [["c"], [join(folder, "c")]] },
    otherwise: ["/base"],
    beside: { ...listening, file: [["webhook.credential", "s"]] },
    of: ({ webhook }) => webhook?.outputsRoots,
  },
  "telemetry.mirrors.stdout": {
    said: { environment: ["on", true], file: [false, false] },
    otherwise: false,
    of: ({ telemetry }) => telemetry.mirrors.stdout,
  },
  "telemetry.mirrors.http_url": {
    said: { environment: ["http://a/", "http://a/"], file: ["https://b/", "https://b/"] },
    otherwise: undefined,
    of: ({ telemetry }) => telemetry.mirrors.httpUrl,
  },
  "telemetry.mirrors.http_timeout": {
    said: { environment: ["2.5", 2_500], file: ["3s", 3_000] },
    otherwise: 10_000,
    of: ({ telemetry }) => telemetry.mirrors.httpTimeoutMs,
  },
  "telemetry.mirrors.file": {
    said: { environment: ["a", "/cwd/a"], file: ["b", join(folder, "b")] },
    otherwise: undefined,
    of: ({ telemetry }) => telemetry.mirrors.file,
  },
};

const order: readonly Place[] = ["flag", "environment", "file", "project"];

test.each(Object.entries(table))("%s: the highest place that says something counts", async (key, row) => {
  const { flag, env = [] } = namesOf(key);
  const places = order.filter((place) => row.said[place] !== undefined);
  // Nothing is left out: what the table of names knows is tried.
  expect(places.filter((place) => place !== "file")).toEqual<readonly Place[]>(
    order.filter(
      (place) =>
        ({ flag, environment: env[0], file: undefined, project: namesOf(key).project })[place] !== undefined,
    ),
  );
  for (const speaking of subsetsOf(places)) {
    for (const variable of speaking.includes("environment") ? env : [undefined]) {
      const written = (place: Place) => (speaking.includes(place) ? row.said[place]?.[0] : undefined);
      const project = written("project");
      const { config, effective } = await readSaying({
        ...row.beside,
        flags: { ...row.beside?.flags, ...entry(flag, written("flag")) },
        env: variable === undefined ? {} : { [variable]: String(written("environment")) },
        file: [...(row.beside?.file ?? []), ...pair(row.at ?? key, written("file"))],
        project: project === undefined ? {} : (row.project?.(String(project)) ?? {}),
      }).catch((cause: unknown) => {
        throw new Error(`${key} by ${speaking.join(" and ")}: ${JSON.stringify(cause)}`, { cause });
      });
      const [winner] = speaking;
      const context = `${key} by ${speaking.join(" and ") || "nobody"}`;
      expect([context, row.of(config)]).toEqual([
        context,
        winner === undefined ? fallbackOf(key, row) : row.said[winner]?.[1],
      ]);
      if (winner !== undefined) {
        const source = effective.find((one) => one.key === key)?.source;
        expect([context, source?.kind]).toEqual([context, winner]);
        if (winner === "flag") expect(source?.name).toBe(flag ?? "");
        if (winner === "environment") expect(source?.name).toBe(variable ?? "");
        if (winner === "file") expect(source?.name).toMatch(/autopilot\.yaml:\d+:\d+$/);
      }
    }
  }
});

test("a blank variable says nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.keys(table)),
      fc.constantFrom("", " ", "\t\n"),
      async (key, blank) => {
        const [variable] = namesOf(key).env ?? [];
        fc.pre(variable !== undefined);
        const { effective } = await readSaying({
          env: { [variable ?? ""]: blank },
          file: [
            ["outputs_root", "/base"],
            ["profile", "living_loop_unattended_v1"],
          ],
        });
        expect(effective.filter(({ source }) => source.kind === "environment")).toEqual([]);
      },
    ),
    { numRuns: 30 },
  );
});

/** Without what is tried: a valid configuration of little. */
async function readSaying(said: {
  readonly flags?: Flags;
  readonly env?: Readonly<Record<string, string>>;
  readonly file?: readonly (readonly [string, JsonValue])[];
  readonly project?: AutopilotProject;
}) {
  const path = join(folder, "autopilot.yaml");
  const keys = new Set(said.file?.map(([key]) => key));
  const unattended = { "--unattended-defaults": ["true"] };
  const flags: Flags = { "--config": [path], ...said.flags };
  const file: Record<string, JsonValue> = { version: 1, scopes: {} };
  for (const [key, value] of said.file ?? []) setAt(file, key.split("."), value);
  const says = (flag: string, key: string, project?: string) =>
    flags[flag] !== undefined ||
    keys.has(key) ||
    project !== undefined ||
    (namesOf(key).env ?? []).some((name) => said.env?.[name] !== undefined);
  if (!says("--outputs-root", "outputs_root", said.project?.outputsRoot)) file["outputs_root"] = "/base";
  const ownProfile = says("--living-automation-profile", "profile", said.project?.livingAutomationProfile);
  if (!ownProfile && flags["--mode"]?.[0] !== "observe") {
    file["profile"] = "living_loop_unattended_v1";
    Object.assign(flags, unattended);
  }
  await Bun.write(path, JSON.stringify(file, null, 1));
  const env = { CREDENTIALS_DIRECTORY: "/credentials", ...said.env };
  return readAutopilot({ flags, env, cwd: "/cwd", project: said.project });
}

function fallbackOf(key: string, row: Row): unknown {
  return key === "outputs_root" ? "/base" : row.otherwise;
}

/** In the order of the places. */
function subsetsOf([first, ...rest]: readonly Place[]): readonly (readonly Place[])[] {
  if (first === undefined) return [[]];
  const without = subsetsOf(rest);
  return [...without, ...without.map((subset) => [first, ...subset])];
}

function entry(flag: string | undefined, written: JsonValue | undefined): Flags {
  return flag === undefined || written === undefined ? {} : { [flag]: [String(written)] };
}

function pair(key: string, written: JsonValue | undefined): readonly (readonly [string, JsonValue])[] {
  return written === undefined ? [] : [[key, written]];
}

function setAt(target: Record<string, JsonValue>, path: readonly string[], value: JsonValue): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const below: Record<string, JsonValue> = {};
  const there = target[key];
  if (typeof there === "object" && there !== null) Object.assign(below, there);
  target[key] = below;
  setAt(below, rest, value);
}
