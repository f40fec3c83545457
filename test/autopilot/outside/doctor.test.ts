/** `akc living doctor` over real folders, files, databases and hooks: what passes, what is warned of, what fails. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { tamper } from "../memory-world.ts";
import { akc, dataOf, itemsOf, type Ran } from "./command-world.ts";
import { shop } from "./fake-controller.ts";

let root: string;
const scopeRoot = () => join(root, "out/acme/shop");
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "akc-doctor-"));
  mkdirSync(join(scopeRoot(), ".akc/living"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string, mode = 0o600): string => {
  const path = join(root, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};
/** Without a service of this machine's, and without its environment. */
const doctor = (flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  akc(["living", "doctor", "--outputs-root", join(root, "out"), ...flags], {
    env: { HOME: root, ...env },
  });
const found = (ran: Ran, check: string, level: string): readonly string[] =>
  itemsOf(ran)
    .filter((item) => item["check"] === check && item["level"] === level)
    .map(({ message }) => String(message));

const unattended = ["--living-automation-profile", "living_loop_unattended_v1"];
const scope = ["--tenant-id", "acme", "--repo-id", "shop"];

test("the documented points fail one by one, and pass when all are there", async () => {
  const bare = await doctor([...unattended, ...scope, "-o", "json"]);
  expect([bare.exitCode, bare.words]).toEqual([2, "Living doctor: failed.\n"]);
  const messages = found(bare, "living", "fail");
  expect(messages.map((message) => message.replace(/\/\S+/g, "PATH"))).toEqual([
    "the baseline PATH is not there",
    "no ingest state is named",
    expect.stringContaining("the suite PATH cannot be read"),
  ]);

  const suite = write("suite.json", '{"living_recompile_policy": {}}');
  const ingest = write("ingest.json", "{}");
  const given = [...unattended, ...scope, "--eval-suite-path", suite];
  const empty = await doctor([...given, "--relaxed-baseline", "-o", "json"], {
    AKC_AUTOPILOT_INGEST_STATE: ingest,
  });
  expect(found(empty, "living", "fail")).toEqual([
    `the suite ${suite} does not say how recompiles are judged`,
  ]);
  expect(found(empty, "living", "warn")).toHaveLength(1);

  writeFileSync(suite, '{"runtime_canary_thresholds": {"max_total_impacts": 1}}');
  writeFileSync(join(scopeRoot(), ".akc/living/baseline.json"), "{}");
  const whole = await doctor([...given, "--ingest-state-path", ingest]);
  expect([whole.exitCode, whole.words]).toEqual([0, ""]);
  const lines = whole.out.trimEnd().split("\n");
  expect([lines[0], lines.at(-1)]).toEqual(["Living doctor", "Living doctor: ok."]);
  expect(lines.slice(1, -1).every((line) => line.startsWith("  "))).toBe(true);

  const gone = await doctor([...unattended, "--tenant-id", "acme", "--repo-id", "none", "-o", "json"]);
  expect(found(gone, "living", "fail")[0]).toContain("acme/none is not there");
});

test("a claim without the profile fails, and any other profile checks nothing of it", async () => {
  const claimed = await doctor(["-o", "json"], { AKC_LIVING_UNATTENDED_CLAIM: "yes" });
  expect([claimed.exitCode, found(claimed, "living", "fail")]).toEqual([
    2,
    ["it is said to run unattended, and the profile is off"],
  ]);
  const other = await doctor(["--living-automation-profile", "living_loop_v1", "-o", "json"]);
  expect(itemsOf(other).filter(({ check }) => check === "living")).toEqual([]);
  expect(other.exitCode).toBe(0);
  const alias = await akc(["living-doctor", "--outputs-root", join(root, "out"), "-o", "yaml"], {
    env: { HOME: root },
  });
  expect([alias.exitCode, alias.out]).toEqual([0, expect.stringContaining("kind: LivingDoctor")]);
});

test("leases that do not fit are warned of and never fail", async () => {
  const leases = async (flags: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const ran = await doctor([...flags, "-o", "json"], env);
    expect(ran.exitCode).toBe(0);
    return found(ran, "lease", "warn");
  };
  expect(await leases([])).toEqual([]);
  expect(await leases(["--lease-backend", "etcd"])).toEqual(['"etcd" is no backend of leases']);
  expect(await leases([], { AKC_AUTOPILOT_EXPECT_REPLICAS: "many" })).toEqual([
    '"many" is no number of replicas',
  ]);
  expect(await leases(["--lease-backend", "filesystem"], { KUBERNETES_SERVICE_HOST: "10.0.0.1" })).toEqual([
    expect.stringContaining("it runs in Kubernetes"),
  ]);
  expect(await leases(["--expect-replicas", "3"], { AKC_AUTOPILOT_LEASE_BACKEND: "filesystem" })).toEqual([
    expect.stringContaining("3 controllers are meant to run"),
  ]);
  expect(await leases(["--lease-backend", "k8s"])).toEqual([
    expect.stringContaining("no namespace is named"),
  ]);
  expect(await leases(["--lease-backend", "k8s", "--lease-namespace", "akc"])).toEqual([]);
});

const budgets = `
budgets:
  mutations_per_day: 8
  rollbacks_per_day: 4
  rollbacks_per_day_before_escalation: 3
  concurrent_rollouts: 1
  consecutive_failures: 2
  cooldown_after_failure: 5m
  cooldown_after_policy_deny: 10m
`;
const configWith = (more: string): string =>
  write("autopilot.yaml", `version: 1\noutputs_root: ${join(root, "out")}\n${budgets}${more}`, 0o644);

test("a configuration is read as the controller would, every fault of it with its place", async () => {
  const broken = write("broken.yaml", "version: 1\nmodus: enforce\nmode: sometimes\n");
  const ran = await doctor(["--config", broken, "-o", "json"]);
  expect(ran.exitCode).toBe(2);
  const faults = found(ran, "configuration", "fail");
  expect(faults.some((fault) => fault.includes("line 2, column 1"))).toBe(true);
  expect(faults.some((fault) => fault.includes("line 3"))).toBe(true);
});

test("the hook's program must be there, and a test of it must be answered with unchanged", async () => {
  const hook = join(root, "hook.sh");
  const config = configWith(`recompile:\n  command: [${hook}]\n  read: [${root}]\n`);
  const missing = await doctor(["--config", config, ...scope, "-o", "json"]);
  expect([missing.exitCode, found(missing, "hook", "fail")]).toEqual([
    2,
    [`the hook ${hook} cannot be run (ENOENT)`],
  ]);

  // It answers that nothing has changed only to what says that it is a test.
  const script =
    '#!/bin/sh\nif grep -q \'"test":true\'; then echo "{\\"unchanged\\": true}"; else exit 3; fi\n';
  write("hook.sh", script, 0o755);
  const there = await doctor(["--config", config, ...scope, "-o", "json"]);
  expect(found(there, "hook", "ok")).toEqual([`the hook ${hook} is there and may be run`]);
  const asked = await doctor(["--config", config, ...scope, "--run-hook", "-o", "json"]);
  expect(found(asked, "hook", "ok")).toEqual([
    `the hook ${hook} is there and may be run`,
    "asked for acme/shop, the hook answers that nothing has changed",
  ]);
  write("hook.sh", "#!/bin/sh\nexit 4\n", 0o755);
  const failing = await doctor(["--config", config, ...scope, "--run-hook", "-o", "json"]);
  expect([failing.exitCode, found(failing, "hook", "fail")]).toEqual([
    2,
    [expect.stringContaining("asked for acme/shop, the hook fails")],
  ]);
});

test("a secret that others can read fails, and none of it is shown", async () => {
  const secret = write("secret", "do-not-show-this", 0o644);
  const config = configWith(`listen:\n  tcp: 127.0.0.1:9464\nwebhook:\n  secret_file: ${secret}\n`);
  const open = await doctor(["--config", config, "-o", "json"]);
  expect([open.exitCode, found(open, "secrets", "fail")]).toEqual([
    2,
    [`webhook.secret_file ${secret} can be read by everybody`],
  ]);
  expect(open.out).not.toContain("do-not-show-this");
  chmodSync(secret, 0o600);
  const closed = await doctor(["--config", config, "-o", "json"]);
  expect([closed.exitCode, found(closed, "secrets", "ok")]).toEqual([
    0,
    [`webhook.secret_file ${secret} can be read`],
  ]);
  rmSync(secret);
  expect(found(await doctor(["--config", config, "-o", "json"]), "secrets", "fail")).toHaveLength(1);
});

test("the history is followed: a damaged one fails, one from the future and an escalation are warned of", async () => {
  const store = await openAutopilotStore(join(root, "out"));
  const fence = await store.raiseFence(shop, "ctl@host:1:aa", Date.now());
  const nowMs = Date.now() + 3_600_000;
  await store.append(
    shop,
    [{ type: "escalated", reason: "rollback_failed", message: "it is stuck" }],
    fence,
    { nowMs },
  );
  await store.close();
  const ran = await doctor(["-o", "json"]);
  expect(ran.exitCode).toBe(0);
  expect(found(ran, "database", "warn")).toEqual(["acme/shop waits for a person: it is stuck"]);
  expect(found(ran, "clock", "warn").some((message) => message.includes("is still to come"))).toBe(true);

  tamper(join(root, "out"), (db) => db.run("UPDATE entry SET payload = replace(payload, 'stuck', 'fine')"));
  const damaged = await doctor(["-o", "json"]);
  expect([damaged.exitCode, found(damaged, "database", "fail")]).toEqual([
    2,
    [expect.stringContaining("the history of acme/shop is damaged at entry 1")],
  ]);
});

test("a place that is no folder fails, and one that is not there is warned of; nothing is made", async () => {
  const file = write("file", "");
  const at = (path: string) =>
    akc(["living", "doctor", "--outputs-root", path, "-o", "json"], { env: { HOME: root } });
  expect(found(await at(file), "disk", "fail")).toEqual([`the outputs root ${file} is no folder`]);
  const absent = join(root, "absent/deep");
  const ran = await at(absent);
  expect(found(ran, "disk", "warn")).toContain(`the outputs root ${absent} is not there`);
  expect(dataOf(ran)["outputs_root"]).toBe(absent);
  expect([...new Bun.Glob("absent/**").scanSync({ cwd: root, onlyFiles: false })]).toEqual([]);
});
