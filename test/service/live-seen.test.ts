/** The built binary under a real systemd, looked at from outside: probes that can fail, a signed delivery, a doctor, and no secret anywhere. */
import { beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { parse } from "yaml";
import type { Ended } from "../env/systemd.ts";
import { config, installation, outputsRoot, socket, unitPath } from "./installation.ts";

const { made, at } = installation();

const deploy = join(import.meta.dir, "../../deploy");
const secret = "canary-of-the-webhook-8471";
const token = "canary-of-the-hook-9132";
const hook = "/opt/hook/recompile";
const credential = "/etc/akc/credentials/webhook-secret";
const guarded = ["webhook: { credential: webhook-secret }", hookLine(hook)];

function hookLine(path: string): string {
  return `recompile: { command: [${path}], env: [HOOK_TOKEN], read: [/opt/hook] }`;
}

/** Says more than it should when it fails; else offers what the compile has left. */
const hookText = `#!/bin/sh
cat >/dev/null
test ! -e fail || { echo "the compiler broke-4711 with $HOOK_TOKEN" >&2; exit 1; }
echo '{"bundle": ".akc/runtime/v2.runtime_bundle.json"}'
`;

beforeAll(async () => {
  if (made === undefined) return;
  const { host } = made;
  host.write(credential, `${secret}\n`, 0o600);
  host.write("/etc/akc/credentials/kubeconfig", "{}\n", 0o600);
  host.write(hook, hookText, 0o755);
  host.write("/etc/akc/autopilot.env", `AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER=1\nHOOK_TOKEN=${token}\n`);
  const shipped = await Bun.file(join(deploy, "systemd/drop-ins/credentials.conf")).text();
  host.write(`${unitPath}.d/credentials.conf`, shipped);
  made.configure();
  expect(made.akc("service", "install").exitCode).toBe(0);
});

beforeEach(() => {
  made?.anew();
  made?.configure(...guarded);
});

const kept = (count: number) =>
  at()
    .entries()
    .filter(({ type, verdict }) => type === "attempt_ended" && verdict === "kept").length >= count;

async function started(): Promise<void> {
  at().place("v1", [{ id: "web", version: 1 }]);
  expect(at().systemctl("start").exitCode).toBe(0);
  await at().until("kept", () => kept(1));
}

/** The status of the answer. */
function deliver(id: string, by: string): number {
  const body = JSON.stringify({
    schema: "akc.fleet.webhook_delivery.v1",
    webhook_id: id,
    event: "recompile_triggers",
    generated_at_ms: Date.now(),
    items: [{ tenant_id: "acme", repo_id: "shop", outputs_root: outputsRoot, severity: "high" }],
  });
  const stamp = String(Math.floor(Date.now() / 1_000));
  const mac = createHmac("sha256", by).update(`${stamp}.${body}`).digest("hex");
  const headers = [`X-AKC-Timestamp: ${stamp}`, `X-AKC-Signature: v2=${mac}`].flatMap((one) => ["-H", one]);
  const curl = [
    "curl",
    "--silent",
    "--unix-socket",
    socket,
    "--output",
    "/dev/null",
    "--write-out",
    "%{http_code}",
  ];
  return Number(at().host.run(...curl, ...headers, "--data-binary", body, "http://akc/v1/trigger").stdout);
}

const signal = (name: string) =>
  at().host.sh(`systemctl kill --kill-who=main --signal=${name} akc-autopilot`);

/** As the manifests have them, word by word. */
async function shippedProbes(): Promise<Readonly<Record<"compose" | "livez" | "readyz", readonly string[]>>> {
  const compose = parse(await Bun.file(join(deploy, "compose/compose.yaml")).text());
  const { spec } = parse(await Bun.file(join(deploy, "kubernetes/deployment.yaml")).text());
  const [container] = spec.template.spec.containers;
  const [kind, ...healthcheck] = compose.services.autopilot.healthcheck.test;
  expect(kind).toBe("CMD");
  return {
    compose: healthcheck,
    livez: container.livenessProbe.exec.command,
    readyz: container.readinessProbe.exec.command,
  };
}

describe.skipIf(made === undefined)("an autopilot that is looked at", () => {
  test("takes a delivery that is signed with its credential, asks its hook, and rolls out what that offers", async () => {
    await started();
    // Nothing but the hook's answer leads to it.
    at().placeBundle("v2", [{ id: "web", version: 2 }]);
    expect([deliver("a", "another secret"), deliver("b", secret), deliver("b", "another secret")]).toEqual([
      401, 202, 401,
    ]);
    await at().until("rolled out", () => kept(2));
    expect(at().running()).toEqual(["sleep 71002"]);
  });

  test("tells a secret to nobody: not in journal, status, dump, events, metrics or files", async () => {
    await started();
    at().put("fail", "");
    // Seen as whoever listens from the beginning on sees it.
    expect(deliver("c", secret)).toBe(202);
    await at().until("failed", () =>
      at()
        .entries()
        .some(({ result }) => result === "failed"),
    );
    const before = at().journal().length;
    signal("USR1");
    await at().until("dumped", () => at().log().includes("state dump"));
    const events = at().host.run(
      ...["curl", "--silent", "--max-time", "1", "--unix-socket", socket],
      ...["-H", "Last-Event-ID: other.1.1", "http://akc/v1/events"],
    ).stdout;
    const places = {
      journal: at().host.sh("journalctl --no-pager --all -o export"),
      status: at().ask("/v1/status").text,
      shown: at().akc("autopilot", "status", "--config", config, "-o", "json").stdout,
      metrics: at().ask("/metrics").text,
      events,
      unit: at().host.sh("systemctl show akc-autopilot; systemctl status akc-autopilot"),
      doctor: at().akc("living", "doctor", "-o", "json").stdout,
      check: at().akc("runtime", "autopilot", "--config", config, "--check", "-o", "json").stdout,
    };
    expect(before).toBeGreaterThan(0);
    for (const [place, text] of Object.entries(places))
      expect([place, text.length > 0, text.includes(secret), text.includes(token)]).toEqual([
        place,
        true,
        false,
        false,
      ]);
    // What the hook said is there, without what it should not have said.
    for (const place of [places.journal, places.events]) expect(place).toContain("broke-4711");
    const files = "/var/lib/private/akc /var/cache/private/akc /var/log/private/akc /run/akc /tmp /var/tmp";
    const search = (word: string) =>
      at().host.sh(`grep --recursive --text -l ${word} ${files} 2>/dev/null || true`);
    expect(search("broke-4711")).toContain("state.sqlite3");
    expect([search(secret), search(token)]).toEqual(["", ""]);
    // Nor to what it deploys.
    const environment = at().host.sh("tr '\\0' '\\n' </proc/$(pgrep -x sleep)/environ");
    expect(environment).toContain("AKC_SERVICE_ID=");
    expect(environment).not.toMatch(/canary|NOTIFY_SOCKET|WATCHDOG|CREDENTIALS/);
  });

  test("writes into the journal with priorities, under its name, and nothing else of its own", async () => {
    await started();
    at().put("fail", "");
    deliver("d", secret);
    await at().until("failed", () =>
      at()
        .entries()
        .some(({ result }) => result === "failed"),
    );
    const lines = at()
      .journal()
      .filter((line) => line["_COMM"] === "akc");
    const of = (message: string) => lines.find(({ MESSAGE }) => String(MESSAGE).startsWith(message));
    expect(of("controller running")).toMatchObject({
      PRIORITY: "6",
      SYSLOG_IDENTIFIER: "akc-autopilot",
      _SYSTEMD_UNIT: "akc-autopilot.service",
    });
    expect(of("scope recompile ended")).toMatchObject({ PRIORITY: "4" });
    for (const { MESSAGE, SYSLOG_IDENTIFIER } of lines) {
      expect(SYSLOG_IDENTIFIER).toBe("akc-autopilot");
      // The priority is a field, and the time is the journal's.
      expect(String(MESSAGE)).not.toMatch(/^<|^\d{4}-/);
    }
  });

  test("passes the probes of the manifests while it works, and fails each that it should", async () => {
    await started();
    const probes = await shippedProbes();
    const run = (probe: keyof typeof probes): Ended => at().host.run(...probes[probe]);
    const codes = () => [run("compose").exitCode, run("livez").exitCode, run("readyz").exitCode];
    await at().until("ready", () => codes().join() === "0,0,0");

    signal("STOP");
    expect(codes()).toEqual([1, 1, 1]);
    signal("CONT");
    await at().until("ready again", () => codes().join() === "0,0,0");

    // Of a configuration that is refused the probe for a restart knows nothing: what was read before works on.
    at().configure("parallel: 0");
    at().systemctl("reload");
    await at().until("not ready", () => at().ask("/readyz").status === 503);
    expect(codes()).toEqual([0, 0, 1]);

    at().systemctl("stop");
    expect(codes()).toEqual([1, 1, 1]);
  });

  test("is not ready while nothing can be written, lives on, and goes on when it can", async () => {
    at().configure("lease: { ttl: 3s }");
    await started();
    at().host.write("/opt/akc-test/lock.py", lockText);
    at().host.sh("setsid python3 /opt/akc-test/lock.py >/dev/null 2>&1 &");
    await at().until("not ready", () => at().ask("/readyz").status === 503);
    expect(at().ask("/readyz").text).toContain("[-]lease failed");
    expect(at().ask("/livez").status).toBe(200);
    at().host.sh("pkill -KILL -x python3");
    await at().until("ready", () => at().ask("/readyz").status === 200);
    expect(at().show("NRestarts")["NRestarts"]).toBe("0");
  });

  test("is well by its doctor; what is broken is named with its remedy", async () => {
    await started();
    type Item = { check: string; level: string; message: string; fix: string | null };
    const look = (...args: readonly string[]) => {
      const report = at().asked("living", "doctor", ...args);
      const items: Item[] = Array.isArray(report["items"]) ? report["items"] : [];
      return { exitCode: report.exitCode, bad: items.filter(({ level }) => level !== "ok") };
    };
    const of = (items: readonly Item[], check: string) => items.filter((item) => item.check === check);
    // Nobody keeps the clock of the test's machine in time, and that is all.
    const well = look();
    expect([well.exitCode, well.bad.filter(({ check }) => check !== "clock")]).toEqual([0, []]);
    expect(at().asked("living-doctor")).toMatchObject({ exitCode: 0, passed: true });

    at().host.sh(`chmod 644 ${credential}; sed -i s/WatchdogSec=60/WatchdogSec=61/ ${unitPath}`);
    at().configure(
      ...guarded.slice(0, 1),
      hookLine("/opt/hook/gone"),
      "lease: { backend: filesystem, replicas: 2 }",
    );
    const broken = look();
    expect(broken.exitCode).toBe(2);
    expect(broken.bad.filter(({ check }) => check !== "clock" && check !== "configuration")).toMatchObject([
      { check: "lease", level: "warn", fix: expect.stringContaining("k8s") },
      { check: "hook", level: "fail", fix: "Install it, or mend recompile.command." },
      { check: "secrets", level: "fail", fix: `chmod 600 ${credential}` },
      { check: "unit", level: "warn", fix: expect.stringContaining("systemctl edit") },
    ]);
    at().host.sh(`sed -i s/WatchdogSec=61/WatchdogSec=60/ ${unitPath}; chmod 600 ${credential}
      mv ${unitPath}.d/credentials.conf /opt/akc-test/; systemctl daemon-reload`);
    at().configure(...guarded);
    expect(of(look().bad, "secrets")[0]?.fix).toContain("LoadCredential=webhook-secret:FILE");
    at().configure(...guarded, "lease: { backend: k8s }");
    expect(JSON.stringify(look().bad)).toContain("namespace");
    at().host.sh(`mv /opt/akc-test/credentials.conf ${unitPath}.d/; systemctl daemon-reload`);

    at().configure("parallel: 0", "drain: 1");
    const invalid = look();
    expect([invalid.exitCode, of(invalid.bad, "configuration").length]).toEqual([2, 2]);

    at().configure(...guarded);
    at().host.sh(`systemctl stop akc-autopilot; mkdir -p /opt/akc-test/full
      mount -t tmpfs -o size=2m tmpfs /opt/akc-test/full; dd if=/dev/zero of=/opt/akc-test/full/x bs=1k 2>/dev/null || true`);
    const full = look("--outputs-root", "/opt/akc-test/full");
    at().host.sh("umount /opt/akc-test/full");
    expect(full.exitCode).toBe(2);
    expect(of(full.bad, "disk").find(({ level }) => level === "fail")?.fix).toBeString();

    // Who asks a hook owns what it leaves; another user than the service does not.
    expect(of(look("--run-hook").bad, "hook")[0]?.message).toContain("belongs to another user");
  });
});

const lockText = `import sqlite3, time
held = sqlite3.connect("${outputsRoot}/.akc/autopilot/state.sqlite3", isolation_level=None)
held.execute("PRAGMA busy_timeout = 20000")
held.execute("BEGIN IMMEDIATE")
time.sleep(600)
`;
