/** The plugin of devices as akc runs it: from a registry through a process of its own and the door, recorded and replayed. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJson } from "../../src/json/read.ts";
import { isJsonObject } from "../../src/json/value.ts";
import { testPlugin } from "../../src/plugin-host/conformance/test-plugin.ts";
import type { OperatorPolicy } from "../../src/policy/model.ts";
import { openValidators } from "../../src/run/validators.ts";
import { systemClock } from "../../src/system/clock.ts";
import { parseRegistry } from "../../src/validation/bindings/registry.ts";
import type { BindingObservation } from "../../src/validation/execution/model.ts";
import { replayObservation } from "../../src/validation/replay.ts";
import type { Validators } from "../../src/validators/contract.ts";
import { openDoor } from "../../src/validators/door.ts";
import { type Adb, acquireAdb } from "../env/adb.ts";
import { type Behaviour, movie, png, report, script, transcripts } from "./devices-world.ts";
import { execute } from "./execution-world.ts";

setDefaultTimeout(120_000);

const kinds = ["maestro_flow", "android_helper", "ios_simulator_helper"];
const folder = realpathSync(mkdtempSync(join(tmpdir(), "akc-test-devices-")));
const home = { HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
const adbSays = transcripts("adb");
const simctlSays = transcripts("simctl");
const maestroSays = transcripts("maestro");

/** Tools of a bench on which everything works. */
const bench: Readonly<Record<string, readonly Behaviour[]>> = {
  adb: [
    { when: "install -r", says: adbSays("install_done") },
    { when: "pm clear com.acme.gone", says: adbSays("clear_failed") },
    { when: "pm clear", says: adbSays("clear_done") },
    { when: "pm grant", says: adbSays("grant_done") },
    { when: "am start", says: adbSays("start_done") },
    { when: "screencap -p", puts: png },
    { when: "screenrecord --time-limit 1", says: adbSays("screenrecord_done") },
    { when: "pull", says: adbSays("pull_done"), makes: { "recording.mp4": movie } },
    { when: "rm -f", says: adbSays("remove_done") },
    { when: "get-state", says: adbSays("get_state") },
    { when: "logcat -d", says: adbSays("logcat_done") },
  ],
  xcrun: [
    { when: "simctl boot ", says: simctlSays("booted_already") },
    { when: "launch", says: simctlSays("launched") },
    { when: "screenshot", says: simctlSays("screenshot_done"), makes: { "screenshot.png": png } },
    {
      when: "recordVideo",
      says: simctlSays("recorded"),
      makes: { "recording.mp4": movie },
      onInterrupt: true,
    },
  ],
  maestro: [
    { when: "fails.yaml", says: maestroSays("failed"), makes: { "report.xml": report("failed") } },
    { when: "pay.yaml", says: maestroSays("passed"), makes: { "report.xml": report("passed") } },
    { when: "late.yaml", says: { ...maestroSays("passed"), exit_code: 130 }, onInterrupt: true },
  ],
};

const paths = Object.entries(bench).map(([name, behaviours]) => {
  const path = join(folder, "bin", name);
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(path, script(behaviours, join(folder, "said", name)));
  chmodSync(path, 0o755);
  return path;
});
const benchPolicy: OperatorPolicy = {
  path: "/etc/akc/policy.yaml",
  subprocess: paths,
  plugins: { grants: new Map([["akc/devices", { run: paths }]]) },
};

const opened: Validators[] = [];
async function validatorsOf(operator: OperatorPolicy | undefined, recorded = false): Promise<Validators> {
  const search = { pluginsDirs: [], env: { ...home, PATH: "/usr/bin:/bin" }, operator, kinds, recorded };
  const validators = await openValidators(search);
  opened.push(validators);
  return validators;
}

let adb: Adb | undefined;
let onBench: Validators;
let replaying: Validators;
beforeAll(async () => {
  onBench = await validatorsOf(benchPolicy);
  replaying = await validatorsOf(undefined, true);
  adb = await acquireAdb();
}, 600_000);
afterAll(async () => {
  await Promise.all(opened.map((validators) => validators.close()));
  await adb?.release();
  rmSync(folder, { recursive: true, force: true });
});

