/** Units on a real systemd: what a bundle wants comes to stand, what is changed by hand is seen, what is not akc's is left alone. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "../../src/json/value.ts";
import type { Revision, Standing } from "../../src/providers/contract.ts";
import { SystemdHost } from "../env/systemd.ts";
import {
  changeTo,
  differences,
  installInside,
  ownedOf,
  type RemoteOptions,
  RemoteProvider,
  resource,
  scope,
} from "./systemd-remote.ts";

const host = SystemdHost.up();
const units = "/etc/systemd/system";
let providers: RemoteProvider[] = [];

beforeAll(async () => {
  if (host !== undefined) await installInside(host);
}, 60_000);
afterAll(() => host?.down());
afterEach(async () => {
  await Promise.all(providers.map((one) => one.close()));
  providers = [];
  host?.sh(`for unit in $(ls ${units} | grep '^akc-\\|^mine' || true); do
      case $unit in *.d) ;; *) systemctl stop $unit; systemctl disable --quiet $unit || true ;; esac
      rm -rf ${units}/$unit
    done; systemctl daemon-reload; systemctl reset-failed`);
});

function onHost(): SystemdHost {
  if (host === undefined) throw new Error("there is no systemd");
  return host;
}
function provider(options: RemoteOptions = {}): RemoteProvider {
  const one = new RemoteProvider(onHost(), options);
  providers.push(one);
  return one;
}

const sleeper = (more: JsonObject = {}): JsonObject => ({
  service: { ExecStart: ["/bin/sleep", "1000"], ...more },
});

/** Applied, and up as far as systemd has it. */
async function stood(akc: RemoteProvider, revision: Revision): Promise<Standing & { kind: "present" }> {
  await akc.apply(changeTo(revision, await akc.standing(revision)));
  return settled(akc, revision);
}

async function settled(akc: RemoteProvider, revision: Revision, until = settledNow) {
  for (;;) {
    const standing = await akc.standing(revision);
    if (standing.kind === "present" && until(standing)) return standing;
    await Bun.sleep(20);
  }
}
const settledNow = ({ health }: Standing & { kind: "present" }) => health !== "unknown";

const reloads = () =>
  Number(onHost().sh("journalctl --no-pager --output=cat _PID=1 | grep -c '^Reloading' || true"));
const mainPid = (unit: string) => onHost().sh(`systemctl show --value -p MainPID ${unit}`).trim();
const fieldsDiffer = (revision: Revision, standing: Standing) =>
  differences(revision.fields, standing.kind === "present" ? standing.fields : {});

