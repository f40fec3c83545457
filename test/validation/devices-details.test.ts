/** The validators of devices, case by case: what single words of the programs mean, and what is kept of them. */
import { describe, expect, test } from "bun:test";
import type { JsonMap } from "../../src/sdk/index.ts";
import {
  type Behaviour,
  inWorld,
  movie,
  png,
  report,
  type Transcript,
  transcripts,
} from "./devices-world.ts";

const adb = transcripts("adb");
const simctl = transcripts("simctl");
const maestro = transcripts("maestro");

const install = { operation: "install", apk_path: "/scope/app.apk" };
const clear = { operation: "clear_data", package_name: "com.acme.pay" };
const grant = {
  operation: "grant_permissions",
  package_name: "com.acme.pay",
  permissions: ["android.permission.CAMERA", "android.permission.RECORD_AUDIO"],
};
const start = { operation: "start_activity", activity: "com.acme.pay/.MainActivity" };
const screenshot = { operation: "screenshot" };
const screenrecord = { operation: "screenrecord", duration_s: 2 };
const logcat = { operation: "logcat_export" };
const flow = { platform: "android", flow_path: "/scope/flows/pay.yaml" };

function said(stdout: string, exit_code = 0, stderr = ""): Transcript {
  return { exit_code, stdout: [stdout], stderr: [stderr] };
}

async function android(binding: JsonMap, behaviours: readonly Behaviour[]) {
  return await inWorld(async (world) => {
    world.tool("adb", behaviours);
    return { answer: await world.judge("android_helper", binding), started: [...world.started] };
  });
}

async function simulator(binding: JsonMap, behaviours: readonly Behaviour[]) {
  return await inWorld(async (world) => {
    world.tool("xcrun", behaviours);
    return { answer: await world.judge("ios_simulator_helper", binding), started: [...world.started] };
  });
}

async function walk(binding: JsonMap, behaviours: readonly Behaviour[], timeoutMs?: number) {
  return await inWorld(async (world) => {
    world.tool("maestro", behaviours);
    return { answer: await world.judge("maestro_flow", binding, timeoutMs), started: [...world.started] };
  });
}