interface Asked {
  readonly validators: Validators;
  readonly operator?: OperatorPolicy | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

async function observed(registry: string, { validators, operator, env = {} }: Asked) {
  const bindings = parseRegistry({
    bytes: new TextEncoder().encode(`bindings:\n${registry}`),
    path: "/r/bindings.yaml",
    kinds: [],
    resolve: (path) => join("/r", path),
  });
  const observations = await execute([...bindings.values()], validators, {
    openDoor: (binding, workdir) =>
      openDoor({ binding, operator, env: { ...home, ...env }, clock: systemClock, workdir }),
  });
  return new Map(observations.map((observation) => [observation.bindingId, observation]));
}

async function replayed(observation: BindingObservation) {
  const [artifact, ...files] = observation.files;
  const payload = parseJson(artifact?.bytes ?? "null");
  if (artifact === undefined || !isJsonObject(payload)) throw new Error("no artifact");
  return replayObservation(
    {
      where: artifact.path,
      payload,
      read: async ({ path }) => files.find((file) => file.path === path)?.bytes,
    },
    { validators: replaying, clock: systemClock, signal: new AbortController().signal },
  );
}

function outcomes(observations: ReadonlyMap<string, BindingObservation>) {
  return Object.fromEntries(
    [...observations].map(([id, { verdict, reason }]) => [
      id,
      reason === undefined ? verdict : `${verdict}(${reason})`,
    ]),
  );
}

test("every operation gives its documented artifact and files, and the same verdict again from the record alone", async () => {
  const observations = await observed(
    `
  a.install: {kind: android_helper, operation: install, apk_path: app.apk}
  a.clear: {kind: android_helper, operation: clear_data, package_name: com.acme.pay}
  a.gone: {kind: android_helper, operation: clear_data, package_name: com.acme.gone}
  a.grant: {kind: android_helper, operation: grant_permissions, package_name: com.acme.pay, permissions: [android.permission.CAMERA]}
  a.start: {kind: android_helper, operation: start_activity, activity: com.acme.pay/.MainActivity, device_id: emulator-5554}
  a.shot: {kind: android_helper, operation: screenshot, artifact_name: pay_fail, journey_id: pay}
  a.film: {kind: android_helper, operation: screenrecord, duration_s: 1}
  a.log: {kind: android_helper, operation: logcat_export}
  i.boot: {kind: ios_simulator_helper, operation: boot, device_id: iPhone 15}
  i.launch: {kind: ios_simulator_helper, operation: launch_app, bundle_id: test.acme.pay}
  i.shot: {kind: ios_simulator_helper, operation: screenshot}
  i.film: {kind: ios_simulator_helper, operation: record_video, duration_s: 1}
  m.pay: {kind: maestro_flow, platform: android, flow_path: flows/pay.yaml, device_id: emulator-5554}
  m.fails: {kind: maestro_flow, platform: ios, flow_path: flows/fails.yaml}
  m.late: {kind: maestro_flow, platform: ios, flow_path: flows/late.yaml, timeout_ms: 2000}
`,
    { validators: onBench, operator: benchPolicy },
  );
  expect(outcomes(observations)).toEqual({
    "a.install": "pass",
    "a.clear": "pass",
    "a.gone": "fail(refused)",
    "a.grant": "pass",
    "a.start": "pass",
    "a.shot": "pass",
    "a.film": "pass",
    "a.log": "pass",
    "i.boot": "pass",
    "i.launch": "pass",
    "i.shot": "pass",
    "i.film": "pass",
    "m.pay": "pass",
    "m.fails": "fail(assertions)",
    "m.late": "error(timeout)",
  });
  expect(observations.get("a.shot")?.payload).toMatchObject({
    platform: "android",
    capture_kind: "screenshot",
    status: "ok",
    artifact_path: ".akc/verification/validators/run-1/attachments/a.shot.pay_fail.png",
    metadata: {
      binding_kind: "android_helper",
      operation: "screenshot",
      device_id: null,
      width: 1,
      height: 1,
    },
  });
  expect(observations.get("a.gone")?.payload).toMatchObject({ status: "error", artifact_path: null });
  expect(observations.get("m.pay")?.payload).toMatchObject({
    platform: "android",
    device_id: "emulator-5554",
    journey_id: "m.pay",
    status: "passed",
    assertions_passed: 1,
    assertions_failed: 0,
  });
  expect(observations.get("m.fails")?.payload).toMatchObject({
    platform: "ios",
    device_id: "booted",
    status: "failed",
    assertions_passed: 1,
    assertions_failed: 1,
  });
  expect(observations.get("m.late")?.payload).toMatchObject({ status: "error", assertions_failed: 1 });
  const filesOf = (id: string) => observations.get(id)?.files.map(({ path }) => path.split("/").at(-1)) ?? [];
  expect(filesOf("a.film")).toContain("a.film.screenrecord.mp4");
  expect(filesOf("a.log")).toContain("a.log.logcat_export.log");
  expect(filesOf("i.film")).toContain("i.film.record_video.mp4");
  expect(filesOf("m.pay")).toEqual(expect.arrayContaining(["m.pay.maestro.log", "m.pay.report.xml"]));
  expect(filesOf("m.late")).toContain("m.late.maestro.log");

  for (const observation of observations.values()) {
    expect(await replayed(observation)).toMatchObject({ bindingId: observation.bindingId, outcome: "same" });
  }
});

test("without its tools, or where the operator does not let them be started, nothing passes", async () => {
  const registry = `
  a: {kind: android_helper, operation: screenshot}
  i: {kind: ios_simulator_helper, operation: screenshot}
  m: {kind: maestro_flow, platform: android, flow_path: flows/pay.yaml}
`;
  const nothing: OperatorPolicy = { path: "/etc/akc/policy.yaml", subprocess: [] };
  const denied = await observed(registry, { validators: await validatorsOf(nothing), operator: nothing });
  expect(outcomes(denied)).toEqual({ a: "error(denied)", i: "error(denied)", m: "error(denied)" });

  const gone: OperatorPolicy = {
    path: "/etc/akc/policy.yaml",
    plugins: {
      grants: new Map([
        ["akc/devices", { run: ["adb", "xcrun", "maestro"].map((name) => join(folder, "no", name)) }],
      ]),
    },
  };
  const missing = await observed(registry, { validators: await validatorsOf(gone), operator: gone });
  expect(outcomes(missing)).toEqual({
    a: "error(tool_missing)",
    i: "error(tool_missing)",
    m: "error(tool_missing)",
  });
});

test("the real adb without a device is unreachable through the whole of it, and its server stays", async () => {
  if (adb === undefined) return;
  const observations = await observed(
    `
  shot: {kind: android_helper, operation: screenshot, tries: 1}
  log: {kind: android_helper, operation: logcat_export, device_id: emulator-5554, tries: 1}
`,
    { validators: await validatorsOf(undefined), env: adb.env },
  );
  expect(outcomes(observations)).toEqual({ shot: "error(unreachable)", log: "error(unreachable)" });
  expect(observations.get("shot")?.payload).toMatchObject({
    message: "adb: no devices/emulators found",
    artifact_path: null,
  });
  for (const observation of observations.values()) {
    expect(await replayed(observation)).toMatchObject({ outcome: "same" });
  }
  const server = Bun.spawnSync(["adb", "devices"], { env: { PATH: "/usr/bin:/bin", ...adb.env } });
  // It would say so if it had to start one.
  expect(server.stderr.toString()).toBe("");
});

test("the plugin conforms, by the examples that it brings", async () => {
  const { rows, conforms } = await testPlugin(join(import.meta.dir, "../../plugins/devices"), {
    env: { ...home, PATH: "/usr/bin:/bin" },
  });
  expect(rows.filter(({ verdict }) => verdict === "fail")).toEqual([]);
  expect(conforms).toBeTrue();
});