describe.skipIf(host === undefined)("units of a real systemd", () => {
  test("what is created runs, is enabled and shows no difference; a second pass changes nothing", async () => {
    const akc = provider();
    const wanted = resource("web", {
      service: {
        Description: "100% of it",
        ExecStart: [
          "/bin/sh",
          "-c",
          'printf "%s\\n" "$0" "$1" >/run/akc-said; exec sleep 1000',
          "a $HOME %n",
          "b\n;",
        ],
        Environment: { GREETING: 'say "hi" $HOME %n\\' },
        MemoryMax: "64M",
        NoNewPrivileges: true,
      },
      drop_ins: { limits: "[Service]\nTasksMax=17\n" },
    });
    const revision = await akc.revision(wanted);
    expect(await akc.standing(revision)).toEqual({ kind: "absent" });
    const standing = await stood(akc, revision);
    expect(standing).toMatchObject({ owner: "akc", health: "healthy", markedHash: wanted.desiredHash });
    expect(fieldsDiffer(revision, standing)).toEqual([]);
    const said = onHost().sh(
      "systemctl show -p TasksMax,MemoryMax,NoNewPrivileges,UnitFileState akc-web.service",
    );
    expect(said).toContain("TasksMax=17\n");
    expect(said).toContain(`MemoryMax=${64 * 1024 * 1024}\n`);
    expect(said).toContain("UnitFileState=enabled\n");
    expect(onHost().sh("cat /run/akc-said")).toBe("a $HOME %n\nb\n;\n");
    const environment = onHost().sh(`tr '\\0' '\\n' </proc/${mainPid("akc-web.service")}/environ`);
    expect(environment).toContain('GREETING=say "hi" $HOME %n\\\n');

    const [pid, reloaded] = [mainPid("akc-web.service"), reloads()];
    await akc.apply(changeTo(revision, standing));
    expect(fieldsDiffer(revision, await akc.standing(revision))).toEqual([]);
    expect([mainPid("akc-web.service"), reloads()]).toEqual([pid, reloaded]);
  }, 60_000);

  test("a change restarts the unit; a new mark alone neither restarts nor reloads", async () => {
    const akc = provider();
    const first = await akc.revision(resource("web", sleeper()));
    await stood(akc, first);
    const pid = mainPid("akc-web.service");
    const marked = { ...first, desiredHash: "f".repeat(64) };
    const before = reloads();
    expect(await stood(akc, marked)).toMatchObject({ markedHash: "f".repeat(64), health: "healthy" });
    expect([mainPid("akc-web.service"), reloads()]).toEqual([pid, before]);
    expect(onHost().sh("systemctl show -p NeedDaemonReload akc-web.service")).toContain("no");

    const second = await akc.revision(resource("web", sleeper({ Nice: 5 })));
    const standing = await stood(akc, second);
    expect(fieldsDiffer(second, standing)).toEqual([]);
    expect(mainPid("akc-web.service")).not.toBe(pid);
    expect(
      onHost()
        .sh(`ps -o ni= -p ${mainPid("akc-web.service")}`)
        .trim(),
    ).toBe("5");
  }, 60_000);

  test("a hand that edits, drops in, disables or stops is seen at the field, and undone", async () => {
    const akc = provider();
    const revision = await akc.revision(resource("web", sleeper({ Restart: "always" })));
    const hands: readonly (readonly [string, string])[] = [
      [
        `sed -i s/always/no/ ${units}/akc-web.service; systemctl daemon-reload; systemctl restart akc-web`,
        "/unit/Service/Restart",
      ],
      [
        `mkdir -p ${units}/akc-web.service.d; printf '[Service]\\nNice=7\\n' >${units}/akc-web.service.d/override.conf;
        systemctl daemon-reload; systemctl restart akc-web`,
        "/drop_ins/override.conf",
      ],
      ["systemctl disable --quiet akc-web", "/enabled"],
      ["systemctl stop akc-web", "/active"],
      [`sleep 0.01; touch ${units}/akc-web.service`, "/in_effect"],
    ];
    await stood(akc, revision);
    for (const [hand, path] of hands) {
      onHost().sh(hand);
      const standing = await akc.standing(revision);
      expect([hand, fieldsDiffer(revision, standing)]).toEqual([hand, [path]]);
      const back = await stood(akc, revision);
      expect([hand, fieldsDiffer(revision, back), back.health]).toEqual([hand, [], "healthy"]);
    }
    expect(onHost().sh(`ls ${units} | grep akc-web`)).toBe("akc-web.service\n");
  }, 60_000);

  test("what was stopped by hand is told as failed; what runs says since when", async () => {
    const akc = provider();
    const revision = await akc.revision(resource("web", sleeper()));
    const running = await stood(akc, revision);
    const since = running.conditions.find(({ type }) => type === "Active");
    expect(since).toMatchObject({ status: "true", reason: "active/running" });
    expect(Math.abs(Date.now() - (since?.lastTransitionMs ?? 0))).toBeLessThan(30_000);
    onHost().sh("systemctl stop akc-web");
    const standing = await akc.standing(revision);
    expect(standing).toMatchObject({ health: "failed", message: expect.stringContaining("does not run") });
    expect(standing).toMatchObject({
      conditions: [{ type: "Loaded" }, { type: "Active", status: "false", reason: "inactive/dead" }],
    });
  }, 60_000);

  test("a unit that crashes again and again is degraded while it comes back and failed when systemd gives up, with the reason", async () => {
    const akc = provider();
    const crashing = { ExecStart: ["/bin/sh", "-c", "sleep 0.2; exit 3"], Restart: "always" };
    const patient = await akc.revision(resource("patient", { service: { ...crashing, RestartSec: 20 } }));
    await akc.apply(changeTo(patient, await akc.standing(patient)));
    const degraded = await settled(akc, patient, ({ health }) => health === "degraded");
    expect(degraded.message).toContain("exit-code (status 3)");
    expect(degraded.fields["active"]).toBe(true);

    const flapping = await akc.revision(
      resource("flapping", { service: { ...crashing, RestartSec: "10ms", StartLimitBurst: 100 } }),
    );
    await akc.apply(changeTo(flapping, await akc.standing(flapping)));
    const again = await settled(akc, flapping, ({ message }) => /restarted [2-9] times/.test(message ?? ""));
    expect(again.health).toBe("degraded");

    const burnt = await akc.revision(
      resource("burnt", {
        service: {
          ...crashing,
          ExecStart: ["/bin/false"],
          RestartSec: "10ms",
          StartLimitBurst: 2,
          StartLimitIntervalSec: 60,
        },
      }),
    );
    await akc.apply(changeTo(burnt, await akc.standing(burnt)));
    const failed = await settled(akc, burnt, ({ health }) => health === "failed");
    expect(failed.message).toMatch(/failed: (exit-code|start-limit-hit) \(status 1\)/);
    expect(fieldsDiffer(burnt, failed)).toEqual(["/active"]);
    // Asked for once more it is started once more, although systemd had given it up.
    const mended = await akc.revision(
      resource("burnt", {
        service: {
          ...crashing,
          ExecStart: ["/bin/sleep", "99"],
          StartLimitBurst: 2,
          StartLimitIntervalSec: 60,
        },
      }),
    );
    expect((await stood(akc, mended)).health).toBe("healthy");
  }, 60_000);

  test("a service that takes its time to say READY is unknown until it does, and tells its status", async () => {
    const akc = provider();
    const script = "sleep 1; systemd-notify --ready --status='42 open'; exec sleep 1000";
    const revision = await akc.revision(
      resource("slow", {
        service: { Type: "notify", NotifyAccess: "all", ExecStart: ["/bin/sh", "-c", script] },
      }),
    );
    await akc.apply(changeTo(revision, await akc.standing(revision)));
    const starting = await akc.standing(revision);
    expect(starting).toMatchObject({ health: "unknown" });
    expect(fieldsDiffer(revision, starting)).toEqual([]);
    expect(await settled(akc, revision)).toMatchObject({ health: "healthy", message: "42 open" });
  }, 60_000);

  test("a unit without the mark is left as it is, until it is adopted", async () => {
    const akc = provider();
    const text = "[Service]\nExecStart=/bin/sleep 77\n";
    onHost().write(`${units}/mine.service`, text);
    const revision = await akc.revision(resource("web", { ...sleeper(), unit: "mine.service" }));
    const standing = await akc.standing(revision);
    expect(standing).toMatchObject({ kind: "present", owner: "other" });
    await expect(akc.apply(changeTo(revision, standing))).rejects.toMatchObject({
      code: "PROVIDER_NOT_OWNED",
    });
    await expect(
      akc.delete({
        resource: ownedOf(revision, standing),
        mark: { scope, resourceId: "web" },
        idempotencyKey: "d",
        expectedVersion: null,
      }),
    ).rejects.toMatchObject({ code: "PROVIDER_NOT_OWNED" });
    const other = provider({ scope: "acme/elsewhere" });
    expect(onHost().sh(`cat ${units}/mine.service`)).toBe(text);

    await akc.apply(changeTo(revision, standing, { adopt: true }));
    const adopted = await settled(akc, revision);
    expect([adopted.owner, adopted.health, fieldsDiffer(revision, adopted)]).toEqual(["akc", "healthy", []]);
    expect(await other.standing(revision)).toMatchObject({ owner: "other" });
  }, 60_000);

  test("a unit that another package ships is foreign too", async () => {
    const akc = provider();
    const revision = await akc.revision(resource("web", { ...sleeper(), unit: "systemd-journald.service" }));
    expect(await akc.standing(revision)).toMatchObject({
      owner: "other",
      handle: { unit: "systemd-journald.service" },
    });
    await expect(akc.apply(changeTo(revision, { kind: "absent" }))).rejects.toMatchObject({
      code: "PROVIDER_NOT_OWNED",
    });
  }, 60_000);

  test("a rollback brings back the text of the stored revision and restarts", async () => {
    const akc = provider({ repoRoot: "/srv/repo" });
    const text = "[Service]\nExecStart=/bin/sleep 111\n";
    onHost().write("/srv/repo/web.service", text);
    const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
    const old = await akc.revision(resource("web", { unit_file: { path: "web.service", sha256 } }));
    await stood(akc, old);
    const next = await akc.revision(resource("web", sleeper()));
    const standing = await stood(akc, next);
    onHost().sh("rm -r /srv/repo");
    await akc.apply(changeTo(old, standing, { kind: "rollback" }));
    const back = await settled(akc, old);
    expect(fieldsDiffer(old, back)).toEqual([]);
    expect(back.markedHash).toBe(old.desiredHash);
    expect(onHost().sh(`tr '\\0' ' ' </proc/${mainPid("akc-web.service")}/cmdline`)).toBe("/bin/sleep 111 ");
  }, 60_000);

  test("delete leaves no file, no link and no process; what is gone already is no error", async () => {
    const akc = provider();
    const revision = await akc.revision(
      resource("web", { ...sleeper(), drop_ins: { nice: "[Service]\nNice=3\n" } }),
    );
    const standing = await stood(akc, revision);
    const pid = mainPid("akc-web.service");
    const deletion = {
      resource: ownedOf(revision, standing),
      mark: { scope, resourceId: "web" },
      idempotencyKey: "d",
    };
    await akc.delete({ ...deletion, expectedVersion: standing.version });
    expect(await akc.standing(revision)).toEqual({ kind: "absent" });
    expect(onHost().sh(`find /etc /run /usr/local /var/lib -name '*akc-web*'`)).toBe("");
    expect(onHost().sh("systemctl list-units --all --plain --no-legend 'akc-web*'")).toBe("");
    expect(onHost().run("kill", "-0", pid).exitCode).not.toBe(0);
    await akc.delete({ ...deletion, expectedVersion: null });
  }, 60_000);

  test("ten units of one pass need one reload at most, and one look asks systemctl once", async () => {
    onHost().write(
      "/opt/akc-test/counted",
      '#!/bin/sh\necho "$*" >>/run/akc-calls\nexec systemctl "$@"\n',
      0o755,
    );
    const akc = provider({ env: { AKC_SYSTEMCTL: "/opt/akc-test/counted" } });
    const ids = Array.from({ length: 10 }, (_, index) => `unit-${index}`);
    const resolved = (more: JsonObject) =>
      Promise.all(ids.map((id) => akc.revision(resource(id, sleeper(more)))));
    const [first, second] = [await resolved({}), await resolved({ Nice: 1 })];
    const calls = () =>
      onHost()
        .sh("touch /run/akc-calls; cat /run/akc-calls; : >/run/akc-calls")
        .split("\n")
        .filter((line) => line !== "");
    for (const revisions of [first, second]) {
      const before = reloads();
      calls();
      const seen = await akc.observe(revisions);
      expect(calls()).toHaveLength(1);
      await Promise.all(
        seen.map(({ standing }, index) => akc.apply(changeTo(revisions[index] ?? never(), standing))),
      );
      expect(reloads() - before).toBe(revisions === first ? 0 : 1);
      for (const revision of revisions)
        expect(fieldsDiffer(revision, await settled(akc, revision))).toEqual([]);
    }
  }, 60_000);

  test("a try that was cut off is finished by the next one with the same key, and by any that looks", async () => {
    const start = provider();
    const first = await start.revision(resource("web", sleeper()));
    const next = await start.revision(resource("web", sleeper({ Nice: 4 })));
    const cuts: readonly Readonly<Record<string, string>>[] = [
      { AKC_FAILPOINT: "file.before_rename:1:kill" },
      { AKC_FAILPOINT: "file.in_place:1:kill" },
      { AKC_SYSTEMCTL: "/opt/akc-test/dies-restart" },
    ];
    onHost().write(
      "/opt/akc-test/dies-restart",
      '#!/bin/sh\ncase "$*" in *" restart "*) kill -9 $PPID; exit 1 ;; esac\nexec systemctl "$@"\n',
      0o755,
    );
    for (const env of cuts) {
      for (const sameKey of [true, false]) {
        const standing = await stood(start, first);
        const change = changeTo(next, standing);
        const cut = provider({ env });
        await expect(cut.apply(change)).rejects.toMatchObject({ code: "DIED" });
        await cut.close();
        const seen = await start.standing(next);
        expect(fieldsDiffer(next, seen)).not.toEqual([]);
        await start.apply(sameKey ? change : changeTo(next, seen));
        const done = await settled(start, next);
        expect([env, fieldsDiffer(next, done)]).toEqual([env, []]);
        const pid = mainPid("akc-web.service");
        expect(onHost().sh(`ps -o ni= -p ${pid}`).trim()).toBe("4");
        await start.apply(sameKey ? change : changeTo(next, done));
        expect(mainPid("akc-web.service")).toBe(pid);
      }
    }
  }, 120_000);

  test("what has moved since it was looked at is not changed", async () => {
    const akc = provider();
    const revision = await akc.revision(resource("web", sleeper()));
    const standing = await stood(akc, revision);
    onHost().sh(`sed -i s/1000/2000/ ${units}/akc-web.service; systemctl daemon-reload`);
    const next = await akc.revision(resource("web", sleeper({ Nice: 1 })));
    await expect(akc.apply(changeTo(next, standing))).rejects.toMatchObject({ code: "PROVIDER_CONFLICT" });
    await expect(akc.apply(changeTo(next, { kind: "absent" }))).rejects.toMatchObject({
      code: "PROVIDER_CONFLICT",
    });
    expect(onHost().sh(`cat ${units}/akc-web.service`)).toContain("2000");
  }, 60_000);

  test("a unit that is given another name stands once, under the new one", async () => {
    const akc = provider();
    await stood(akc, await akc.revision(resource("web", sleeper())));
    const renamed = await akc.revision(resource("web", { ...sleeper(), unit: "mine.service" }));
    expect(fieldsDiffer(renamed, await akc.standing(renamed))).toEqual(["/files"]);
    expect(fieldsDiffer(renamed, await stood(akc, renamed))).toEqual([]);
    expect(
      onHost().sh(
        "systemctl list-units --all --plain --no-legend 'akc-web*'; ls /etc/systemd/system | grep akc- || true",
      ),
    ).toBe("");
  }, 60_000);

  test("what bears the scope's mark and nobody asks for is found, another scope's is not", async () => {
    const akc = provider();
    const other = provider({ scope: "acme/elsewhere" });
    const revision = await akc.revision(resource("left/over", sleeper()));
    await stood(akc, revision);
    const seen = await akc.observe([]);
    expect(seen).toMatchObject([
      {
        resourceId: "left/over",
        resourceClass: "service",
        standing: { owner: "akc", handle: { unit: "akc-left\\x2fover.service" } },
      },
    ]);
    expect(await other.observe([])).toEqual([]);
    const [orphan] = seen;
    if (orphan === undefined) throw new Error("no orphan");
    await akc.delete({
      resource: ownedOf(revision, orphan.standing),
      mark: { scope, resourceId: "left/over" },
      idempotencyKey: "o",
      expectedVersion: null,
    });
    expect(await akc.observe([])).toEqual([]);
  }, 60_000);

  test("a file removed under a running unit leaves it akc's to stop", async () => {
    const akc = provider();
    const revision = await akc.revision(resource("web", sleeper()));
    const owned = ownedOf(revision, await stood(akc, revision));
    onHost().sh(`rm ${units}/akc-web.service; systemctl daemon-reload`);
    const [seen] = await akc.observe([], [owned]);
    expect(seen?.standing).toMatchObject({ kind: "present", owner: "akc" });
    await akc.delete({
      resource: owned,
      mark: { scope, resourceId: "web" },
      idempotencyKey: "d",
      expectedVersion: null,
    });
    expect(await akc.observe([], [owned])).toMatchObject([{ standing: { kind: "absent" } }]);
    expect(onHost().sh("pgrep -x sleep || true")).toBe("");
  }, 60_000);

  test("a timer stands, and a oneshot beside it need not run", async () => {
    const akc = provider({ repoRoot: "/srv/repo" });
    const text = "[Timer]\nOnActiveSec=1h\nUnit=akc-job.service\n[Install]\nWantedBy=timers.target\n";
    onHost().write("/srv/repo/job.timer", text);
    const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
    const timer = await akc.revision(
      resource("timer", { unit: "akc-job.timer", unit_file: { path: "job.timer", sha256 } }),
    );
    const job = await akc.revision(
      resource("job", { service: { Type: "oneshot", ExecStart: ["/bin/true"] }, enabled: false }),
    );
    for (const revision of [job, timer]) {
      const standing = await stood(akc, revision);
      expect([standing.health, fieldsDiffer(revision, standing)]).toEqual(["healthy", []]);
    }
  }, 60_000);

  test("whatever words an argument or a variable holds, the program gets them as they are", async () => {
    const akc = provider();
    const word = fc
      .string({ unit: "binary", maxLength: 30 })
      .filter((one) => !/[\0\p{NChar}]/u.test(one) && one.isWellFormed());
    const args = [
      ...fc.sample(word, 100),
      "$HOME",
      "$" + "{HOME}",
      "$$",
      "%h",
      "%%",
      ";",
      "\\",
      "'",
      '"',
      "\\x41",
      "-- a",
    ];
    const values = fc.sample(word, 50).map((value) => value.replaceAll(/[^\P{Cc}\t\n]/gu, ""));
    const Environment = Object.fromEntries(values.map((value, index) => [`V${index}`, value]));
    const script =
      "printf '%s\\0' \"$@\" >/run/akc-args; cat /proc/self/environ >/run/akc-environ; exec sleep 1000";
    const revision = await akc.revision(
      resource("words", { service: { ExecStart: ["/bin/sh", "-c", script, "sh", ...args], Environment } }),
    );
    expect(fieldsDiffer(revision, await stood(akc, revision))).toEqual([]);
    await Bun.sleep(100);
    expect(onHost().sh("cat /run/akc-args").split("\0").slice(0, -1)).toEqual(args);
    const variables = new Set(onHost().sh("cat /run/akc-environ").split("\0"));
    for (const [name, value] of Object.entries(Environment)) expect(variables).toContain(`${name}=${value}`);
  }, 60_000);

  test("what systemd would not take is refused before anything is written", async () => {
    const akc = provider({ repoRoot: "/srv/repo" });
    const refused = async (text: string) => {
      onHost().write("/srv/repo/x.service", text);
      const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
      const [one] = await akc.resolve([resource("x", { unit_file: { path: "x.service", sha256 } })]);
      return one?.kind === "refused" ? one.message : undefined;
    };
    expect(await refused("[Service]\nExecStart=/bin/sleep 1\nRestarts=always\n")).toContain("Restarts");
    expect(await refused("[Service]\nExecStart=/no/such/program\n")).toContain("not executable");
    expect(await refused("[Service]\nExecStart=/bin/sleep 1\nRestart=perhaps\n")).toContain("perhaps");
    expect(await refused("[Service]\nExecStart=/bin/sleep 1\n")).toBeUndefined();
    expect(onHost().sh(`ls ${units} | grep akc- || true; ls -d /tmp/akc-units* 2>/dev/null || true`)).toBe(
      "",
    );
  }, 60_000);

  test("without systemctl or without systemd nothing is said to be absent", async () => {
    const akc = provider();
    const revision = await akc.revision(resource("web", sleeper()));
    await stood(akc, revision);
    const without = provider({ env: { AKC_SYSTEMCTL: "/no/such/systemctl" } });
    expect(await without.standing(revision)).toMatchObject({ kind: "unobservable", reason: "tool_missing" });
    onHost().write(
      "/opt/akc-test/no-bus",
      '#!/bin/sh\nexec env SYSTEMD_BUS_TIMEOUT=1 unshare --mount sh -c \'umount -l /run; exec systemctl "$@"\' - "$@"\n',
      0o755,
    );
    const unreachable = provider({ env: { AKC_SYSTEMCTL: "/opt/akc-test/no-bus" } });
    expect(await unreachable.standing(revision)).toMatchObject({
      kind: "unobservable",
      reason: "unreachable",
    });
    await expect(unreachable.apply(changeTo(revision, { kind: "absent" }))).rejects.toMatchObject({
      code: "PROVIDER_FAILED",
      details: { retryable: true },
    });
  }, 60_000);

  test("a unit of which systemd cannot tell is unobservable, and the others are seen", async () => {
    const akc = provider();
    const [web, odd] = [
      await akc.revision(resource("web", sleeper())),
      await akc.revision(resource("odd", sleeper())),
    ];
    await stood(akc, web);
    onHost().sh(
      `printf '[Service]\\nExecStart=/bin/sleep 1000 "\\\\xef\\\\xbf\\\\xbe"\\n' >${units}/akc-odd.service`,
    );
    const seen = await akc.observe([web, odd]);
    expect(seen).toMatchObject([{ standing: { kind: "present" } }, { standing: { kind: "unobservable" } }]);
  }, 60_000);

  test("observing alone sees any unit and changes none", async () => {
    const akc = provider({ settings: { kind: "systemd_observe" } });
    const revision = await akc.revision(resource("journal", { unit: "systemd-journald.service" }));
    const standing = await akc.standing(revision);
    expect(standing).toMatchObject({ health: "healthy", fields: { active: true } });
    expect(fieldsDiffer(revision, standing)).toEqual([]);
    await expect(akc.apply(changeTo(revision, standing, { adopt: true }))).rejects.toMatchObject({
      code: "PROVIDER_FAILED",
    });
  }, 60_000);
});

function never(): never {
  throw new Error("missing");
}
