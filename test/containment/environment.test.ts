/** What a child finds around itself: nothing of ours. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { limits } from "../../src/limits.ts";
import { printed, type World, world } from "./request.ts";

let place: World;
beforeAll(() => {
  process.env["BUN_BE_BUN"] = "1";
  process.env["AKC_TEST_SECRET"] = "leaked";
  place = world();
});
afterAll(async () => {
  delete process.env["BUN_BE_BUN"];
  delete process.env["AKC_TEST_SECRET"];
  await place.close();
});

test("the environment holds the documented names and nothing else", async () => {
  const result = await place.run(["perl", "-e", 'print "$_\\n" for sort keys %ENV']);
  expect(printed(result).split("\n")).toEqual([
    "AKC_ACTION_ID",
    "AKC_ATTEMPT",
    "AKC_IDEMPOTENCY_KEY",
    "AKC_RUNTIME_RUN_ID",
    "AKC_SPAWN_ID",
    "HOME",
    "LANG",
    "PATH",
    "TMPDIR",
  ]);
});

test("a route's own variables come on top and cannot replace the fixed ones", async () => {
  const env = { GREETING: "hello", PATH: "/evil", AKC_ACTION_ID: "forged" };
  const result = await place.sh('echo "$GREETING $PATH $AKC_ACTION_ID"', { env, actionId: "real" });
  expect(printed(result)).toBe("hello /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin real");
});

test("it runs in its working directory, with a folder of its own for temporary files", async () => {
  const result = await place.sh('pwd; echo "$HOME"; touch "$TMPDIR/file"; echo "$TMPDIR"');
  const [cwd, home, temporary = ""] = printed(result).split("\n");
  expect(cwd).toBe(place.workdir);
  expect(home).toBe(place.workdir);
  expect(temporary.startsWith(`${place.workdir}/.tmp-`)).toBe(true);
  expect(existsSync(temporary)).toBe(false);
});

test("what one child left in its temporary folder is gone for the next", async () => {
  for (let round = 0; round < 3; round++) {
    const result = await place.sh('ls -A "$TMPDIR"; mkdir -p "$TMPDIR/a/b"; ln -s / "$TMPDIR/c"');
    expect(printed(result)).toBe("");
  }
});

test("no temporary folder is left when all is over", async () => {
  const other = world();
  await other.sh("touch $TMPDIR/x");
  await other.sh("true");
  await other.close();
  // The folder of the test is gone with it; what matters is that closing emptied it first.
  expect(existsSync(other.workdir)).toBe(false);
  expect(readdirSync(place.workdir).filter((name) => !name.startsWith(".tmp-"))).toEqual([]);
});

test("standard input is closed, or the given text", async () => {
  expect(printed(await place.sh("cat; readlink /proc/self/fd/0"))).toBe("/dev/null");
  const text = "text ü\n".repeat(30_000);
  const result = await place.sh("cat", { stdin: text });
  expect(result.outputs["stdout_bytes"]).toBe(Buffer.byteLength(text));
});

test("a child that does not read its input is no trouble", async () => {
  const result = await place.sh("exec 0<&-; echo done", {
    stdin: "x".repeat(limits.subprocessStdinBytesMax),
  });
  expect(printed(result)).toBe("done");
});

test("no descriptor of ours is inherited", async () => {
  const open = await Promise.all(
    Array.from({ length: 8 }, () =>
      place.run([
        "perl",
        "-e",
        'opendir(D, "/proc/self/fd"); print join(" ", sort grep { /\\d/ } readdir D)',
      ]),
    ),
  );
  // 3 is the folder that perl itself has open.
  for (const result of open) expect(printed(result)).toBe("0 1 2 3");
});

test("limits hold, also for what the child starts", async () => {
  // They are set right after the start; on a busy machine a child may be faster.
  const settled = 'until [ "$(ulimit -n)" = 64 ]; do :; done;';
  const result = await place.sh(`${settled} sh -c 'ulimit -n; ulimit -c; ulimit -Hn'`, {
    lane: { openFilesMax: 64 },
  });
  expect(printed(result)).toBe("64\n0\n64");
  // At once: the child has started another before its limits are set.
  const big = await place.sh("trap '' XFSZ; head -c 400000000 /dev/zero > big; stat -c %s big; rm big", {
    lane: { fileBytesMax: 1_000_000 },
  });
  expect(Number(printed(big))).toBeLessThan(400_000_000);
  const memory = await place.run(["perl", "-e", '$x = "x" x 500_000_000; print length $x'], {
    lane: { memoryBytesMax: 200_000_000 },
  });
  expect(memory.status).toBe("failed");
});

test("the child is in a session and a process group of its own", async () => {
  const result = await place.sh("cut -d ' ' -f 1,5,6 /proc/$$/stat");
  const [pid, group, session] = printed(result).split(" ");
  expect(group).toBe(pid ?? "");
  expect(session).toBe(pid ?? "");
});
