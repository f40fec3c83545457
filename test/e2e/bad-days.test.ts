/**
 * Bad days of the built binary: children that misbehave, signals, kills, full and read-only disks, damaged state, closed
 * streams, hostile surroundings. Each ends with its own code, whole state and nothing running.
 */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode } from "../../src/errors.ts";
import { binary } from "./akc.ts";
import { bundle, get, noop, sh } from "./bundle.ts";
import {
  expectError,
  expectOutcome,
  filesBelow,
  inWorld,
  jsonObject,
  type Live,
  type Ran,
  until,
  untilThere,
  type World,
} from "./world.ts";

const oneStep = bundle().step("a", sh("touch made"));
/** A step that goes on until somebody ends it, with company in the group and outside of it. */
const endless = bundle()
  .step("a", sh("sleep 1000 & setsid sleep 1000 & touch up; sleep 1000"))
  .step("b", noop, "a");
/** One that will not hear. */
const stubborn = bundle().step("a", sh("trap '' TERM INT HUP; touch up; while :; do sleep 0.1; done"));
const evidenceFiles = ["checkpoint.json", "events.json", "policy_decisions.json", "runtime_run.json"];
const widely = "--coordination-parallel-dispatch enabled --coordination-max-in-flight-steps 9".split(" ");
const atOnce = [...widely, "--coordination-max-in-flight-per-role", "9"];

/** A run `r1` whose step `a` is under way. */
async function underWay(world: World, which = endless, ...flags: readonly string[]): Promise<Live> {
  const live = await world.begin(which, "--runtime-run-id", "r1", ...flags);
  await untilThere(join(world.workdir("r1"), "up"));
  return live;
}

function expectEvidence(world: World, outcome: string): void {
  for (const name of evidenceFiles) expect(existsSync(join(world.runFolder("r1"), name))).toBe(true);
  const record = jsonObject(readFileSync(join(world.runFolder("r1"), "runtime_run.json"), "utf8"));
  expect({ outcome: record["outcome"], status: record["status"] }).not.toMatchObject({ status: "running" });
  expect(record["outcome"]).toBe(outcome);
}

describe("children that misbehave", () => {
  test("end with their own codes, side by side, and nothing of them goes on", async () => {
    await inWorld(async (world) => {
      const misbehaving = bundle()
        .step("hangs", sh("sleep 1000", { timeoutMs: 200 }))
        .step("hangs-with-children", sh("sleep 1000 & sleep 1000 & wait", { timeoutMs: 200 }))
        .step("fails", sh("echo why >&2; exit 3"))
        .step("kills-itself", sh("kill -SEGV $$"))
        .step("floods", sh("while :; do echo 0123456789012345678901234567890123456789; done"))
        .step("floods-stderr", sh("while :; do echo 0123456789012345678901234567890123456789 >&2; done"))
        .step("forks-away", sh("(sleep 1000 &); setsid sleep 1000 & setsid env -i sleep 1000 & exit 0"))
        .step("after", noop, "forks-away");
      const ran = await world.start(misbehaving, ...atOnce);
      expect({ code: ran.code, outcome: ran.report["outcome"] }).toEqual({ code: 1, outcome: "failed" });
      expect(await world.stepErrors(ran.report["runtime_run_id"])).toEqual({
        hangs: "SUBPROCESS_TIMEOUT",
        "hangs-with-children": "SUBPROCESS_TIMEOUT",
        fails: "SUBPROCESS_EXIT",
        "kills-itself": "SUBPROCESS_EXIT",
        floods: "SUBPROCESS_OUTPUT_LIMIT",
        "floods-stderr": "SUBPROCESS_OUTPUT_LIMIT",
      });
      // Two tries more for what may do better next time, none for what would only flood again.
      expect(ran.report["counts"]).toMatchObject({ succeeded: 2, failed: 6, retried: 8 });
      expect(world.processes()).toEqual([]);
    });
  });

  test("what a step leaves behind is gone before the next step starts", async () => {
    await inWorld(async (world) => {
      const chain = bundle()
        .step(
          "leaves",
          sh("setsid sh -c 'while :; do touch alive; sleep 0.01; done' & while ! test -e alive; do :; done"),
        )
        .step("looks", sh("rm -f alive; sleep 0.2; test ! -e alive"), "leaves");
      expectOutcome(await world.start(chain), "succeeded", 0, null);
    });
  });

  test("one that will not hear is killed at the run's deadline", async () => {
    await inWorld(async (world) => {
      const live = await underWay(world, stubborn.step("b", noop, "a"), "--deadline", "1s");
      const ran = await live.ended;
      expectOutcome({ ...ran, report: jsonObject(ran.stdout) }, "exhausted", 1, "RUN_DEADLINE");
      expect(world.processes()).toEqual([]);
      expectEvidence(world, "exhausted");
    });
  });
});

