/** The shipped unit in a real systemd: told, reloaded, stopped, starved and killed. What runs in it is supervised as akc is. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { defaultUnit, renderUnit, unitName } from "../../src/service/unit.ts";
import { SystemdHost } from "../env/systemd.ts";

const found = SystemdHost.up();
const host = () => {
  if (found === undefined) throw new Error("there is no systemd");
  return found;
};
afterAll(() => found?.down());

const program = "/opt/akc-test/akc";
const run = "/run/akc";
const unitPath = `/etc/systemd/system/${unitName}`;
const dropIn = `${unitPath}.d/test.conf`;

beforeAll(async () => {
  if (found === undefined) return;
  const built = await Bun.build({ entrypoints: [join(import.meta.dir, "stand-in.ts")], target: "bun" });
  found.write("/opt/akc-test/stand-in.js", await (built.outputs[0]?.text() ?? ""));
  found.write(program, `#!/bin/sh\nexec ${found.bring(process.execPath)} /opt/akc-test/stand-in.js\n`, 0o755);
  const [, digits] = /^systemd (\d+)/.exec(found.sh("systemctl --version")) ?? [];
  found.write(unitPath, renderUnit({ ...defaultUnit, binary: program, systemd: Number(digits) }));
});

beforeEach(() => {
  found?.sh(`systemctl stop ${unitName} 2>/dev/null || true; systemctl reset-failed ${unitName} 2>/dev/null || true
    rm -rf ${dropIn} ${endPath} /etc/akc`);
});

/** With these lines of [Service] beside those of the unit. */
function start(...lines: readonly string[]): void {
  host().write(dropIn, ["[Service]", "RestartSec=100ms", tellEnd, ...lines, ""].join("\n"));
  host().sh(`systemctl daemon-reload; systemctl start ${unitName}`);
}

/** systemd forgets a unit that has stopped; what it was told by is kept. */
const endPath = "/opt/akc-test/end";
const tellEnd = `ExecStopPost=+/bin/sh -c 'echo $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >${endPath}'`;
const end = () => host().sh(`cat ${endPath}`).trim();

function show(...properties: readonly string[]): Readonly<Record<string, string>> {
  const text = host().sh(`systemctl show --property=${properties.join(",")} ${unitName}`);
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (holds()) return;
    await Bun.sleep(50);
  }
  throw new Error(`never ${what}: ${JSON.stringify(show("ActiveState", "Result", "StatusText"))}\n${log()}`);
}

/** Of this start of the unit. */
const log = () =>
  host().sh(
    `journalctl --no-pager -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show --value -p InvocationID ${unitName})`,
  );
const restarted = () => until("restarted", () => show("NRestarts")["NRestarts"] === "1" && isActive());
const isActive = () => show("ActiveState")["ActiveState"] === "active";
const kill = (signal: string) => host().sh(`systemctl kill --kill-who=main --signal=${signal} ${unitName}`);