describe("adb", () => {
  test.each([
    ["no_device_newer", "error", "unreachable"],
    ["no_device_pull", "error", "unreachable"],
    ["no_such_device", "error", "unreachable"],
    ["no_server", "error", "unreachable"],
    ["offline", "error", "unreachable"],
    ["authorizing", "error", "unreachable"],
    ["closed", "error", "unreachable"],
    ["unauthorized", "error", "denied"],
    ["no_permissions", "error", "denied"],
    ["several", "inconclusive", "ambiguous"],
    ["several_old", "inconclusive", "ambiguous"],
    ["garbage_failing", "error", "malformed"],
  ])("%s is %s(%s), whatever was asked", async (name, verdict, reason) => {
    for (const binding of [install, clear, grant, start, screenshot, screenrecord, logcat]) {
      const { answer } = await android(binding, [{ says: adb(name) }]);
      expect({ operation: binding.operation, verdict: answer.verdict, reason: answer.reason }).toMatchObject({
        operation: binding.operation,
        verdict,
        reason,
      });
      expect(answer.attachments).toEqual([]);
    }
  });

  test.each([
    ["install_done_pushed", install, "pass"],
    ["install_refused_with_0", install, "fail"],
    ["install_restricted", install, "fail"],
    ["install_no_file", install, "error"],
    ["clear_failed_with_0", clear, "fail"],
    ["grant_refused_old", grant, "fail"],
    ["start_in_front", start, "pass"],
    ["start_kept", start, "fail"],
  ] as const)("%s of %o is a %s", async (name, binding, verdict) => {
    const { answer } = await android(binding, [{ says: adb(name) }]);
    expect(answer.verdict).toBe(verdict);
  });

  test("the code of a refused installation is told", async () => {
    const { answer } = await android(install, [{ says: adb("install_no_room") }]);
    expect(answer.observed).toMatchObject({
      metadata: { failure: "INSTALL_FAILED_INSUFFICIENT_STORAGE", exit_code: 1 },
    });
    expect(answer.message).toContain("INSTALL_FAILED_INSUFFICIENT_STORAGE");
  });

  test("the device of the binding is the one that is asked", async () => {
    const { started } = await android({ ...clear, device_id: "emulator-5554" }, [
      { says: adb("clear_done") },
    ]);
    expect(started).toEqual([["adb", "-s", "emulator-5554", "shell", "pm", "clear", "com.acme.pay"]]);
  });

  test("of several permissions the first that is refused ends it, and each is told", async () => {
    const { answer, started } = await android(grant, [
      { when: "CAMERA", says: adb("grant_done") },
      { when: "RECORD_AUDIO", says: adb("grant_refused") },
    ]);
    expect(answer.verdict).toBe("fail");
    expect(answer.observed).toMatchObject({
      metadata: {
        permissions: [
          { permission: "android.permission.CAMERA", granted: true },
          { permission: "android.permission.RECORD_AUDIO", granted: false },
        ],
      },
    });
    expect(started).toHaveLength(2);
  });

  test("nothing that a device's shell would expand reaches it", async () => {
    const inner = { operation: "start_activity", activity: "com.acme.pay/.Main$Alias" };
    expect((await android(inner, [{ says: adb("start_done") }])).started).toEqual([
      ["adb", "shell", "am", "start", "-n", "'com.acme.pay/.Main$Alias'"],
    ]);
    for (const binding of [
      { ...clear, package_name: "com.acme;reboot" },
      { ...clear, package_name: "-x" },
      { ...grant, permissions: ["$(reboot)"] },
      { ...start, activity: "com.acme/.A'`reboot`'" },
      { ...install, apk_path: "--bad" },
      { ...screenrecord, duration_s: "2;reboot" },
      { ...screenshot, device_id: "-P" },
      { ...screenshot, artifact_name: "../shot" },
    ]) {
      const { answer, started } = await android(binding, [{ says: adb("clear_done") }]);
      expect(answer).toMatchObject({ verdict: "error", reason: "malformed" });
      expect(started).toEqual([]);
    }
    const named = { ...screenrecord, artifact_name: "a $(reboot) b" };
    const { started } = await android(named, [{ says: adb("screenrecord_refused") }]);
    expect(started[0]?.at(-1)).toBe("/sdcard/shot.pay.a_reboot_b.mp4");
  });

  test("a picture behind the warning of a device with several displays is kept without the warning", async () => {
    const { answer } = await android(screenshot, [{ says: adb("screencap_warning"), puts: png }]);
    expect(answer).toMatchObject({
      verdict: "pass",
      observed: { metadata: { displays: "several", width: 1 } },
    });
    expect(answer.attachments?.[0]?.bytes).toEqual(png);
  });

  test("half a picture is none", async () => {
    const { answer } = await android(screenshot, [{ puts: png.subarray(0, png.length - 4) }]);
    expect(answer).toMatchObject({ verdict: "error", reason: "malformed", attachments: [] });
  });

  test("a recording is taken off the device, also when it could not be fetched", async () => {
    for (const pulled of ["pull_done", "pull_no_file"]) {
      const { answer, started } = await android(screenrecord, [
        { when: "screenrecord --time-limit 2", says: adb("screenrecord_done") },
        {
          when: "pull",
          says: adb(pulled),
          ...(pulled === "pull_done" ? { makes: { "recording.mp4": movie } } : {}),
        },
        { when: "rm -f", says: adb("remove_done") },
      ]);
      expect(answer.verdict).toBe(pulled === "pull_done" ? "pass" : "error");
      expect(answer.observed).toMatchObject({ metadata: { removed_from_device: true, duration_s: 2 } });
      expect(started.at(-1)).toEqual(["adb", "shell", "rm", "-f", "/sdcard/shot.pay.screenrecord.mp4"]);
    }
  });

  test("an empty log is no data; of a huge one the newest lines are asked for", async () => {
    const state = { when: "get-state", says: adb("get_state") };
    const nothing = await android(logcat, [state, { when: "logcat -d" }]);
    expect(nothing.answer).toMatchObject({ verdict: "inconclusive", reason: "no-data" });

    const line = new TextEncoder().encode("11-23 00:08:19.123  1234  1234 I Tag: a line of a log\n");
    const huge = new Uint8Array(9 * 1024 * 1024);
    for (let at = 0; at + line.length <= huge.length; at += line.length) huge.set(line, at);
    const cut = await android(logcat, [
      state,
      { when: "logcat -d -t 20000", says: adb("logcat_done") },
      { when: "logcat -d", puts: huge },
    ]);
    expect(cut.answer).toMatchObject({
      verdict: "pass",
      observed: { artifact: "logcat_export.log", metadata: { kept: "newest" } },
    });
    const still = await android(logcat, [state, { when: "logcat -d", puts: huge }]);
    expect(still.answer).toMatchObject({ verdict: "inconclusive", reason: "limited" });
    expect(still.answer.attachments?.[0]?.bytes.length).toBe(8 * 1024 * 1024);
  });

  test("a device in recovery is not reached", async () => {
    const { answer } = await android(logcat, [{ when: "get-state", says: said("recovery") }]);
    expect(answer).toMatchObject({ verdict: "error", reason: "unreachable" });
  });

  test("what is kept of the words is bounded as documented", async () => {
    const long = "é".repeat(20_000);
    const { answer } = await android(install, [{ says: said(long, 0, long) }]);
    const { observed } = answer;
    expect(observed).toMatchObject({ metadata: { stdout: "é".repeat(8_192), stderr: "é".repeat(8_192) } });
    const small = await android(grant, [{ says: said(long) }]);
    expect(small.answer.observed).toMatchObject({
      metadata: { permissions: [{ stdout: "é".repeat(1_024) }] },
    });
  });
});