describe("modes", () => {
  const served = (work: (url: string, hits: () => number) => Promise<void>) => {
    let hits = 0;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        hits += 1;
        return new Response("ok");
      },
    });
    return work(server.url.href, () => hits).finally(() => server.stop(true));
  };

  test.each([
    ["simulate", 0, 2],
    ["canary", 1, 0],
    ["enforce", 1, 0],
  ])("%s starts processes and calls servers %p times", async (mode, times, withoutEffect) => {
    await inWorld((world) =>
      served(async (url, hits) => {
        const ran = await world.start(oneStep.reaching(url).step("b", get(`${url}x`), "a"), "--mode", mode);
        expectOutcome(ran, "succeeded", 0, null);
        expect(ran.report["counts"]).toMatchObject({ succeeded: 2, without_effect: withoutEffect });
        expect(hits()).toBe(times);
        expect(filesBelow(world.root).filter((name) => name.endsWith("/made")).length).toBe(times);
      }),
    );
  });

  test("a denial in canary and in simulate is a denial", async () => {
    for (const mode of ["canary", "simulate"]) {
      await inWorld(async (world) => {
        const denied = oneStep.with({
          runtime_policy_envelope: { deny_actions: ["runtime.action.dispatch"] },
        });
        expectOutcome(await world.start(denied, "--mode", mode), "blocked", 2, "POLICY_DENIED");
      });
    }
  });
});

describe("two processes and one run", () => {
  test("the second is told who holds it, and the first is not disturbed", async () => {
    await inWorld(async (world) => {
      const waiting = bundle().step("a", sh("touch up; while ! test -e go; do sleep 0.05; done"));
      const first = await underWay(world, waiting);
      const { holder } = await world.status();
      const said = expectError(await world.start(waiting, "--runtime-run-id", "r1"), "LEASE_HELD", 5);
      expect(said["details"]).toMatchObject({
        holder: jsonObject(JSON.stringify(holder))["name"],
        pid: first.pid,
      });
      writeFileSync(join(world.workdir("r1"), "go"), "");
      expect((await first.ended).code).toBe(0);
      expectError(await world.start(waiting, "--runtime-run-id", "r1"), "RUN_EXISTS", 5);
      expectEvidence(world, "succeeded");
    });
  });

  test("of six that start the same run at once one runs it", async () => {
    await inWorld(async (world) => {
      const path = await world.place(oneStep);
      const all = await Promise.all(
        Array.from({ length: 6 }, () => world.start(path, "--runtime-run-id", "r1")),
      );
      const codes = all.map(({ code, report }) => `${code} ${report["code"] ?? report["outcome"]}`);
      expect(codes.filter((code) => code === "0 succeeded").length).toBe(1);
      for (const code of codes) expect(["0 succeeded", "5 LEASE_HELD", "5 RUN_EXISTS"]).toContain(code);
    });
  });
});

test("a process that has lost its run stops what it does, says so, and writes nothing more", async () => {
  await inWorld(async (world) => {
    const both = endless.step("c", sh("while ! test -e go; do sleep 0.05; done"));
    const live = await underWay(world, both, ...atOnce);
    {
      using db = new Database(join(world.scope, ".akc/runtime/state.sqlite3"));
      db.run("PRAGMA busy_timeout = 10000");
      db.run("UPDATE lease SET token = token + 1, name = 'another:1:process'");
    }
    writeFileSync(join(world.workdir("r1"), "go"), "");
    expectError(lastOf(await live.ended), "LEASE_LOST", 5);
    expect(world.processes()).toEqual([]);
    expect(existsSync(join(world.runFolder("r1"), "runtime_run.json"))).toBe(false);
    const { holder, outcome } = await world.status();
    expect({ holder, outcome }).toMatchObject({ holder: { name: "another:1:process" }, outcome: null });
  });
});

