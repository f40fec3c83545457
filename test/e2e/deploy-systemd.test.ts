/** What the built binary makes of the units of a real systemd, inside of which it runs, and what it leaves alone. */
import { afterAll, describe, expect, test } from "bun:test";
import { SystemdHost } from "../env/systemd.ts";
import { binary } from "./akc.ts";
import type { Json } from "./bundle.ts";
import { expectGated, intent, outcomes, planned, type Release, Releases, type Site } from "./releases.ts";

const found = SystemdHost.up();
const host = () => {
  if (found === undefined) throw new Error("there is no systemd");
  return found;
};
afterAll(() => found?.down());
/** As it is called inside. */
const binaryInside = found?.bring(binary) ?? binary;

/** An outputs root inside. All of it is gone with its systemd. */
function siteInside(root: string): Site {
  return {
    root,
    write: async (path, text) => host().write(`${root}/acme/shop/${path}`, text),
    async akc(args, env) {
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const child = Bun.spawn(
        host().argv("env", "--ignore-environment", ...variables, binaryInside, ...args),
        {
          env: { ...host().env },
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        },
      );
      const [code, stdout, stderr] = await Promise.all([
        child.exited,
        child.stdout.text(),
        child.stderr.text(),
      ]);
      return { code, stdout, stderr };
    },
  };
}

/** Every test has units of its own: a systemd is one for all scopes. */
class Stage {
  static #count = 0;
  readonly prefix: string;
  readonly root: string;
  readonly releases: Releases;

  constructor() {
    Stage.#count += 1;
    this.prefix = `t${Stage.#count}-`;
    this.root = `/var/lib/akc-e2e/${Stage.#count}`;
    const provider = { kind: "systemd", unit_prefix: this.prefix };
    this.releases = new Releases(siteInside(this.root), provider, { HOME: "/root" });
  }

  sh(text: string): string {
    return host().sh(text).trim();
  }

  /** `web active 1000`: what runs of this test's units, with its main process. */
  running(): readonly string[] {
    const list = `systemctl list-units --plain --no-legend --state=active '${this.prefix}*'`;
    return this.sh(
      `${list} | awk '{ print $1 }' | while read -r u; do echo "$u $(systemctl show --value -p MainPID $u)"; done`,
    )
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(this.prefix, "").replace(".service", ""))
      .sort();
  }

  names(): readonly string[] {
    return this.running().map((line) => line.split(" ")[0] ?? "");
  }

  environment(name: string): string {
    return this.sh(`systemctl show --value -p Environment ${this.prefix}${name}.service`);
  }
}

function unit(service: Json = {}): Json {
  return { systemd: { service: { ExecStart: ["/bin/sleep", "1000"], ...service } } };
}

function release(
  id: string,
  units: Readonly<Record<string, Json>>,
  needs: Readonly<Record<string, string>> = {},
): Release {
  return {
    id,
    intents: Object.entries(units).map(([name, settings]) =>
      intent(name, 1, settings, name in needs ? [String(needs[name])] : []),
    ),
  };
}

const first = release(
  "v1",
  { web: unit({ Environment: { V: "1" } }), db: unit(), old: unit() },
  { web: "db" },
);