describe("simctl", () => {
  const boot = { operation: "boot", device_id: "4BDC42E4" };

  test.each(["booted_already", "booted_already_old"])("%s is booted", async (name) => {
    const { answer } = await simulator(boot, [{ says: simctl(name) }]);
    expect(answer).toMatchObject({ verdict: "pass", observed: { metadata: { already_booted: true } } });
  });

  test.each([
    ["none_booted", "unreachable"],
    ["shut_down", "unreachable"],
    ["no_service", "unreachable"],
    ["no_xcode", "tool_missing"],
    ["not_permitted", "denied"],
    ["garbage_failing", "malformed"],
  ])("%s is error(%s), whatever was asked", async (name, reason) => {
    for (const binding of [
      { operation: "erase" },
      { operation: "install_app", app_path: "/scope/Pay.app" },
      { operation: "launch_app", bundle_id: "test.acme.pay" },
      screenshot,
      { operation: "record_video", duration_s: 1 },
    ]) {
      const { answer } = await simulator(binding, [{ says: simctl(name) }]);
      expect(answer).toMatchObject({ verdict: "error", reason });
    }
  });

  test("a bundle that is not there is the binding's fault, not the simulator's", async () => {
    const binding = { operation: "install_app", app_path: "/scope/Pay.app" };
    const { answer } = await simulator(binding, [{ says: simctl("install_no_bundle") }]);
    expect(answer).toMatchObject({ verdict: "error", reason: "malformed" });
  });

  test("the recorder is interrupted after the duration, and its film is what counts", async () => {
    const binding = { operation: "record_video", duration_s: 1, artifact_name: "pay" };
    const made = { "recording.mp4": movie };
    const began = performance.now();
    const { answer, started } = await simulator(binding, [
      { says: simctl("recorded"), makes: made, onInterrupt: true },
    ]);
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(answer).toMatchObject({ verdict: "pass", observed: { artifact: "pay.mp4", device_id: "booted" } });
    expect(started).toEqual([["xcrun", "simctl", "io", "booted", "recordVideo", "--force", "recording.mp4"]]);

    const empty = await simulator(binding, [
      { says: simctl("recorded"), makes: { "recording.mp4": new Uint8Array() }, onInterrupt: true },
    ]);
    expect(empty.answer).toMatchObject({ verdict: "error", reason: "malformed", attachments: [] });
  });
});