describe("a run that is told to end", () => {
  test("`runtime stop` from another process ends its children and the run, and stopping again is no error", async () => {
    await inWorld(async (world) => {
      const live = await underWay(world);
      const stop = ["runtime", "stop", "r1", "--outputs-root", world.root, "--wait", "30s", "-o", "json"];
      const stopped = await world.akc(stop);
      expect(stopped.code).toBe(0);
      expect(jsonObject(stopped.stdout)).toMatchObject({ outcome: "stopped", requested: true });
      const ran = await live.ended;
      expectOutcome({ ...ran, report: jsonObject(ran.stdout) }, "stopped", 1, null);
      expect(world.processes()).toEqual([]);
      expectEvidence(world, "stopped");
      expect(jsonObject((await world.akc(stop)).stdout)).toMatchObject({
        outcome: "stopped",
        requested: false,
      });
    });
  });

  test.each<[NodeJS.Signals, number]>([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])("%s ends its children and the run in good order, with exit %p", async (signal, exit) => {
    await inWorld(async (world) => {
      const live = await underWay(world);
      live.kill(signal);
      const { code, stdout } = await live.ended;
      expect({ code, outcome: jsonObject(stdout)["outcome"] }).toEqual({ code: exit, outcome: "stopped" });
      expect(world.processes()).toEqual([]);
      expect(await world.status()).toMatchObject({
        standing: "stopped",
        status: "stopped",
        outcome: "stopped",
      });
      expectEvidence(world, "stopped");
    });
  });

  test("a second signal ends it at once, whatever its children think of that", async () => {
    await inWorld(async (world) => {
      const live = await underWay(world, stubborn);
      live.kill("SIGTERM");
      // The request stands in the database when the first signal has been taken.
      await until("the first signal is taken", async () => stopIsRecorded(world));
      live.kill("SIGINT");
      expect((await live.ended).code).toBe(130);
      await until("the children are gone", () => world.processes().length === 0, 3_000);
      expect(await world.status()).toMatchObject({ standing: "abandoned" });
    });
  });

  test("a run that does not hear `runtime stop` is said to go on, and stops when it hears again", async () => {
    await inWorld(async (world) => {
      const live = await underWay(world);
      live.kill("SIGSTOP");
      const stop = ["runtime", "stop", "r1", "--outputs-root", world.root, "--wait", "300ms", "-o", "json"];
      expectError(await world.akc(stop), "STOP_NOT_SEEN", 1);
      expect(await world.standing("r1")).toBe("stopping");
      live.kill("SIGCONT");
      expect(jsonObject((await live.ended).stdout)["outcome"]).toBe("stopped");
    });
  });

  test("under nohup it does not hear SIGHUP", async () => {
    await inWorld(async (world) => {
      await world.place(bundle().step("a", sh("touch up; while ! test -e go; do sleep 0.05; done")));
      const start =
        'nohup "$AKC" runtime start --bundle "$BUNDLE" --mode enforce --runtime-run-id r1 -q & pid=$!';
      const wait = `until test -e "${world.workdir("r1")}/up"; do sleep 0.05; done; kill -HUP $pid; sleep 0.3`;
      const ran = await world.shell(`${start}; ${wait}; touch "${world.workdir("r1")}/go"; wait $pid`);
      expect(ran.code).toBe(0);
    });
  });

  /** By a reader of its own: a command would be too slow to come between two signals. */
  function stopIsRecorded(world: World): boolean {
    using db = new Database(join(world.scope, ".akc/runtime/state.sqlite3"), { readonly: true });
    const find = db.query("SELECT 1 FROM event WHERE type = 'runtime.kernel.stop_requested'");
    return find.get() !== null;
  }
});

