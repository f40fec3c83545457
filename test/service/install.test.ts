/** `akc service` with the built binary, in a real systemd of its own. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { unitName } from "../../src/service/unit.ts";
import { binary } from "../e2e/akc.ts";
import type { Json } from "../e2e/bundle.ts";
import { jsonObject } from "../e2e/world.ts";
import { SystemdHost } from "../env/systemd.ts";

const found = SystemdHost.up();
const host = () => {
  if (found === undefined) throw new Error("there is no systemd");
  return found;
};
afterAll(() => found?.down());

const akcInside = found?.bring(binary) ?? binary;
const unitPath = `/etc/systemd/system/${unitName}`;
const config = "/etc/akc/autopilot.yaml";
/** In the place of the binary that is run: supervised as akc is, with nothing to control. */
const program = "/opt/akc-test/akc";

beforeAll(async () => {
  if (found === undefined) return;
  const built = await Bun.build({ entrypoints: [join(import.meta.dir, "stand-in.ts")], target: "bun" });
  found.write("/opt/akc-test/stand-in.js", await (built.outputs[0]?.text() ?? ""));
  found.write(program, `#!/bin/sh\nexec ${found.bring(process.execPath)} /opt/akc-test/stand-in.js\n`, 0o755);
});

afterEach(() => {
  found?.run("systemctl", "disable", "--now", unitName);
  found?.sh(`rm -rf ${unitPath} ${unitPath}.d /etc/akc; systemctl daemon-reload`);
});

interface Answered {
  readonly code: number;
  readonly report: Json;
  readonly stderr: string;
}

function service(...args: readonly string[]): Answered {
  const ran = host().run(akcInside, "service", ...args, "-o", "json");
  return { code: ran.exitCode, report: jsonObject(ran.stdout), stderr: ran.stderr };
}

const install = (...more: readonly string[]) => service("install", "--binary", program, ...more);
const exists = (path: string) => host().run("test", "-e", path).exitCode === 0;
const is = (what: "enabled" | "active") => host().run("systemctl", `is-${what}`, unitName).stdout.trim();

describe.skipIf(found === undefined)("akc service", () => {
  test("installs, says what it changed, changes nothing twice, and takes everything away but what it kept", () => {
    expect(service("status")).toMatchObject({ code: 1, report: { unit_file: "absent", enabled: false } });
    const shown = install("--now", "--dry-run");
    expect([shown.code, exists(unitPath), exists(config)]).toEqual([0, false, false]);
    const installed = install("--now");
    expect({ code: installed.code, changed: installed.report["changed"] }).toEqual({
      code: 0,
      changed: [
        `${config} written: it observes, and changes nothing`,
        `${unitPath} written`,
        `${unitName} enabled`,
        `${unitName} started`,
      ],
    });
    expect(installed.report["changed"]).toEqual(shown.report["changed"]);
    expect([is("enabled"), is("active")]).toEqual(["enabled", "active"]);
    expect(service("status")).toMatchObject({
      code: 0,
      report: {
        unit_file: "current",
        enabled: true,
        active_state: "active",
        result: "success",
        status_text: "no scopes",
        watchdog_ms: 60_000,
        // The wrapper is a script; what runs is its interpreter.
        binary: program,
        wrong: [],
      },
    });
    const again = install("--now");
    expect([again.code, again.report["changed"]]).toEqual([0, []]);

    expect(service("uninstall", "--dry-run").code).toBe(0);
    expect(is("active")).toBe("active");
    const gone = service("uninstall");
    expect({ code: gone.code, changed: gone.report["changed"] }).toEqual({
      code: 0,
      changed: [`${unitName} stopped`, `${unitName} disabled`, `${unitPath} removed`],
    });
    expect([exists(unitPath), exists(config), is("active")]).toEqual([false, true, "inactive"]);
    expect(service("uninstall").report["changed"]).toEqual([]);
  });

  test("an older unit of its own is brought up to date, and the service started again with it", () => {
    install("--now", "--config", "/etc/akc/other.yaml");
    const pid = service("status").report["main_pid"];
    const changed = install("--now");
    expect(changed.report["changed"]).toEqual([
      `${config} written: it observes, and changes nothing`,
      `${unitPath} replaced`,
      `${unitName} restarted`,
    ]);
    expect(service("status").report["main_pid"]).not.toBe(pid);
  });

  test("a unit that somebody edited, or that akc did not write, is left alone", () => {
    install();
    host().sh(`sed -i s/WatchdogSec=60/WatchdogSec=61/ ${unitPath}; systemctl daemon-reload`);
    expect(service("status")).toMatchObject({ code: 1, report: { unit_file: "edited" } });
    for (const refused of [install(), service("uninstall")])
      expect([refused.code, refused.report["code"]]).toEqual([5, "SERVICE_UNIT_CHANGED"]);
    expect(host().sh(`cat ${unitPath}`)).toContain("WatchdogSec=61");
    expect(install("--force").report["unit_changes"]).toEqual(["- WatchdogSec=61", "+ WatchdogSec=60"]);
    host().write(unitPath, "[Service]\nExecStart=/bin/true\n");
    expect(install().report["code"]).toBe("SERVICE_UNIT_CHANGED");
  });

  test("what was done is taken back when the service does not start", () => {
    const failed = service("install", "--binary", "/bin/false", "--now");
    expect([failed.code, failed.report["code"]]).toEqual([1, "SERVICE_MANAGER_FAILED"]);
    expect(failed.report["details"]).toMatchObject({ failed_at: `${unitName} started` });
    expect(String(failed.report["error"])).toMatch(
      /exited with error code; See "systemctl status .*" for details$/,
    );
    expect(String(failed.report["hint"])).toStartWith(`\`journalctl -u ${unitName}\` says why;`);
    expect([exists(unitPath), exists(config), is("active")]).toEqual([false, false, "inactive"]);

    install("--now");
    const before = host().sh(`cat ${unitPath}`);
    expect(service("install", "--binary", "/bin/false", "--now").code).toBe(1);
    expect([host().sh(`cat ${unitPath}`), is("active"), is("enabled")]).toEqual([
      before,
      "active",
      "enabled",
    ]);
  });

  test("a program that the confined service would not see is refused, and nobody but root changes the machine", () => {
    host().sh(`cp ${program} /root/akc`);
    expect(service("install", "--binary", "/root/akc")).toMatchObject({ code: 2, report: { code: "USAGE" } });
    const other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", akcInside, "service"];
    for (const verb of [["install", "--binary", program], ["uninstall"]]) {
      const ran = host().run(...other, ...verb, "--system", "-o", "json");
      expect(jsonObject(ran.stdout)["code"]).toBe("SERVICE_NEEDS_ROOT");
    }
    expect(host().run(...other, "install", "--binary", program, "--system", "--dry-run").exitCode).toBe(0);
    expect(exists(unitPath)).toBe(false);
  });

  test("a binary that was replaced under a running service is seen", () => {
    host().sh("cp /bin/sleep /opt/akc-test/old");
    install();
    host().write(
      `${unitPath}.d/test.conf`,
      "[Service]\nType=exec\nExecStart=\nExecStart=/opt/akc-test/old 1000\n",
    );
    host().sh(
      `sed -i 's#${program}#/opt/akc-test/old#' ${unitPath}; systemctl daemon-reload; systemctl start ${unitName}`,
    );
    expect(service("status").report["binary_running"]).toBe("current");
    host().sh("cp /bin/sleep /opt/akc-test/new; mv /opt/akc-test/new /opt/akc-test/old");
    expect(service("status").report["binary_running"]).toBe("replaced");
  });
});
