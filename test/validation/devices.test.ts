/** The validators of devices: what each operation answers to each way in which its program can end. */
import { describe, expect, test } from "bun:test";
import type { JsonMap } from "../../src/sdk/index.ts";
import { type Behaviour, cutMovie, inWorld, movie, png, report, transcripts } from "./devices-world.ts";

const adb = transcripts("adb");
const simctl = transcripts("simctl");
const maestro = transcripts("maestro");

interface Row {
  readonly kind: string;
  readonly tool: "adb" | "maestro" | "xcrun";
  readonly binding: JsonMap;
  readonly success: readonly Behaviour[];
  /** Name of what is attached on success. */
  readonly attached: readonly string[];
  /** Absent where there is no refusing: the device only hands over. */
  readonly refuses?: readonly Behaviour[];
  readonly noDevice: readonly Behaviour[];
  readonly garbage: readonly Behaviour[];
}

const android = (operation: string, fields: JsonMap = {}) => ({ operation, ...fields });
const noDevice = [{ says: adb("no_device") }];
const garbage = [{ says: adb("garbage") }];
const app = { package_name: "com.acme.pay" };
const ios = { noDevice: [{ says: simctl("no_device") }], garbage: [{ says: simctl("garbage") }] };
const recorder = (says: string, made: Uint8Array): Behaviour[] => [
  { says: simctl(says), makes: { "recording.mp4": made }, onInterrupt: true },
];

const rows: readonly Row[] = [
  {
    kind: "android_helper",
    tool: "adb",
    binding: android("install", { apk_path: "/scope/app.apk" }),
    success: [{ when: "install -r /scope/app.apk", says: adb("install_done") }],
    attached: [],
    refuses: [{ says: adb("install_no_room") }],
    noDevice: [{ says: adb("no_device_install") }],
    garbage,
  },
  {
    kind: "android_helper",
    tool: "adb",
    binding: android("clear_data", app),
    success: [{ when: "shell pm clear com.acme.pay ", says: adb("clear_done") }],
    attached: [],
    refuses: [{ says: adb("clear_failed") }],
    noDevice,
    garbage,
  },
  {
    kind: "android_helper",
    tool: "adb",
    binding: android("grant_permissions", { ...app, permissions: ["android.permission.CAMERA"] }),
    success: [{ when: "shell pm grant com.acme.pay android.permission.CAMERA ", says: adb("grant_done") }],
    attached: [],
    refuses: [{ says: adb("grant_refused") }],
    noDevice,
    garbage,
  },
  {
    kind: "android_helper",
    tool: "adb",
    binding: android("start_activity", { activity: "com.acme.pay/.MainActivity" }),
    success: [{ when: "shell am start -n com.acme.pay/.MainActivity ", says: adb("start_done") }],
    attached: [],
    refuses: [{ says: adb("start_no_class") }],
    noDevice,
    garbage,
  },
  {
    kind: "android_helper",
    tool: "adb",
    binding: android("screenshot", { artifact_name: "pay_fail" }),
    success: [{ when: "exec-out screencap -p", puts: png }],
    attached: ["pay_fail.png"],
    noDevice,
    garbage,
  },
  {
    kind: "android_helper",
    tool: "adb",
    binding: android("screenrecord", { duration_s: 2 }),
    success: [
      {
        when: "shell screenrecord --time-limit 2 /sdcard/shot.pay.screenrecord.mp4",
        says: adb("screenrecord_done"),
      },
      {
        when: "pull /sdcard/shot.pay.screenrecord.mp4 recording.mp4",
        says: adb("pull_done"),
        makes: { "recording.mp4": movie },
      },
      { when: "shell rm -f /sdcard/shot.pay.screenrecord.mp4", says: adb("remove_done") },
    ],
    attached: ["screenrecord.mp4"],
    refuses: [
      { when: "screenrecord --time-limit", says: adb("screenrecord_refused") },
      { when: "rm -f", says: adb("remove_done") },
    ],
    noDevice,
    garbage: [{ when: "pull", says: adb("garbage"), makes: { "recording.mp4": cutMovie } }, ...garbage],
  },
  {
    kind: "android_helper",
    tool: "adb",
    binding: android("logcat_export", { artifact_name: "pay" }),
    success: [
      { when: "get-state", says: adb("get_state") },
      { when: "logcat -d ", says: adb("logcat_done") },
    ],
    attached: ["pay.log"],
    noDevice,
    garbage: [{ when: "get-state", says: adb("get_state") }, ...garbage],
  },
  {
    kind: "ios_simulator_helper",
    tool: "xcrun",
    binding: { operation: "boot", device_id: "4BDC42E4" },
    success: [{ when: "simctl boot 4BDC42E4 ", says: simctl("silence") }],
    attached: [],
    refuses: [{ says: simctl("boot_refused") }],
    ...ios,
  },
  {
    kind: "ios_simulator_helper",
    tool: "xcrun",
    binding: { operation: "erase" },
    success: [{ when: "simctl erase booted ", says: simctl("silence_with_noise") }],
    attached: [],
    refuses: [{ says: simctl("erase_booted") }],
    ...ios,
  },
  {
    kind: "ios_simulator_helper",
    tool: "xcrun",
    binding: { operation: "install_app", app_path: "/scope/Pay.app" },
    success: [{ when: "simctl install booted /scope/Pay.app ", says: simctl("silence") }],
    attached: [],
    refuses: [{ says: simctl("install_refused") }],
    ...ios,
  },
  {
    kind: "ios_simulator_helper",
    tool: "xcrun",
    binding: { operation: "launch_app", bundle_id: "test.acme.pay" },
    success: [{ when: "simctl launch booted test.acme.pay ", says: simctl("launched") }],
    attached: [],
    refuses: [{ says: simctl("launch_refused") }],
    ...ios,
  },
  {
    kind: "ios_simulator_helper",
    tool: "xcrun",
    binding: { operation: "screenshot", artifact_name: "pay_fail" },
    success: [
      {
        when: "simctl io booted screenshot screenshot.png ",
        says: simctl("screenshot_done"),
        makes: { "screenshot.png": png },
      },
    ],
    attached: ["pay_fail.png"],
    refuses: [{ says: simctl("screenshot_refused") }],
    noDevice: [{ says: simctl("none_booted") }],
    garbage: [{ says: simctl("garbage"), makes: { "screenshot.png": new Uint8Array([1, 2, 3]) } }],
  },
  {
    kind: "ios_simulator_helper",
    tool: "xcrun",
    binding: { operation: "record_video", duration_s: 1 },
    success: recorder("recorded", movie),
    attached: ["record_video.mp4"],
    refuses: [{ says: simctl("record_refused") }],
    noDevice: [{ says: simctl("shut_down") }],
    garbage: recorder("garbage", cutMovie),
  },
  {
    kind: "maestro_flow",
    tool: "maestro",
    binding: { platform: "android", flow_path: "/scope/flows/pay.yaml" },
    success: [
      {
        when: " test --format junit --output report.xml /scope/flows/pay.yaml ",
        says: maestro("passed"),
        makes: { "report.xml": report("passed") },
      },
    ],
    attached: ["maestro.log", "report.xml"],
    refuses: [{ says: maestro("failed"), makes: { "report.xml": report("failed") } }],
    noDevice: [{ says: maestro("no_device") }],
    garbage: [{ says: maestro("garbage"), makes: { "report.xml": new Uint8Array([0, 255, 60]) } }],
  },
];

