/** The validator `android` with the real adb: without a device nothing passes, fails or waits for ever. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Adb, acquireAdb } from "../env/adb.ts";
import { inWorld } from "./devices-world.ts";

let adb: Adb | undefined;

beforeAll(async () => {
  adb = await acquireAdb();
}, 600_000);

afterAll(async () => {
  await adb?.release();
});

const bindings = [
  { operation: "install" },
  { operation: "clear_data", package_name: "com.acme.pay" },
  {
    operation: "grant_permissions",
    package_name: "com.acme.pay",
    permissions: ["android.permission.CAMERA"],
  },
  { operation: "start_activity", activity: "com.acme.pay/.MainActivity" },
  { operation: "screenshot" },
  { operation: "screenrecord", duration_s: 1 },
  { operation: "logcat_export" },
];

describe("the real adb without a device", () => {
  test.each(bindings)("$operation is unreachable, in adb's own words", async (binding) => {
    if (adb === undefined) return;
    await inWorld(
      async (world) => {
        const apk_path = join(world.call.workdir, "app.apk");
        writeFileSync(apk_path, "PK");
        const answer = await world.judge("android_helper", { ...binding, apk_path });
        expect(answer).toMatchObject({ verdict: "error", reason: "unreachable", attachments: [] });
        expect(answer.message).toBe("adb: no devices/emulators found");
        const named = await world.judge("android_helper", {
          ...binding,
          apk_path,
          device_id: "emulator-5554",
        });
        expect(named).toMatchObject({ verdict: "error", reason: "unreachable" });
        expect(named.message).toBe("adb: device 'emulator-5554' not found");
      },
      { path: ["/usr/bin"], env: adb.env },
    );
  });

  test("a server that is not there is unreachable too", async () => {
    if (adb === undefined) return;
    // A name that is never given out (RFC 2606); adb starts no server on another machine.
    const env = { ...adb.env, ADB_SERVER_SOCKET: "tcp:nowhere.invalid:9" };
    await inWorld(
      async (world) => {
        const answer = await world.judge("android_helper", { operation: "screenshot" });
        expect(answer).toMatchObject({ verdict: "error", reason: "unreachable" });
      },
      { path: ["/usr/bin"], env },
    );
  });
});
