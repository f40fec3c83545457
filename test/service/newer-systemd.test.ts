/** The shipped unit, as it is shipped, in a systemd that knows all of its keys: a reload is over when it is over. */
import { beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { installation, unitPath } from "./installation.ts";

/** 254; the tests beside this one have the machine's own, which is older on Debian 12. */
const { made, at } = installation("bookworm-backports");

beforeAll(() => {
  if (made === undefined) return;
  made.configure();
  expect(made.akc("service", "install").exitCode).toBe(0);
});

beforeEach(() => made?.anew());

describe.skipIf(made === undefined)("under a systemd with Type=notify-reload", () => {
  test("what is installed is the shipped file to the letter, and nothing in it is unknown", () => {
    const shipped = readFileSync(join(import.meta.dir, "../../deploy/systemd/akc-autopilot.service"), "utf8");
    expect(at().host.sh(`cat ${unitPath}`)).toBe(shipped);
    const { exitCode, stderr } = at().host.run("systemd-analyze", "verify", "--man=no", unitPath);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(at().show("Type", "RestartSteps", "RestartMaxDelayUSec", "ExecReload")).toEqual({
      Type: "notify-reload",
      RestartSteps: "5",
      RestartMaxDelayUSec: "1min",
    });
  });

  test("a reload ends when the configuration is taken, or refused and told, and not before", () => {
    expect(at().systemctl("start").exitCode).toBe(0);
    const reload = (...lines: readonly string[]) => {
      at().configure(...lines);
      expect(at().systemctl("reload").exitCode).toBe(0);
    };
    // Nobody waits for anything here: when systemctl comes back, it is so.
    for (let times = 0; times < 3; times++) {
      reload("parallel: 0");
      expect(at().show("StatusText", "ActiveState")).toEqual({
        StatusText: expect.stringContaining("is refused"),
        ActiveState: "active",
      });
      expect(at().ask("/readyz").status).toBe(503);
      reload("parallel: 2");
      expect(at().show("StatusText")["StatusText"]).not.toContain("is refused");
      expect(at().ask("/readyz").status).toBe(200);
    }
    expect(at().show("ReloadResult", "NRestarts")).toEqual({ ReloadResult: "success", NRestarts: "0" });
  });

  test("a process that stands still is ended by the watchdog, started again, and can be reloaded and stopped", async () => {
    at().dropIn("watchdog", ["WatchdogSec=1"]);
    at().systemctl("start");
    at().host.sh("systemctl kill --kill-who=main --signal=SIGSTOP akc-autopilot");
    await at().until("restarted", () => at().show("NRestarts")["NRestarts"] === "1");
    await at().until("active", () => at().show("ActiveState")["ActiveState"] === "active");
    expect(at().systemctl("reload").exitCode).toBe(0);
    at().systemctl("stop");
    expect(at().ends()).toEqual([expect.stringMatching(/^watchdog /), "success exited 0"]);
  });
});
