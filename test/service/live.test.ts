/** The built binary under a real systemd: what it was told to keep standing stands, whatever is done to the process that keeps it. */
import { beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { installation, outputsRoot, unitPath } from "./installation.ts";

const { made, at } = installation();

/** Of processes that are the unit's own and outlive its main process. */
const outliving = ["KillMode=process"];

beforeAll(() => {
  if (made === undefined) return;
  made.configure();
  expect(made.akc("service", "install").exitCode).toBe(0);
});

beforeEach(() => {
  made?.anew();
  made?.dropIn("process-services", outliving);
});

/** So long that what is done to it happens in the middle. */
const slowly = { minHealthyMs: 3_000 };
const facts = (type: string) =>
  at()
    .entries()
    .filter((entry) => entry["type"] === type);
const kept = (count: number) =>
  facts("attempt_ended").filter(({ verdict }) => verdict === "kept").length >= count;

describe.skipIf(made === undefined)("the autopilot as a service", () => {
  test("is exposed little while it runs, and gone without a trace but what it has kept", async () => {
    at().host.sh(`rm ${unitPath}.d/process-services.conf; systemctl daemon-reload`);
    at().place("v1", [{ id: "web", version: 1 }]);
    at().systemctl("start");
    await at().until("kept", () => kept(1));
    const security = at().host.run("systemd-analyze", "security", "akc-autopilot.service").stdout;
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(security) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(3);
    expect(at().show("MemoryDenyWriteExecute", "DynamicUser")).toEqual({
      MemoryDenyWriteExecute: "no",
      DynamicUser: "yes",
    });
    expect(at().akc("service", "uninstall").exitCode).toBe(0);
    const traces = `/run/akc* ${unitPath} /etc/systemd/system/*.wants/akc*`;
    expect(at().host.sh(`ls -d ${traces} 2>/dev/null || true`)).toBe("");
    expect(at().asked("service", "status")).toMatchObject({ exitCode: 1, unit_file: "absent" });
    expect(at().host.sh(`ls ${outputsRoot} /etc/akc`)).toContain("autopilot.yaml");
    expect(at().akc("service", "install").exitCode).toBe(0);
  });

  test("stands when it is ready, deploys what a compile has left, and says so to whoever asks", async () => {
    at().place("v1", [{ id: "web", version: 1 }]);
    expect(at().systemctl("start").exitCode).toBe(0);
    await at().until("kept", () => kept(1));
    expect(at().running()).toEqual(["sleep 71001"]);
    await at().until("told", () => at().show("StatusText")["StatusText"] === "1 scope held");
    expect(at().asked("service", "status")).toMatchObject({
      exitCode: 0,
      unit_file: "current",
      active_state: "active",
      status_text: "1 scope held",
      binary_running: "current",
      wrong: [],
    });
    expect(at().host.sh("ps -o user= -C akc").trim()).toBe("akc");
  });

  test("a reload takes what was changed, and what is refused is told and changes nothing", async () => {
    at().place("v1", [{ id: "web", version: 1 }]);
    at().systemctl("start");
    await at().until("kept", () => kept(1));
    const reload = (...lines: readonly string[]) => {
      at().configure(...lines);
      expect(at().systemctl("reload").exitCode).toBe(0);
    };
    const mode = () => JSON.parse(at().ask("/v1/status").text)["scopes"][0]["mode"];
    reload("parallel: 0", "drain: 1");
    await at().until("refused", () => at().show("StatusText")["StatusText"]?.includes("is refused") === true);
    expect([at().ask("/readyz").status, at().ask("/livez").status, mode()]).toEqual([503, 200, "enforce"]);
    reload("interval: 2s", "scopes: { discover: true, overrides: { acme/shop: { mode: observe } } }");
    await at().until("taken", () => at().ask("/readyz").status === 200);
    expect(mode()).toBe("observe");
    expect(at().show("StatusText", "ActiveState")).toEqual({
      StatusText: "1 scope held",
      ActiveState: "active",
    });
  });

  test("a stop in the middle of a rollout ends with 0, and the next start goes on with the same run", async () => {
    at().configure("drain: 500ms");
    at().place("v1", [{ id: "web", version: 1, ...slowly }]);
    at().systemctl("start");
    await at().until("begun", () => at().running().length === 1);
    at().systemctl("stop");
    expect(at().ends()).toEqual(["success exited 0"]);
    expect([facts("attempt_started").length, facts("attempt_ended").length]).toEqual([1, 0]);
    at().systemctl("start");
    await at().until("kept", () => kept(1));
    expect(facts("attempt_started")).toHaveLength(1);
    expect(at().running()).toEqual(["sleep 71001"]);
    expect(at().log()).not.toContain("kernel died");
  });

  test.each([
    ["killed", "SIGKILL", /^signal killed KILL$/],
    ["stopped by a signal and ended by the watchdog", "SIGSTOP", /^watchdog /],
  ])(
    "one that is %s in the middle of a rollout is started again and goes on at once",
    async (_, signal, end) => {
      // So long that nobody waits for the end of the dead holder's lease.
      at().configure("lease: { ttl: 10m }");
      at().dropIn("watchdog", ["WatchdogSec=2"]);
      at().place("v1", [{ id: "web", version: 1, ...slowly }]);
      at().systemctl("start");
      await at().until("begun", () => at().running().length === 1);
      at().host.sh(`systemctl kill --kill-who=main --signal=${signal} akc-autopilot`);
      await at().until("restarted", () => at().show("NRestarts")["NRestarts"] === "1");
      await at().until("kept", () => kept(1));
      expect(at().ends()).toEqual([expect.stringMatching(end)]);
      expect(facts("attempt_started")).toHaveLength(1);
      expect(at().running()).toEqual(["sleep 71001"]);
    },
  );

  test("what keeps failing at the start is given up on; a configuration that is not valid is not tried again", async () => {
    at().host.write("/opt/akc-test/taken.py", takenAddress);
    at().host.sh("setsid python3 /opt/akc-test/taken.py >/dev/null 2>&1 &");
    at().configure("listen: { tcp: '127.0.0.1:9464' }");
    at().dropIn("restart", ["RestartSec=1ms"]);
    at().systemctl("start", "--no-block");
    await at().until("given up", () => {
      const { ActiveState: state, NRestarts: restarts } = at().show("ActiveState", "NRestarts");
      return state === "failed" && restarts === "8";
    });
    expect(new Set(at().ends())).toEqual(new Set(["exit-code exited 5"]));
    expect(at().asked("service", "status")).toMatchObject({
      exitCode: 1,
      active_state: "failed",
      exit_status: 5,
    });

    at().anew();
    at().configure("drain: 1");
    expect(at().systemctl("start").exitCode).not.toBe(0);
    expect(at().show("ActiveState", "NRestarts")).toEqual({ ActiveState: "failed", NRestarts: "0" });
    expect(at().asked("service", "status")).toMatchObject({
      exitCode: 1,
      result: "exit-code",
      exit_status: 2,
    });
  });
});

const takenAddress = `import socket, time
taken = socket.socket()
taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
taken.bind(("127.0.0.1", 9464))
taken.listen()
time.sleep(600)
`;