describe("maestro", () => {
  const withReport = (name: string, says = "passed"): Behaviour[] => [
    { says: maestro(says), makes: { "report.xml": report(name) } },
  ];

  test("counts what the report says, case by case", async () => {
    const { answer } = await walk(flow, withReport("failed", "failed"));
    expect(answer).toMatchObject({
      verdict: "fail",
      reason: "assertions",
      observed: { assertions_passed: 1, assertions_failed: 1, counts: "report", platform: "android" },
      evidence: {
        test_cases: 2,
        skipped: 0,
        time_s: 36,
        failures: [{ name: "pay", message: 'Assertion is false: "Paid & done" is visible' }],
      },
    });
  });

  test("a report with failures fails a run that ended with 0", async () => {
    const { answer } = await walk(flow, withReport("failed"));
    expect(answer).toMatchObject({ verdict: "fail", observed: { assertions_failed: 1 } });
  });

  test("a run that ended with 1 fails, whatever its report says", async () => {
    const { answer } = await walk(flow, withReport("passed", "failed"));
    expect(answer).toMatchObject({
      verdict: "fail",
      reason: "exit",
      observed: { assertions_passed: 1, assertions_failed: 1 },
    });
  });

  test("a report without a test case is no data, one with a cancelled case is limited", async () => {
    expect((await walk(flow, withReport("empty"))).answer).toMatchObject({
      verdict: "inconclusive",
      reason: "no-data",
    });
    expect((await walk(flow, withReport("cancelled"))).answer).toMatchObject({
      verdict: "inconclusive",
      reason: "limited",
    });
  });

  test("without a report the exit code decides, and the counts say that they are made up", async () => {
    expect((await walk(flow, [{ says: maestro("passed") }])).answer).toMatchObject({
      verdict: "pass",
      observed: { assertions_passed: 1, assertions_failed: 0, counts: "synthetic" },
      evidence: { counts: "synthetic", report: "absent" },
    });
    expect((await walk(flow, [{ says: maestro("failed") }])).answer).toMatchObject({
      verdict: "fail",
      observed: { assertions_passed: 0, assertions_failed: 1, counts: "synthetic" },
    });
  });

  test.each([
    ["not_connected", "unreachable"],
    ["no_driver", "unreachable"],
    ["no_java", "tool_missing"],
    ["no_flow", "malformed"],
    ["usage", "malformed"],
  ])("%s is error(%s): no flow was walked through", async (name, reason) => {
    const { answer } = await walk(flow, [{ says: maestro(name) }]);
    expect(answer).toMatchObject({ verdict: "error", reason, observed: { assertions_failed: 1 } });
  });

  test("when its time is up the log so far is kept, and it has not failed", async () => {
    const { answer } = await walk(
      flow,
      [{ says: { ...maestro("failed"), exit_code: 130 }, onInterrupt: true }],
      1_000,
    );
    expect(answer).toMatchObject({
      verdict: "error",
      reason: "timeout",
      observed: { assertions_passed: 0, assertions_failed: 1 },
    });
    expect(new TextDecoder().decode(answer.attachments?.[0]?.bytes)).toContain("[Failed] pay");
  });

  test("the command line names the device before `test`, and hands the app's id to the flow", async () => {
    const binding = { ...flow, device_id: "emulator-5554", app_id: "com.acme.pay", journey_id: "pay" };
    const { answer, started } = await walk(binding, withReport("passed"));
    expect(started).toEqual([
      [
        "maestro",
        "--device",
        "emulator-5554",
        "test",
        "--format",
        "junit",
        "--output",
        "report.xml",
        "-e",
        "AKC_VALIDATION_APP_ID=com.acme.pay",
        "/scope/flows/pay.yaml",
      ],
    ]);
    expect(answer.observed).toMatchObject({ device_id: "emulator-5554", journey_id: "pay" });
  });

  test("the words for any device are no device of maestro's", async () => {
    const { answer, started } = await walk(
      { ...flow, platform: "ios", device_id: "booted" },
      withReport("passed"),
    );
    expect(started[0]?.slice(0, 2)).toEqual(["maestro", "test"]);
    expect(answer.observed).toMatchObject({ device_id: "booted", journey_id: "shot.pay", platform: "ios" });
  });
});
