/** `akc runtime autopilot` up to the point at which it would begin: help, --check, and every way to be wrong. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { names, namesOf } from "../../src/autopilot/config/names.ts";
import { commandHelp } from "../../src/cli/help.ts";
import { autopilotArgs } from "../../src/cli/runtime/autopilot/flags.ts";
import { autopilot } from "../../src/cli/runtime/autopilot.ts";
import { flagName } from "../../src/cli/strict.ts";
import { akc } from "../e2e/akc.ts";

const folder = mkdtempSync(join(tmpdir(), "akc-autopilot-"));
afterAll(() => rmSync(folder, { recursive: true }));

const autopilotOf = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  akc(["runtime", "autopilot", ...args], { cwd: folder, env: { HOME: folder, ...env } });

/** The flags of the old command, spec cli §14.2. */
const documented =
  "outputs-root ingest-state-path tenant-id repo-id eval-suite-path policy-mode canary-mode accept-mode living-check-interval-sec scoreboard-window-ms max-iterations goal controller-id lease-backend lease-name lease-namespace scope-registry-path env-profile living-automation-profile unattended-defaults max-mutations-per-day max-concurrent-rollouts rollback-budget-per-day max-consecutive-rollout-failures max-rollbacks-per-day-before-escalation cooldown-after-failure-ms cooldown-after-policy-deny-ms slo-gate slo-min-rollouts slo-min-policy-compliance-rate slo-min-rollback-success-rate slo-max-change-instability-proxy verbose".split(
    " ",
  );

test("every documented flag is there, and every flag that is read can be given", () => {
  const flags = new Set(Object.keys(autopilot.args).map(flagName));
  expect(documented.filter((name) => !flags.has(`--${name}`))).toEqual([]);
  const read = Object.keys(names).flatMap((key) => namesOf(key).flag ?? []);
  expect(read.filter((flag) => !flags.has(flag))).toEqual([]);
  const known = new Set(read);
  const own = ["--config", "--check", "--once"];
  expect(
    Object.keys(autopilotArgs)
      .map(flagName)
      .filter((flag) => !known.has(flag) && !own.includes(flag)),
  ).toEqual([]);
  const variables = Object.keys(names).flatMap((key) => namesOf(key).env ?? []);
  const said = JSON.stringify(autopilot.environment);
  expect(variables.filter((name) => !said.includes(name))).toEqual([]);
});

test("its help fits 60 columns, but for examples, which are copied as they stand", () => {
  const help = commandHelp(autopilot, {
    isTerminal: true,
    color: false,
    canRedraw: false,
    columns: () => 60,
    rows: () => 24,
  });
  const examples = autopilot.examples.map(({ command }) => `  ${command}`);
  const wide = help.split("\n").filter((line) => line.length > 60 && !examples.includes(line));
  expect(wide).toEqual([]);
  expect(help).toContain("recompile hook");
});

test("--check shows what counts and who said so, and starts and writes nothing", async () => {
  const place = join(folder, "shown");
  mkdirSync(join(place, "out/acme/shop/.akc/autopilot"), { recursive: true });
  mkdirSync(join(place, "out/acme/other"), { recursive: true });
  const path = join(place, "autopilot.yaml");
  writeFileSync(
    path,
    "version: 1\noutputs_root: out\nprofile: living_loop_unattended_v1\nscopes: {overrides: {acme/shop: {mode: observe}}}\n",
  );
  const { exit, stdout, stderr } = await autopilotOf(
    ["--config", path, "--check", "-o", "json", "--max-mutations-per-day", "3", "--once"],
    { AKC_AUTOPILOT_LEASE_BACKEND: "filesystem", AKC_OPA_POLICY_PATH: "/p.rego" },
  );
  expect([exit, stderr]).toEqual([0, ""]);
  const shown = JSON.parse(stdout);
  expect(shown).toMatchObject({ kind: "AutopilotConfig", valid: true, path, scopes: ["acme/shop"] });
  expect(shown.notes).toHaveLength(1);
  const of = (key: string) => shown.items.find((item: { readonly key: string }) => item.key === key);
  expect(of("outputs_root")).toEqual({
    key: "outputs_root",
    value: join(place, "out"),
    source: "file",
    from: `${path}:2:15`,
  });
  expect(of("budgets.mutations_per_day")).toMatchObject({
    value: 3,
    source: "flag",
    from: "--max-mutations-per-day",
  });
  expect(of("lease.backend")).toMatchObject({ value: "filesystem", from: "AKC_AUTOPILOT_LEASE_BACKEND" });
  expect(of("max_iterations")).toMatchObject({ value: 1 });
  expect(of("scopes.overrides.acme/shop.mode")).toMatchObject({ value: "observe", source: "file" });
  expect(of("interval")).toMatchObject({ value: "10m", source: "profile" });
  expect(readdirSync(join(place, "out"))).toEqual(["acme"]);
  const text = await autopilotOf(["--config", path, "--check"]);
  expect(text.stdout).toContain("autopilot.yaml:2:15");
  expect(text.exit).toBe(0);
}, 30_000);

test("what is wrong is told at once, with exit code 2, before anything is begun", async () => {
  const missing = await autopilotOf(["--outputs-root", "nowhere"]);
  expect(missing.exit).toBe(2);
  expect(missing.stderr.match(/budgets\.\w+: is missing/g)?.length).toBe(7);
  const path = join(folder, "wrong.yaml");
  writeFileSync(path, "version: 1\nmodes: observe\noutput_root: x\n");
  const wrong = await autopilotOf(["--config", path, "--check", "-o", "json"]);
  expect(wrong.exit).toBe(2);
  expect(JSON.parse(wrong.stdout)).toMatchObject({ code: "AUTOPILOT_CONFIG_INVALID", issue_count: 2 });
  const typed = await autopilotOf(["--max-mutation-per-day", "3"]);
  expect([typed.exit, typed.stderr.includes("Did you mean --max-mutations-per-day?")]).toEqual([2, true]);
}, 30_000);