describe("a run whose process is killed", () => {
  test("leaves a whole database, is listed as abandoned, and does not stand in the way of others", async () => {
    await inWorld(async (world) => {
      const live = await underWay(world);
      live.kill("SIGKILL");
      expect((await live.ended).code).toBe(137);
      expect(await world.status()).toMatchObject({ standing: "abandoned", outcome: null, event_count: 3 });
      expectOutcome(await world.start(oneStep, "--runtime-run-id", "r2"), "succeeded", 0, null);
      // Its children go on: the kernel ends no session with another process. Whoever stops the run ends them.
      expect(world.processes().length).toBeGreaterThan(0);
      const stop = await world.akc(["runtime", "stop", "r1", "--outputs-root", world.root, "--wait", "1h"]);
      expect({ code: stop.code, said: stop.stderr }).toEqual({
        code: 0,
        said: expect.stringContaining("no process runs this run any more"),
      });
      expect(world.processes()).toEqual([]);
      expect(await world.standing("r1")).toBe("abandoned");
    });
  });
});

describe("a disk that is full", () => {
  /** From nothing at all to all but the last of the evidence. */
  test.each([8, 40, 64, 96, 128, 160, 192, 256, 384, 512, 768, 1_024])(
    "with %p KB ends the run with DISK_FULL",
    async (kilobytes) => {
      await inWorld(async (world) => {
        const disk = world.disk(kilobytes);
        if (disk === "no") return skipLoudly("no tmpfs can be mounted here");
        let writing = bundle();
        for (let index = 0; index < 40; index++)
          writing = writing.step(`s${index}`, sh("head -c 15000 /dev/urandom"));
        const ran = await world.start(await world.place(writing), "--outputs-root", disk);
        expectError(ran, "DISK_FULL", 1);
        // Whatever could be recorded is, and reads as a run that did not succeed.
        const listed = jsonObject(
          (await world.akc(["runtime", "list", "--outputs-root", disk, "-o", "json"])).stdout,
        );
        for (const run of Array.isArray(listed["items"]) ? listed["items"] : []) {
          expect(["failed", "abandoned"]).toContain(run.standing);
        }
      });
    },
  );

  test("under a flooding child that will not hear ends that too, and leaves no half of its output", async () => {
    await inWorld(async (world) => {
      const disk = world.disk(4_096);
      if (disk === "no") return skipLoudly("no tmpfs can be mounted here");
      const flood = bundle()
        .step("a", sh("trap '' TERM; head -c 12000000 /dev/urandom; while :; do sleep 0.1; done"))
        .step("b", noop, "a");
      const ran = await world.start(await world.place(flood), "--outputs-root", disk);
      expect(ran.code).toBe(1);
      expect(ran.report["code"] ?? ran.report["last_error_code"]).toBe("DISK_FULL");
      expect(world.processes()).toEqual([]);
    });
  });

  test("under standard output is an error of the command; the run's own record says that it succeeded", async () => {
    await inWorld(async (world) => {
      await world.place(oneStep);
      const ran = await world.shell('"$AKC" runtime start --bundle "$BUNDLE" --mode enforce >/dev/full');
      expect({ code: ran.code, said: ran.stderr.includes("[DISK_FULL]") }).toEqual({ code: 1, said: true });
      expect(await world.status()).toMatchObject({ standing: "succeeded" });
    });
  });
});