describe.skipIf(found === undefined)("systemd", () => {
  test("makes units stand, sees what was changed by hand field by field, and puts it right", async () => {
    const stage = new Stage();
    const { releases, prefix } = stage;
    const started = await releases.start(first);
    expect({ code: started.code, stderr: started.stderr, ...started.report }).toMatchObject({
      code: 0,
      outcome: "succeeded",
      converged: true,
    });
    expect(stage.names()).toEqual(["db", "old", "web"]);
    const look = await releases.reconcile("--dry-run", "--diff", "--exit-code");
    expect({ code: look.code, planned: planned(look), ...look.report }).toMatchObject({
      code: 0,
      planned: [],
      converged: true,
    });
    const before = stage.running();

    stage.sh(`systemctl stop ${prefix}db; systemctl disable ${prefix}db 2>/dev/null
      mkdir -p /etc/systemd/system/${prefix}web.service.d
      printf '[Service]\\nTasksMax=7\\n' >/etc/systemd/system/${prefix}web.service.d/override.conf
      sed -i 's/1000/2000/' /etc/systemd/system/${prefix}web.service; systemctl daemon-reload`);
    const differs = await releases.reconcile("--dry-run", "--diff", "--exit-code");
    expect({ code: differs.code, planned: planned(differs) }).toEqual({
      code: 7,
      planned: [
        "db update /active /enabled",
        "web update /drop_ins/override.conf /in_effect /unit/Service/ExecStart",
      ],
    });
    const applied = await releases.reconcile("--apply");
    expect({ code: applied.code, outcomes: outcomes(applied) }).toEqual({
      code: 0,
      outcomes: ["db converged", "old converged", "web converged"],
    });
    expect(stage.sh(`systemctl show --value -p TasksMax ${prefix}web`)).not.toBe("7");
    expect(stage.sh(`systemctl is-enabled ${prefix}db`)).toBe("enabled");
    expect((await releases.reconcile("--dry-run", "--exit-code")).code).toBe(0);
    expect(stage.running().find((line) => line.startsWith("old"))).toBe(
      String(before.find((line) => line.startsWith("old"))),
    );
    expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
  });

  test("rolls out a new release, deletes what it no longer wants, and touches nothing that is not its own", async () => {
    const stage = new Stage();
    const { releases, prefix } = stage;
    await releases.start(first);
    const before = stage.running();
    const guestUnit = "[Service]\nExecStart=/bin/sleep 3000\n";
    host().write(`/etc/systemd/system/${prefix}guest.service`, guestUnit);
    stage.sh(`systemctl daemon-reload; systemctl start ${prefix}guest`);
    const guest = () => stage.running().find((line) => line.startsWith("guest"));
    const stood = guest();

    const wanted = { web: unit({ Environment: { V: "2" } }), db: unit() };
    const next = await releases.start(release("v2", wanted, { web: "db" }));
    expect({ code: next.code, ...next.report }).toMatchObject({ code: 0, converged: true });
    expect(stage.names()).toEqual(["db", "guest", "web"]);
    expect(stage.running()).toContain(String(before.find((line) => line.startsWith("db"))));
    expect(stage.environment("web")).toBe("V=2");
    expect(stage.sh(`ls /etc/systemd/system | grep -c '^${prefix}old' || true`)).toBe("0");
    expect((await releases.reconcile("--dry-run", "--exit-code")).code).toBe(0);

    // In the place of a resource it is reported, and left alone until somebody says otherwise.
    const claiming = await releases.start(release("v3", { ...wanted, guest: unit() }, { web: "db" }));
    expect({ code: claiming.code, ...claiming.report }).toMatchObject({ code: 0, converged: false });
    expect(planned(await releases.reconcile("--dry-run"))).toEqual([
      expect.stringMatching(/^guest update .*\(not_owned\)$/),
    ]);
    expect([guest(), stage.sh(`cat /etc/systemd/system/${prefix}guest.service`)]).toEqual([
      stood,
      guestUnit.trim(),
    ]);
    expect((await releases.reconcile("--apply", "--adopt")).report).toMatchObject({ converged: true });
    expect(guest()).not.toBe(String(stood));
    expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
  });

  test("brings a release back as a whole that ends as soon as it is started", async () => {
    const stage = new Stage();
    const { releases } = stage;
    await releases.start(first);
    const broken = {
      web: unit({ ExecStart: ["/bin/sh", "-c", "exit 1"] }),
      db: unit({ Environment: { V: "2" } }),
    };
    const beganMs = performance.now();
    const ran = await releases.start(release("v2", broken, { web: "db" }));
    // What has died is not waited for until the deadline.
    expect(performance.now() - beganMs).toBeLessThan(25_000);
    expect({ code: ran.code, ...ran.report }).toMatchObject({
      code: 0,
      outcome: "succeeded",
      converged: false,
    });
    expect(stage.names()).toEqual(["db", "old", "web"]);
    expect([stage.environment("web"), stage.environment("db")]).toEqual(["V=1", ""]);
    const status = await releases.ask("rollout", "status");
    expect({ code: status.code, ...status.report }).toMatchObject({
      code: 1,
      phase: "rolled_back",
      reason: "unhealthy",
      message: expect.stringContaining("exit-code (status 1)"),
    });
    expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
  });

  test("refuses a unit of which systemd would not start the program, before it is written", async () => {
    const stage = new Stage();
    const ran = await stage.releases.start(
      release("v1", { web: unit({ ExecStart: ["/opt/nobody/has/this"] }), db: unit() }),
    );
    expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 0, converged: false });
    expect(stage.names()).toEqual(["db"]);
    const look = await stage.releases.reconcile("--dry-run");
    expect(planned(look)).toEqual(["web noop (provider_refused)"]);
    expect(look.stdout).toContain("/opt/nobody/has/this");
  });

  test("plans nothing while systemd cannot be asked, and says so of each resource", async () => {
    const stage = new Stage();
    const { releases } = stage;
    await releases.start(first);
    const before = stage.running();
    const away = { AKC_SYSTEMCTL: "/nobody/has/systemctl", AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1" };
    for (const [how, code] of [
      ["--dry-run", 7],
      ["--apply", 1],
    ] as const) {
      const ran = await releases.reconcileIn(away, how, "--exit-code");
      expect({ code: ran.code, outcomes: outcomes(ran), planned: planned(ran) }).toEqual({
        code,
        outcomes: ["db blocked unobservable", "old blocked unobservable", "web blocked unobservable"],
        planned: ["db noop (unobservable)", "old noop (unobservable)", "web noop (unobservable)"],
      });
    }
    expect(stage.running()).toEqual(before);
    expect((await releases.reconcile("--apply", "--exit-code")).code).toBe(0);
    expect(stage.running()).toEqual(before);
  });

  test("is refused before any action of the run while its gate is closed", async () => {
    const stage = new Stage();
    const { releases, root } = stage;
    await expectGated(releases, first);
    expect(stage.sh(`ls ${root}/acme/shop/.akc/runtime`)).toBe("v1.runtime_bundle.json");
    expect(stage.names()).toEqual([]);
  });
});
