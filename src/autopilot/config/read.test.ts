import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { type AutopilotReading, type ReadAutopilotInput, readAutopilot } from "./read.ts";
import { fixedChanges } from "./reload.ts";
import { scopeConfigOf } from "./scope-config.ts";
import { readSecret } from "./secret.ts";

const folder = mkdtempSync(join(tmpdir(), "akc-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const unattended = { "--living-automation-profile": ["living_loop_unattended_v1"] };
const root = { "--outputs-root": ["/out"] };

function read(input: Partial<ReadAutopilotInput>, file?: string): Promise<AutopilotReading> {
  const path = join(folder, "autopilot.yaml");
  if (file !== undefined) writeFileSync(path, file);
  const flags = { ...(file === undefined ? {} : { "--config": [path] }), ...input.flags };
  return readAutopilot({ env: {}, cwd: folder, ...input, flags });
}

async function faults(input: Partial<ReadAutopilotInput>, file?: string): Promise<readonly string[]> {
  try {
    await read(input, file);
  } catch (error) {
    if (!(error instanceof AkcError) || error.code !== "AUTOPILOT_CONFIG_INVALID") throw error;
    expect(error.exitCode).toBe(2);
    return error.issues.map(
      ({ path, message, line }) => `${line === undefined ? "" : `${line}: `}${path}: ${message}`,
    );
  }
  return [];
}

test("what is missing is listed in one error, each with the ways to give it", async () => {
  const missing = await faults({});
  expect(missing).toHaveLength(8);
  expect(missing[0]).toBe(
    "outputs_root: is missing: give it as --outputs-root or AKC_OUTPUTS_ROOT or `outputs_root` in the file",
  );
  expect(missing.slice(1).every((line) => line.startsWith("budgets."))).toBe(true);
  expect(await faults({ flags: { ...root, "--max-mutations-per-day": ["3"] } })).toHaveLength(6);
  // Who only looks spends nothing.
  expect(await faults({ flags: { ...root, "--mode": ["observe"] } })).toEqual([]);
  expect(await faults({ flags: { ...root, ...unattended } })).toEqual([]);
});

test("explicit budgets and intervals count before those of the profile, each by itself", async () => {
  for (const [environment, ...expected] of [
    ["dev", 300_000, 100, 3, 40, 3, 10, 30_000, 60_000],
    ["staging", 600_000, 40, 2, 20, 2, 8, 60_000, 120_000],
    ["prod", 3_600_000, 8, 1, 4, 2, 3, 300_000, 600_000],
  ] as const) {
    const { config } = await read({
      flags: { ...root, ...unattended, "--unattended-defaults": ["true"], "--env-profile": [environment] },
    });
    const { intervalMs, budgets } = config.defaults;
    expect([
      intervalMs,
      budgets.mutationsPerDay,
      budgets.concurrentRollouts,
      budgets.rollbacksPerDay,
      budgets.consecutiveFailures,
      budgets.rollbacksPerDayBeforeEscalation,
      budgets.cooldownAfterFailureMs,
      budgets.cooldownAfterPolicyDenyMs,
    ]).toEqual(expected);
    const explicit = await read({
      flags: {
        ...root,
        ...unattended,
        "--env-profile": [environment],
        "--max-mutations-per-day": ["1"],
        "--living-check-interval-sec": ["1"],
      },
    });
    expect(explicit.config.defaults.budgets).toEqual({ ...budgets, mutationsPerDay: 1 });
    expect(explicit.config.defaults.intervalMs).toBe(1_000);
  }
});

test("values out of range and words that nobody knows are faults of their flag, all at once", async () => {
  expect(
    await faults({
      flags: {
        ...root,
        "--max-mutations-per-day": ["0"],
        "--max-concurrent-rollouts": ["-1"],
        "--rollback-budget-per-day": ["1.5"],
        "--max-consecutive-rollout-failures": ["many"],
        "--max-rollbacks-per-day-before-escalation": ["1000000"],
        "--cooldown-after-failure-ms": ["1s"],
        "--cooldown-after-policy-deny-ms": ["0"],
        "--living-check-interval-sec": ["0"],
        "--slo-min-policy-compliance-rate": ["98"],
        "--scoreboard-window-ms": ["0"],
        "--max-iterations": ["0"],
        "--living-automation-profile": ["unatended"],
        "--listen": ["0.0.0.0:80"],
        "--tenant-id": ["../x"],
        "--lease-backend": ["etcd"],
        "--env-profile": ["production"],
      },
    }).then((all) => all.map((line) => line.split(":")[0]).sort()),
  ).toEqual(
    "--cooldown-after-failure-ms --env-profile --lease-backend --listen --living-automation-profile --living-check-interval-sec --max-concurrent-rollouts --max-consecutive-rollout-failures --max-iterations --max-mutations-per-day --max-rollbacks-per-day-before-escalation --rollback-budget-per-day --scoreboard-window-ms --slo-min-policy-compliance-rate --tenant-id".split(
      " ",
    ),
  );
});

test("faults of flags and of the file are told together", async () => {
  expect(
    await faults({ flags: { ...root, "--mode": ["obsrve"] } }, "version: 1\nmodes: enforce\ndrain: 5\n"),
  ).toEqual([
    "2: /modes: unknown key `modes`; did you mean `mode`?",
    '3: /drain: `drain` must be a length of time with a unit, such as "15s", "10m" or "7d"',
    "--mode: must be observe, propose or enforce; did you mean `observe`?",
  ]);
});

test("a profile that nobody knows is a fault of a flag, and off with a word where old set-ups may have it", async () => {
  expect(
    await faults({ flags: { ...root, "--mode": ["observe"], "--living-automation-profile": ["v3"] } }),
  ).toEqual([
    "--living-automation-profile: is none of the profiles off, living_loop_v1, living_loop_unattended_v1; it is not taken for off",
  ]);
  const flags = { ...root, "--mode": ["observe"] };
  const { config, notes } = await read({ flags, env: { AKC_LIVING_AUTOMATION_PROFILE: "v3" } });
  expect([config.profile, config.defaults.triggers.runtimeEvents]).toEqual(["off", false]);
  expect(notes.join()).toContain("AKC_LIVING_AUTOMATION_PROFILE names no profile");
  for (const off of ["0", "False", "none", "NO", "disabled", "off"]) {
    const said = await read({ flags: { ...flags, "--living-automation-profile": [off] } });
    expect([said.config.profile, said.notes]).toEqual(["off", []]);
  }
});

test("with the profile off no event of a run is forwarded, whatever the file says", async () => {
  const flags = { ...root, "--mode": ["observe"] };
  const file = "version: 1\ntriggers: {runtime_events: true}";
  const off = await read({ flags }, file);
  expect([off.config.defaults.triggers.runtimeEvents, off.notes.length]).toEqual([false, 1]);
  const on = await read({ flags: { ...flags, "--living-automation-profile": ["living_loop_v1"] } }, file);
  expect(on.config.defaults.triggers.runtimeEvents).toBe(true);
});

test("--unattended-defaults needs its profile", async () => {
  expect(await faults({ flags: { ...root, "--unattended-defaults": ["true"] } })).toEqual([
    "--unattended-defaults: needs the profile living_loop_unattended_v1: --living-automation-profile living_loop_unattended_v1",
  ]);
});

test("adoption level 4 brings the unattended defaults and the SLO gate, which an empty history cannot shut for good", async () => {
  const { config, effective } = await read({ flags: root, project: { adoptionLevel: 4 } });
  expect(config.profile).toBe("living_loop_unattended_v1");
  expect(config.defaults.gates.slo).toMatchObject({ enabled: true, insufficientHistory: "allow" });
  expect(config.defaults.budgets.mutationsPerDay).toBe(40);
  expect(effective.find(({ key }) => key === "gates.slo.enabled")?.source).toEqual({
    kind: "project",
    name: "adoption_level 4",
  });
  const said = await read({
    flags: { ...root, "--living-automation-profile": ["off"] },
    project: { adoptionLevel: 4 },
  });
  expect(said.config.profile).toBe("off");
  expect((await faults({ flags: root, project: { adoptionLevel: 3 } })).length).toBe(7);
});

test("a repository of no tenant is refused, and never taken for all", async () => {
  const flags = { ...root, "--mode": ["observe"] };
  expect(await faults({ flags: { ...flags, "--repo-id": ["shop"] } })).toEqual([
    "--repo-id: names a repository of no tenant: name its tenant as well",
  ]);
  expect(await faults({ flags, env: { AKC_REPO_ID: "shop" } })).toHaveLength(1);
  const { config } = await read({
    flags: { ...flags, "--repo-id": ["shop"] },
    env: { AKC_TENANT_ID: "acme" },
  });
  expect(config.discovery).toEqual({ kind: "one", scope: { tenantId: "acme", repoId: "shop" } });
});

test("of a registry, a tenant and whatever is there, the one that the higher place names counts", async () => {
  const flags = { ...root, "--mode": ["observe"] };
  const file = "version: 1\nscopes: {registry: scopes.json}";
  const discovery = async (input: Partial<ReadAutopilotInput>, text = file) =>
    (await read({ ...input, flags: { ...flags, ...input.flags } }, text)).config.discovery.kind;
  expect(await discovery({})).toBe("registry");
  expect(await discovery({ flags: { "--tenant-id": ["acme"] } })).toBe("tenant");
  expect(await discovery({ project: { tenantId: "acme" } })).toBe("registry");
  expect(await discovery({ flags: { "--tenant-id": ["acme"], "--scope-registry-path": ["r"] } })).toBe(
    "registry",
  );
  expect(
    await discovery({ project: { tenantId: "acme", repoId: "a" } }, "version: 1\nscopes: {discover: true}"),
  ).toBe("all");
  expect(await discovery({}, "version: 1")).toBe("all");
});

test("leases of Kubernetes need a namespace", async () => {
  const flags = { ...root, "--mode": ["observe"], "--lease-backend": ["k8s"] };
  expect(await faults({ flags })).toEqual([
    "lease.namespace: is missing: give it as --lease-namespace or AKC_AUTOPILOT_LEASE_NAMESPACE or `lease.namespace` in the file",
  ]);
  expect(await faults({ flags, env: { AKC_AUTOPILOT_LEASE_NAMESPACE: "akc" } })).toEqual([]);
});

test("what the file says of one scope counts there alone; a flag counts everywhere", async () => {
  const file = `version: 1
env_profile: prod
profile: living_loop_unattended_v1
recompile: {command: [./all, a], env: [LANG], network: true}
scopes:
  overrides:
    acme/shop: {mode: propose, env_profile: dev, budgets: {mutations_per_day: 3}, recompile: {command: [./shop], timeout: 5s}}
`;
  const { config, effective } = await read({ flags: root }, file);
  const shop = scopeConfigOf(config, { tenantId: "acme", repoId: "shop" });
  const other = scopeConfigOf(config, { tenantId: "acme", repoId: "other" });
  expect([shop.mode, other.mode, shop.scopeRoot]).toEqual(["propose", "enforce", "/out/acme/shop"]);
  expect([shop.budgets.mutationsPerDay, other.budgets.mutationsPerDay]).toEqual([3, 8]);
  expect([shop.budgets.rollbacksPerDay, shop.intervalMs]).toEqual([40, 300_000]);
  // Rights that were given to one program are not another's.
  expect(shop.recompile).toMatchObject({
    argv: [join(folder, "shop")],
    env: [],
    network: false,
    timeoutMs: 5_000,
  });
  expect(other.recompile).toMatchObject({ argv: [join(folder, "all"), "a"], env: ["LANG"], network: true });
  const own = effective.filter(({ key }) => key.startsWith("scopes.overrides.acme/shop."));
  expect(own.map(({ key }) => key.slice("scopes.overrides.acme/shop.".length))).toContain(
    "budgets.mutations_per_day",
  );
  expect(own.map(({ key }) => key)).not.toContain("scopes.overrides.acme/shop.gates.approval");
  const held = await read({ flags: { ...root, "--mode": ["observe"] } }, file);
  expect(scopeConfigOf(held.config, shop.scope).mode).toBe("observe");
});

test("paths are relative to the file that names them, those of flags to the working directory", async () => {
  const { config } = await read(
    { flags: { "--mode": ["observe"], "--policy": ["p.yaml"] }, cwd: "/cwd" },
    "version: 1\noutputs_root: ../out\nbundle: b.json\ngates: {promotion: {require: signed, public_keys: [k.pem]}}\ntriggers: {sources: [src, /abs]}",
  );
  expect(config.outputsRoot).toBe(join(folder, "../out"));
  expect(config.defaults).toMatchObject({ bundlePath: join(folder, "b.json"), policyPath: "/cwd/p.yaml" });
  expect(config.defaults.gates.promotion.publicKeys).toEqual([join(folder, "k.pem")]);
  // Below each scope.
  expect(config.defaults.triggers.sources).toEqual(["src", "/abs"]);
});

test("credentials are files of systemd, and missing ones are a fault of the start alone", async () => {
  const flags = { ...root, "--mode": ["observe"], "--listen": ["127.0.0.1:0"] };
  const file = "version: 1\nwebhook: {credential: hook-secret}";
  const { config } = await read({ flags, env: { CREDENTIALS_DIRECTORY: "/run/credentials/x" } }, file);
  expect(config.webhook?.secretFile).toBe("/run/credentials/x/hook-secret");
  expect((await faults({ flags }, file))[0]).toContain("LoadCredential=hook-secret");
  expect((await read({ flags, onlyShown: true }, file)).notes.join()).toContain("hook-secret");
});

test("a webhook needs a secret and an address; the variable of old counts, and says how to do better", async () => {
  const flags = { ...root, "--mode": ["observe"] };
  expect(await faults({ flags }, "version: 1\nwebhook: {tolerance: 1m}")).toHaveLength(2);
  expect(
    await faults({ flags }, "version: 1\nlisten: {tcp: '127.0.0.1:0'}\nwebhook: {tolerance: 1m}"),
  ).toHaveLength(1);
  const env = { AKC_LIVING_WEBHOOK_SECRET: "s3cret-of-old" };
  const reading = await read({ flags: { ...flags, "--listen": ["127.0.0.1:0"] }, env });
  expect(JSON.stringify(reading)).not.toContain("s3cret-of-old");
  expect(reading.notes.join()).toContain("webhook.secret_file");
  expect(await readSecret(reading.config.webhook?.secretFile ?? "", env)).toBe("s3cret-of-old");
  expect((await read({ flags, env })).config.webhook).toBeUndefined();
});

test("a secret is the file's text without its last line's end", async () => {
  const path = join(folder, "secret");
  writeFileSync(path, "s3 cret\n");
  expect(await readSecret(path, {})).toBe("s3 cret");
  writeFileSync(path, "\n");
  await expect(readSecret(path, {})).rejects.toMatchObject({ code: "AUTOPILOT_CONFIG_INVALID" });
  await expect(readSecret(join(folder, "none"), {})).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
});

test("what is accepted and has no effect is said", async () => {
  const { notes } = await read({
    flags: { ...root, "--mode": ["observe"], "--goal": ["x"] },
    env: { AKC_OPA_POLICY_PATH: "/p", AKC_DELIVERY_TARGET_LANE: "production" },
  });
  expect(notes.map((note) => note.split(/[ :]/)[0])).toEqual([
    "AKC_OPA_POLICY_PATH",
    "AKC_DELIVERY_TARGET_LANE",
    "--goal",
  ]);
});

test("the lane of delivery follows from the environment", async () => {
  const lane = async (environment: string) => {
    const flags = { ...root, ...unattended, "--env-profile": [environment] };
    const { config } = await read({ flags }, "version: 1\nrecompile: {http: 'http://hook/'}");
    return config.defaults.recompile?.options?.["delivery_target_lane"];
  };
  expect([await lane("dev"), await lane("staging"), await lane("prod")]).toEqual([
    "staging",
    "staging",
    "production",
  ]);
});

test("a file that is not there or is no text is told of", async () => {
  await expect(read({ flags: { "--config": [join(folder, "none.yaml")] } })).rejects.toMatchObject({
    code: "FILE_NOT_FOUND",
  });
  const path = join(folder, "bytes.yaml");
  writeFileSync(path, Uint8Array.of(0x61, 0xff));
  expect(await faults({ flags: { "--config": [path] } })).toHaveLength(1);
});

test("what only a start can change is refused by name, and the rest is taken", async () => {
  const flags = { "--mode": ["observe"] };
  const { config: running } = await read({ flags }, "version: 1\noutputs_root: a");
  const { config: same } = await read(
    { flags },
    "version: 1\noutputs_root: a\nparallel: 7\nretention: {entries: 9d}",
  );
  expect(fixedChanges(running, same)).toEqual([]);
  const { config: other } = await read(
    { flags },
    "version: 1\noutputs_root: b\ncontroller_id: x\nlease: {backend: filesystem, ttl: 20s, name: n}\nlisten: {tcp: '127.0.0.1:1'}",
  );
  expect(fixedChanges(running, other)).toEqual([
    "outputs_root",
    "controller_id",
    "lease.backend",
    "lease.name",
    "lease.ttl",
    "listen",
  ]);
});

test("a hook and a secret that are not there yet are said, and no fault", async () => {
  const flags = { ...root, "--mode": ["observe"], "--listen": ["127.0.0.1:0"] };
  const file = "version: 1\nwebhook: {secret_file: not-there}\nrecompile: {command: [./no-hook]}";
  const missing = (await read({ flags }, file)).notes;
  expect(missing).toEqual([
    expect.stringMatching(/^webhook: its secret .*not-there cannot be read/),
    expect.stringMatching(/^recompile\.command: .*no-hook is not there/),
  ]);
  writeFileSync(join(folder, "there"), "s3cret", { mode: 0o700 });
  const there = file.replace("not-there", join(folder, "there")).replace("./no-hook", join(folder, "there"));
  expect((await read({ flags }, there)).notes).toEqual([]);
});