function nameOf({ kind, binding }: Row): string {
  return `${kind} ${String(binding["operation"] ?? "")}`.trim();
}

/** What no verdict but a pass may say: that something was captured. */
function expectNoCapture(observed: unknown): void {
  if (typeof observed === "object" && observed !== null && "artifact" in observed)
    expect(observed.artifact).toBeNull();
}

describe.each(rows.map((row) => [nameOf(row), row] as const))("%s", (_, row) => {
  test("passes, with what it captured, when the device did it", async () => {
    await inWorld(async (world) => {
      world.tool(row.tool, row.success);
      const { verdict, reason, attachments = [] } = await world.judge(row.kind, row.binding);
      expect({ verdict, reason }).toEqual({ verdict: "pass", reason: undefined });
      expect(attachments.map(({ name }) => name)).toEqual([...row.attached]);
    });
  });

  const { refuses } = row;
  if (refuses !== undefined) {
    test("fails when the device refuses", async () => {
      await inWorld(async (world) => {
        world.tool(row.tool, refuses);
        const answer = await world.judge(row.kind, row.binding);
        expect(answer).toMatchObject({ verdict: "fail" });
        expect(answer.message).toBeString();
        expectNoCapture(answer.observed);
      });
    });
  }

  test("is unreachable, and has not failed, when there is no device", async () => {
    await inWorld(async (world) => {
      world.tool(row.tool, row.noDevice);
      const answer = await world.judge(row.kind, row.binding);
      expect(answer).toMatchObject({ verdict: "error", reason: "unreachable" });
      expectNoCapture(answer.observed);
    });
  });

  test("says that the tool is missing", async () => {
    await inWorld(async (world) => {
      const answer = await world.judge(row.kind, row.binding);
      expect(answer).toMatchObject({ verdict: "error", reason: "tool_missing" });
      expectNoCapture(answer.observed);
    });
  });

  test("says that the tool did not end in time", async () => {
    await inWorld(async (world) => {
      world.tool(row.tool, [{ hangs: true }]);
      const started = performance.now();
      const answer = await world.judge(row.kind, row.binding, 300);
      expect(answer).toMatchObject({ verdict: "error", reason: "timeout" });
      expect(performance.now() - started).toBeLessThan(5_000);
    });
  });

  test("takes garbage for nothing", async () => {
    await inWorld(async (world) => {
      world.tool(row.tool, row.garbage);
      const answer = await world.judge(row.kind, row.binding);
      expect(answer).toMatchObject({ verdict: "error", reason: "malformed" });
      expectNoCapture(answer.observed);
    });
  });

  test("never passes an empty binding, and starts nothing for it", async () => {
    await inWorld(async (world) => {
      world.tool(row.tool, row.success);
      expect(await world.judge(row.kind, {})).toMatchObject({ verdict: "error", reason: "malformed" });
      expect(world.started).toEqual([]);
    });
  });
});
