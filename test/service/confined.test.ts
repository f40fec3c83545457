/**
 * What the shipped unit lets the built binary do: steps under Landlock and seccomp, requests, a plugin's process, services of the process
 * provider. The unit's own command is replaced by single runs; every line of confinement is the shipped one.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { commandLine } from "../../src/providers/systemd/unit-text.ts";
import { defaultUnit, renderUnit, unitName } from "../../src/service/unit.ts";
import { binary } from "../e2e/akc.ts";
import { bundle, get, type Json, sh } from "../e2e/bundle.ts";
import { intent, outcomes, Releases, type Site } from "../e2e/releases.ts";
import { SystemdHost } from "../env/systemd.ts";

const found = SystemdHost.up();
const host = () => {
  if (found === undefined) throw new Error("there is no systemd");
  return found;
};
afterAll(() => found?.down());

const root = "/var/lib/akc/outputs";
const unitPath = `/etc/systemd/system/${unitName}`;
const program = found?.bring(binary) ?? binary;

/** The outputs root of the service: what is written from outside belongs to root, and is given to the service by systemd. */
const site: Site = {
  root,
  write: async (path, text) => {
    host().write(`${root}/acme/shop/${path}`, text);
    host().sh("chmod -R a+rwX /var/lib/akc/outputs");
  },
  async akc(args, env) {
    const variables = Object.entries(env).map(([name, value]) => `Environment=${name}=${value}`);
    const dropIn = [
      "[Service]",
      "Type=oneshot",
      "Restart=no",
      "WatchdogSec=0",
      // Services of the process provider are to live on: deploy/systemd/drop-ins/process-services.conf.
      "KillMode=process",
      ...variables,
      "ExecStart=",
      `ExecStart=${commandLine([program, ...args])}`,
      "StandardOutput=append:/opt/akc-test/out",
      "StandardError=append:/opt/akc-test/err",
      `ExecStopPost=+/bin/sh -c 'echo $EXIT_STATUS >/opt/akc-test/code'`,
      "",
    ];
    host().write(`${unitPath}.d/run.conf`, dropIn.join("\n"));
    host().write(unitPath, renderUnit({ ...defaultUnit, binary: program, systemd: 252 }));
    host().sh("mkdir -p /opt/akc-test; rm -f /opt/akc-test/out /opt/akc-test/err; systemctl daemon-reload");
    host().run("systemctl", "start", unitName);
    const [code = "", stdout = "", stderr = ""] = ["code", "out", "err"].map((name) =>
      host().sh(`cat /opt/akc-test/${name}`),
    );
    return { code: Number(code), stdout, stderr };
  },
};

describe.skipIf(found === undefined)("in the confinement of the unit", () => {
  const releases = new Releases(site, { kind: "process" });

  test("a step runs under Landlock, a request goes out, and a service of the process provider stands", async () => {
    // Whatever cannot be confined as strictly as this is refused.
    host().write("/etc/akc/policy.yaml", "schema: akc.policy/v1\ncontainment: landlock\n");
    host().sh(
      "mkdir -p /opt/akc-test/www; cd /opt/akc-test/www; setsid python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1 &",
    );
    const members: Json = bundle()
      .started(
        "work",
        sh("id -un; touch /var/lib/akc/outside 2>/dev/null && exit 3; ls /root /home && exit 4; echo done"),
      )
      .started("ask", get("http://127.0.0.1:8000/"))
      .reaching("http://127.0.0.1:8000/")
      .document();
    const { referenced_ir_nodes, referenced_contracts, runtime_execution, runtime_policy_envelope } = members;
    const started = await releases.start({
      id: "v1",
      intents: [intent("web", 1, { process: { command: ["sleep", "70001"] } })],
      members: { referenced_ir_nodes, referenced_contracts, runtime_execution, runtime_policy_envelope },
    });
    expect({ code: started.code, stderr: started.stderr, ...started.report }).toMatchObject({
      code: 0,
      outcome: "succeeded",
      converged: true,
    });
    const service = host().sh("ps -o user=,args= -C sleep").trim();
    expect(service).toMatch(/sleep 70001$/);
    expect(service).not.toMatch(/^root/);
    // It still stands for the next start of the unit, which finds it again.
    const look = await releases.reconcile("--dry-run", "--exit-code");
    expect({ code: look.code, stderr: look.stderr, outcomes: outcomes(look) }).toMatchObject({
      code: 0,
      outcomes: ["web converged"],
    });
    expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
  });

  test("a plugin runs in its own sandbox and keeps to the protocol", async () => {
    const folder = "/var/lib/akc/greeter";
    host().sh(
      `rm -rf ${folder}; ${program} plugin new acme/greeter --kind adapter --lang ts --dir ${folder}`,
    );
    host().sh(`chmod -R a+rX ${folder}`);
    const tried = await site.akc(["plugin", "test", folder, "-o", "json"], {});
    expect({ code: tried.code, said: tried.stdout + tried.stderr }).toMatchObject({ code: 0 });
  });

  test("programs that operators deploy with start, with their threads and their caches", async () => {
    const tools = [
      "kubectl version --client",
      "docker --version",
      "git --version",
      "python3 -c 'import threading'",
    ];
    const here = tools.filter((tool) => host().run("which", tool.split(" ")[0] ?? "").exitCode === 0);
    expect(here.length).toBeGreaterThan(0);
    const document = bundle()
      .started("work", sh(here.map((tool) => `${tool} >/dev/null`).join(" && ")))
      .document();
    await site.write(".akc/runtime/tools.runtime_bundle.json", JSON.stringify(document));
    const path = `${root}/acme/shop/.akc/runtime/tools.runtime_bundle.json`;
    const ran = await releases.ask("runtime", "start", "--mode", "enforce", "--bundle", path);
    expect({ code: ran.code, stderr: ran.stderr, ...ran.report }).toMatchObject({
      code: 0,
      outcome: "succeeded",
    });
  });
});