describe("a place that cannot be written", () => {
  test("a read-only file system: no run is started, and what is there can be read", async () => {
    await inWorld(async (world) => {
      const disk = world.disk(16_384);
      if (disk === "no") return skipLoudly("no tmpfs can be mounted here");
      const path = await world.place(oneStep);
      expectOutcome(
        await world.start(path, "--outputs-root", disk, "--runtime-run-id", "r1"),
        "succeeded",
        0,
        null,
      );
      await world.remount(disk, "ro");
      expectError(await world.start(path, "--outputs-root", disk), "OUTPUTS_UNWRITABLE", 2);
      expect(await world.status(disk)).toMatchObject({ standing: "succeeded", runtime_run_id: "r1" });
      for (const command of ["status", "events"]) {
        const ran = await world.akc(["runtime", command, "r1", "--outputs-root", disk, "-o", "json"]);
        expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
      }
      const stop = await world.akc(["runtime", "stop", "r1", "--outputs-root", disk, "-o", "json"]);
      expectError(stop, "STORE_UNWRITABLE", 2);
      await world.remount(disk, "rw");
    });
  });

  test("a folder of another user: the same", async () => {
    await inWorld(async (world) => {
      const uid = 65_534;
      if (
        process.getuid?.() !== 0 ||
        Bun.spawnSync(["setpriv", "--reuid", String(uid), binary, "--version"]).exitCode !== 0
      ) {
        return skipLoudly("the binary cannot be run as another user here");
      }
      const path = await world.place(oneStep);
      expectOutcome(await world.start(path, "--runtime-run-id", "r1"), "succeeded", 0, null);
      Bun.spawnSync(["chmod", "-R", "a+rX", join(world.root, "..")]);
      const start = ["runtime", "start", "--bundle", path, "--mode", "enforce", "-o", "json"];
      expectError(await world.akc(start, { uid, cwd: "/" }), "OUTPUTS_UNWRITABLE", 2);
      const status = ["runtime", "status", "r1", "--outputs-root", world.root, "-o", "json"];
      expect((await world.akc(status, { uid, cwd: "/" })).code).toBe(0);
      Bun.spawnSync(["chmod", "600", path]);
      expectError(await world.akc(start, { uid, cwd: "/" }), "FILE_UNREADABLE", 2);
      Bun.spawnSync(["chmod", "700", world.root]);
      const list = ["runtime", "list", "--outputs-root", world.root, "-o", "json"];
      expectError(await world.akc(list, { uid, cwd: "/" }), "FILE_UNREADABLE", 2);
    });
  });
});

describe("a state database that is not as it should be is refused, kept, and said", () => {
  const foreign = (path: string) => {
    rmSync(path);
    using db = new Database(path);
    db.run("CREATE TABLE another (program)");
  };
  test.each<[string, (path: string) => void, ErrorCode, number]>([
    ["from a newer version", (path) => setVersion(path, 99), "STORE_TOO_NEW", 2],
    ["overwritten", (path) => writeFileSync(path, "not a database ".repeat(2_000)), "STORE_DAMAGED", 1],
    ["of two bytes", (path) => writeFileSync(path, "hi"), "STORE_DAMAGED", 1],
    ["cut off", (path) => truncateSync(path, 20_000), "STORE_DAMAGED", 1],
    ["damaged behind its header", (path) => overwrite(path, 100), "STORE_DAMAGED", 1],
    ["damaged in the middle", (path) => overwrite(path, 2 * 8_192, 4 * 8_192), "STORE_DAMAGED", 1],
    ["of another program", foreign, "STORE_DAMAGED", 1],
    ["that is a folder", replaceByFolder, "STORE_UNWRITABLE", 2],
  ])("%s", async (_, damage, code, exit) => {
    await inWorld(async (world) => {
      expectOutcome(await world.start(oneStep, "--runtime-run-id", "r1"), "succeeded", 0, null);
      const path = join(world.scope, ".akc/runtime/state.sqlite3");
      damage(path);
      const before = contentOf(path);
      expectError(await world.start(oneStep), code, exit);
      const list = await world.akc(["runtime", "list", "--outputs-root", world.root, "-o", "json"]);
      const leftOut = [{ scope_root: world.scope, code }];
      expect(jsonObject(list.stdout)).toEqual({ kind: "RunList", items: [], total: 0, left_out: leftOut });
      const status = await world.akc(["runtime", "status", "r1", "--outputs-root", world.root, "-o", "json"]);
      const said = expectError(lastOf(status), "RUN_NOT_FOUND", 2);
      expect(JSON.stringify(said)).toContain(code);
      expect(contentOf(path)).toEqual(before);
      rmSync(path, { recursive: true });
    });
  });

  test("an empty file in its place is taken for a database that was never made", async () => {
    await inWorld(async (world) => {
      await world.write(".akc/runtime/state.sqlite3", "");
      expectOutcome(await world.start(oneStep), "succeeded", 0, null);
    });
  });

  function setVersion(path: string, version: number): void {
    using db = new Database(path);
    db.run(`PRAGMA user_version = ${version}`);
  }

  function overwrite(path: string, from: number, to?: number): void {
    const bytes = readFileSync(path);
    bytes.fill(0xab, from, to);
    writeFileSync(path, bytes);
  }

  function replaceByFolder(path: string): void {
    rmSync(path);
    mkdirSync(path);
  }

  function contentOf(path: string): string {
    return existsSync(path) && !filesBelow(join(path, "..")).every((name) => name !== "state.sqlite3")
      ? readFileSync(path, "latin1")
      : "";
  }
});

