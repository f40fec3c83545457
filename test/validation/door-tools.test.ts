/** What becomes of tools at the door: bounded, cut, interrupted, and gone with all that they started. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../src/limits.ts";
import type { DoorRun, RecordingDoor } from "../../src/validators/contract.ts";
import { lives, until } from "../plugins/hosted.ts";
import { DoorWorld, never, operator, refusal, text } from "./door-world.ts";

let world: DoorWorld;
beforeAll(() => {
  world = new DoorWorld();
});
afterAll(() => world.close());

/** A program of this test; its path. */
function program(name: string, body: string): string {
  const path = join(world.folder, name);
  writeFileSync(path, `#!/bin/bash\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function run(door: RecordingDoor, argv: DoorRun["argv"], more: Partial<DoorRun> = {}) {
  return door.run({ argv, timeoutMs: 10_000, ...more }, never);
}

test("a tool's bytes, exit code and what was recorded are what it did", async () => {
  const tool = program("bytes", String.raw`printf '\x00\xff\n'; echo oops >&2; exit 7`);
  const door = await world.door({});
  const end = await run(door, [tool, "a b", "$HOME"]);
  expect(end).toMatchObject({ exitCode: 7, signal: null, truncated: false });
  expect([...end.stdout]).toEqual([0, 255, 10]);
  expect(text(end.stderr)).toBe("oops\n");
  expect(door.exchanges).toMatchObject([
    {
      kind: "tool",
      argv: [tool, "a b", "$HOME"],
      answer: { kind: "ended", exitCode: 7, signal: null, truncated: false, stdout: { sizeBytes: 3 } },
    },
  ]);
});

describe("output", () => {
  test("beyond the bound is cut, and the exit code behind it is kept", async () => {
    const door = await world.door({});
    const tool = program("much", "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2; exit 3");
    const end = await run(door, [tool], { outputBytesMax: 1_000 });
    expect(end).toMatchObject({ exitCode: 3, truncated: true });
    expect([end.stdout.length, end.stderr.length]).toEqual([1_000, 1_000]);
  });

  test("of a program that prints without end is read for so long and no longer", async () => {
    const door = await world.door({});
    const end = await run(door, ["yes"], { outputBytesMax: 10, timeoutMs: 60_000 });
    expect(end).toMatchObject({ exitCode: null, signal: "SIGTERM", truncated: true });
    expect(text(end.stdout)).toBe("y\ny\ny\ny\ny\n");
  }, 60_000);

  test("never exceeds the door's own bound, whatever is asked", async () => {
    const door = await world.door({});
    const bytes = limits.validatorToolBytesMax;
    const tool = program("more", `head -c ${bytes + 1} /dev/zero`);
    const end = await run(door, [tool], { outputBytesMax: bytes * 4 });
    expect([end.stdout.length, end.truncated]).toEqual([bytes, true]);
  });
});

describe("a tool that does not end", () => {
  test("is ended, with all of its group", async () => {
    const door = await world.door({});
    const note = join(world.folder, "hanging");
    const tool = program("hangs", `trap '' TERM; sleep 600 & echo $! $$ > ${note}; wait; sleep 600`);
    const end = await refusal(run(door, [tool], { timeoutMs: 300 }));
    expect(end.code).toBe("TOOL_TIMEOUT");
    expect(door.exchanges).toMatchObject([{ answer: { kind: "error", code: "TOOL_TIMEOUT" } }]);
    const pids = readFileSync(note, "utf8").trim().split(" ").map(Number);
    expect(pids).toHaveLength(2);
    await until(() => pids.every((pid) => !lives(pid)));
  });

  test("has no more time than its binding", async () => {
    const door = await world.door({}, { timeoutMs: 250 });
    const startMs = performance.now();
    expect((await refusal(run(door, ["sleep", "600"]))).code).toBe("TOOL_TIMEOUT");
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test("is ended when nobody wants its answer any more", async () => {
    const door = await world.door({});
    const control = new AbortController();
    const running = refusal(door.run({ argv: ["sleep", "600"], timeoutMs: 60_000 }, control.signal));
    setTimeout(() => control.abort(), 100);
    expect((await running).code).toBe("CANCELLED");
    const late = refusal(door.run({ argv: ["sleep", "600"], timeoutMs: 60_000 }, control.signal));
    expect((await late).code).toBe("CANCELLED");
  });
});

describe("what a tool leaves behind", () => {
  test("in its group is killed, and nobody waits for it", async () => {
    const door = await world.door({});
    const note = join(world.folder, "left");
    const tool = program("forks", `sleep 600 & echo $! > ${note}; echo done`);
    const end = await run(door, [tool]);
    expect(end).toMatchObject({ exitCode: 0, truncated: false });
    expect(text(end.stdout)).toBe("done\n");
    const pid = Number(readFileSync(note, "utf8"));
    await until(() => !lives(pid));
  });

  test("in a session of its own is killed too", async () => {
    const door = await world.door({});
    const note = join(world.folder, "slipped");
    const tool = program("slips", `setsid sh -c 'echo $$ > ${note}; exec sleep 600' & sleep 0.2; echo done`);
    expect(text((await run(door, [tool])).stdout)).toBe("done\n");
    const pid = Number(readFileSync(note, "utf8"));
    expect(pid).toBeGreaterThan(1);
    await until(() => !lives(pid));
  });
});

test("a recorder is interrupted after its time, and may finish its file", async () => {
  const door = await world.door({});
  const tool = program(
    "records",
    "trap 'echo finished > film; exit 0' INT; echo begun > film; while :; do sleep 0.05; done",
  );
  const end = await run(door, [tool], { interruptAfterMs: 200 });
  expect(end).toMatchObject({ exitCode: 0, signal: null });
  expect(text(await door.readMade("film", never))).toBe("finished\n");
  const killed = await run(door, ["sleep", "600"], { interruptAfterMs: 100, signal: "SIGTERM" });
  expect(killed).toMatchObject({ exitCode: null, signal: "SIGTERM" });
});

describe("the environment", () => {
  const own = {
    PATH: "/evil",
    HOME: "/home/someone",
    ANDROID_SERIAL: "x",
    ADB_TRACE: "all",
    BUN_OPTIONS: "--preload /evil.ts",
    BUN_BE_BUN: "1",
    LD_PRELOAD: "/evil.so",
    TZ: "Europe/Madrid",
    TOKEN: "secret",
    JAVA_HOME: "/java",
    MAESTRO_OPTS: "-x",
    DEVELOPER_DIR: "/xcode",
  };
  const always = ["LANG", "PATH", "PWD", "SHLVL", "TZ", "_"];
  const cases: readonly [string, readonly string[]][] = [
    ["anything", []],
    ["adb", ["ADB_TRACE", "ANDROID_SERIAL", "HOME"]],
    ["maestro", ["ADB_TRACE", "ANDROID_SERIAL", "HOME", "JAVA_HOME", "MAESTRO_OPTS"]],
    ["xcrun", ["DEVELOPER_DIR", "HOME"]],
  ];
  for (const [name, needed] of cases) {
    test(`of ${name} is made from nothing: ${needed.join(", ") || "no name"} beside the fixed ones`, async () => {
      const door = await world.door({}, { env: own });
      const tool = program(name, "/usr/bin/env");
      const lines = text((await run(door, [tool])).stdout)
        .trim()
        .split("\n");
      const names = lines.map((line) => line.split("=")[0] ?? "").filter((one) => one !== "AKC_SPAWN_ID");
      expect(names.sort()).toEqual([...always, ...needed].sort());
      expect(lines).toContain("TZ=Europe/Madrid");
      expect(lines.find((line) => line.startsWith("PATH="))).not.toContain("evil");
    });
  }
});

describe("which tool", () => {
  test("one that is not there is missing, a relative path is refused", async () => {
    const door = await world.door({});
    expect((await refusal(run(door, ["no-such-tool-here"]))).code).toBe("TOOL_MISSING");
    expect((await refusal(run(door, ["./tool"]))).code).toBe("TOOL_DENIED");
    expect((await refusal(run(door, ["echo", "a\0b"]))).code).toBe("TOOL_DENIED");
    expect(door.exchanges.map(({ answer }) => answer.kind)).toEqual(["error", "error", "error"]);
  });

  test("the operator's list decides, by the file and by every name of it", async () => {
    const tool = program("listed", "echo ran");
    const only = (subprocess: string[]) => world.door({}, { operator: operator({ subprocess }) });
    expect(text((await run(await only([tool]), [tool])).stdout)).toBe("ran\n");
    expect((await refusal(run(await only([]), [tool]))).code).toBe("TOOL_DENIED");
    expect((await refusal(run(await only([tool]), ["echo", "x"]))).code).toBe("TOOL_DENIED");
    const link = join(world.folder, "other-name");
    symlinkSync(tool, link);
    expect(text((await run(await only([tool]), [link])).stdout)).toBe("ran\n");
  });

  test("a path that was granted for a name is started under that name, and the name is recorded", async () => {
    const tool = program("granted-adb", 'echo "$0"');
    const door = await world.door({});
    await run(door, ["adb", "devices"], { executable: tool });
    expect(door.exchanges).toMatchObject([{ argv: ["adb", "devices"], answer: { exitCode: 0 } }]);
  });

  test("it works in the door's folder, or where a command's binding says", async () => {
    const folder = join(world.folder, "elsewhere");
    mkdirSync(folder);
    const elsewhere = await world.door({ workdir: folder }, { kind: "command" });
    expect(text((await run(elsewhere, ["pwd"])).stdout)).toBe(`${folder}\n`);
    const workdir = join(world.folder, "own");
    const own = await world.door({ workdir: folder }, { workdir });
    expect(text((await run(own, ["pwd"])).stdout)).toBe(`${workdir}\n`);
  });
});

describe("a file that was made", () => {
  test("is read only where it stands in the folder itself, and is no link", async () => {
    const workdir = join(world.folder, "made");
    mkdirSync(join(workdir, "sub"), { recursive: true });
    writeFileSync(join(world.folder, "outside"), "outside");
    writeFileSync(join(workdir, "film"), "film");
    symlinkSync(join(world.folder, "outside"), join(workdir, "link"));
    linkSync(join(world.folder, "outside"), join(workdir, "hard"));
    Bun.spawnSync(["mkfifo", join(workdir, "pipe")]);
    const door = await world.door({}, { workdir });
    const read = (name: string) => door.readMade(name, never);
    expect(text(await read("film"))).toBe("film");
    for (const name of ["../outside", "sub/x", "/etc/passwd", "", ".", "..", "a\0b", "a\\b"]) {
      expect((await refusal(read(name))).code).toBe("PATH_UNSAFE");
    }
    for (const name of ["link", "hard", "pipe", "sub"]) {
      expect((await refusal(read(name))).code).toBe("FILE_UNREADABLE");
    }
    expect((await refusal(read("nothing"))).code).toBe("FILE_NOT_FOUND");
    expect(JSON.stringify(door.exchanges)).not.toContain(world.folder);
  });

  test("is refused where it is too large", async () => {
    const workdir = join(world.folder, "large");
    const door = await world.door({}, { workdir });
    await run(door, ["truncate", "-s", String(limits.validatorFileBytesMax + 1), "film"]);
    expect((await refusal(door.readMade("film", never))).code).toBe("FILE_TOO_LARGE");
  });
});