describe.skipIf(found === undefined)("under systemd", () => {
  test("nothing in the unit is unknown to systemd, and little is exposed", () => {
    // verify exits 0 for keys that it does not know.
    const verified = host().run("systemd-analyze", "verify", "--man=no", unitPath);
    expect([verified.exitCode, verified.stderr]).toEqual([0, ""]);
    const broken = renderUnit(defaultUnit).replace("WatchdogSec=", "WatchDogSec=");
    host().write("/opt/akc-test/broken.service", broken.replaceAll(defaultUnit.binary, program));
    expect(
      host().run("systemd-analyze", "verify", "--man=no", "/opt/akc-test/broken.service").stderr,
    ).toContain("Unknown key 'WatchDogSec'");
    const security = host().run("systemd-analyze", "security", "--offline=yes", unitPath).stdout;
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(security) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(3);
  });

  test("it is started when it is ready, says how it stands, is fed, and logs with priorities", async () => {
    start("WatchdogSec=2");
    expect(show("ActiveState", "StatusText", "User", "NotifyAccess")).toEqual({
      ActiveState: "active",
      StatusText: "no scopes",
      User: "akc",
      NotifyAccess: "main",
    });
    await until("fed", () => {
      const { WatchdogTimestampMonotonic: fed, ActiveEnterTimestampMonotonic: active } = show(
        "WatchdogTimestampMonotonic",
        "ActiveEnterTimestampMonotonic",
      );
      return Number(fed) > Number(active);
    });
    const entries = host()
      .sh(`journalctl --no-pager -o json --output-fields=PRIORITY,MESSAGE,SYSLOG_IDENTIFIER -u ${unitName}`)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(entries).toContainEqual(
      expect.objectContaining({
        MESSAGE: "controller running phase=running",
        PRIORITY: "6",
        SYSLOG_IDENTIFIER: "akc-autopilot",
      }),
    );
  });

  test("a reload is told, waited for, and says when the configuration is refused", async () => {
    start();
    host().sh(`echo 'line 3 is wrong' >${run}/config; systemctl reload ${unitName}`);
    await until("refused", () => show("StatusText")["StatusText"]?.includes("line 3 is wrong") === true);
    expect(isActive()).toBe(true);
    host().sh(`echo good >${run}/config; systemctl reload ${unitName}`);
    await until("taken", () => show("StatusText")["StatusText"] === "no scopes");
  });

  test("a stop lets what is under way finish, beyond the unit's own time where it says so, and ends with 0", () => {
    // The unit's own time is also what a busy machine may take to begin the command after the stop.
    start("Environment=STAND_IN_DRAIN_MS=5000", "TimeoutStopSec=2s");
    host().sh(`systemctl stop ${unitName}`);
    expect(end()).toBe("success exited 0");
  });

  test("a second signal cuts the stop off, and is no failure of the service", async () => {
    start("Environment=STAND_IN_DRAIN_MS=600000");
    host().sh(`systemctl stop --no-block ${unitName}`);
    await until("stopping", () => log().includes("stopping"));
    kill("SIGTERM");
    await until("stopped", () => show("ActiveState")["ActiveState"] === "inactive");
    expect(end()).toBe("success exited 143");
  });

  test.each([
    ["a process that stands still", () => kill("SIGSTOP")],
    ["a loop that stands still in a process that is well", () => host().sh(`touch ${run}/stuck`)],
  ])("%s is ended by the watchdog and started again", async (_, starve) => {
    start("WatchdogSec=600ms");
    starve();
    await restarted();
    expect(end()).toMatch(/^watchdog /);
  });

  test("a process that is killed is started again; one that is refused its configuration is not", async () => {
    start();
    kill("SIGKILL");
    await restarted();
    host().sh(`systemctl stop ${unitName}`);
    host().write(dropIn, "[Service]\nRestartSec=100ms\nExecStart=\nExecStart=/bin/sh -c 'exit 2'\n");
    host().sh("systemctl daemon-reload");
    expect(host().run("systemctl", "start", unitName).exitCode).not.toBe(0);
    expect(show("ActiveState", "NRestarts", "ExecMainStatus")).toEqual({
      ActiveState: "failed",
      NRestarts: "0",
      ExecMainStatus: "2",
    });
  });

  test("a crash loop ends", async () => {
    host().write(dropIn, "[Service]\nRestartSec=1ms\nExecStart=\nExecStart=/bin/sh -c 'exit 1'\n");
    host().sh("systemctl daemon-reload");
    host().run("systemctl", "start", unitName);
    await until("given up", () => {
      const shown = show("ActiveState", "SubState", "NRestarts");
      return shown["ActiveState"] === "failed" && Number(shown["NRestarts"]) >= 8;
    });
  });

  test("nothing of a file of variables steers the runtime", () => {
    host().sh("mkdir -p /etc/akc");
    host().write(
      "/etc/akc/autopilot.env",
      "BUN_OPTIONS=--preload=/evil.js\nNODE_OPTIONS=-x\nBUN_BE_BUN=1\nKEPT=1\n",
    );
    start();
    const environment = host().sh(
      `tr '\\0' '\\n' </proc/$(systemctl show --value -p MainPID ${unitName})/environ`,
    );
    expect(environment).toContain("KEPT=1");
    expect(environment).not.toMatch(/BUN_|NODE_OPTIONS/);
  });
});