describe("streams that are closed do not change what a run does", () => {
  const start = '"$AKC" runtime start --bundle "$BUNDLE" --mode enforce';
  test.each([
    ["a reader that takes one line", `${start} | head -n 1; exit \${PIPESTATUS[0]}`],
    ["a reader that takes nothing", `${start} | true; exit \${PIPESTATUS[0]}`],
    ["one reader of both streams, gone", `${start} 2>&1 | true; exit \${PIPESTATUS[0]}`],
    ["standard output closed", `${start} >&-`],
    ["standard error closed", `${start} 2>&-`],
    ["all closed", `${start} <&- >&- 2>&-`],
    ["standard error full", `${start} 2>/dev/full`],
  ])("%s", async (_, script) => {
    await inWorld(async (world) => {
      await world.place(oneStep);
      expect((await world.shell(script)).code).toBe(0);
      expect(await world.status()).toMatchObject({ standing: "succeeded" });
    });
  });
});

describe("surroundings", () => {
  const start = '"$AKC" runtime start --bundle "$BUNDLE" --mode enforce -o json';
  test.each([
    ["an empty environment", `env -i ${start}`],
    ["no HOME", `unset HOME; ${start}`],
    ["a HOME that does not exist", `HOME=/none ${start}`],
    ["a TMPDIR that does not exist", `TMPDIR=/none ${start}`],
    ["a PATH of the caller's making", `cp /bin/false ./sh; PATH=$PWD ${start}`],
    ["a locale that is not installed", `LC_ALL=xx_YY.UTF-8 ${start}`],
  ])("%s: the run is as always", async (_, script) => {
    await inWorld(async (world) => {
      await world.place(oneStep);
      const ran = await world.shell(script);
      expectOutcome({ ...ran, report: jsonObject(ran.stdout) }, "succeeded", 0, null);
    });
  });

  test("files of the working directory are not run and not obeyed", async () => {
    await inWorld(async (world) => {
      await world.place(oneStep);
      writeFileSync(join(world.side, "evil.ts"), 'require("fs").writeFileSync("pwned", "");');
      writeFileSync(join(world.side, "bunfig.toml"), 'preload = ["./evil.ts"]\n[run]\nbun = true\n');
      writeFileSync(join(world.side, "package.json"), '{"type": "commonjs", "imports": {"#x": "./evil.ts"}}');
      writeFileSync(
        join(world.side, "tsconfig.json"),
        '{"compilerOptions": {"paths": {"*": ["./evil.ts"]}}}',
      );
      writeFileSync(
        join(world.side, ".env"),
        `AKC_OUTPUTS_ROOT=${world.side}/from-env\nBUN_OPTIONS=--preload ./evil.ts\n`,
      );
      const ran = await world.shell(start);
      expectOutcome({ ...ran, report: jsonObject(ran.stdout) }, "succeeded", 0, null);
      expect(filesBelow(world.side)).toEqual([
        ".env",
        "bunfig.toml",
        "evil.ts",
        "package.json",
        "tsconfig.json",
      ]);
    });
  });

  test("a working directory that was removed is said to be", async () => {
    await inWorld(async (world) => {
      await world.place(oneStep);
      const ran = await world.shell(`mkdir gone; cd gone; rmdir ../gone; ${start}`);
      const said = expectError(ran, "SYSTEM_REFUSED", 1);
      expect(String(said["error"])).toContain("working directory");
      expect((await world.shell('mkdir gone; cd gone; rmdir ../gone; "$AKC" --version')).code).toBe(0);
    });
  });
});

/** Its error, behind the words about its progress. */
function lastOf(ran: Ran): Ran {
  return { ...ran, stderr: lastLine(ran.stderr) };
}

function lastLine(text: string): string {
  return `${text.trimEnd().split("\n").at(-1)}\n`;
}

/** A check that this machine does not allow is no pass: whoever reads the log is told. */
function skipLoudly(why: string): void {
  console.warn(`SKIPPED: ${why}`);
}
