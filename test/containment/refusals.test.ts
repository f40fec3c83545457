/** What is never started, in the order in which it is refused. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { printed, type RunOptions, type World, world } from "./request.ts";

let place: World;
beforeAll(() => {
  place = world();
});
afterAll(() => place.close());

async function codeOf(argv: readonly string[], options?: RunOptions) {
  const result = await place.run(argv, options);
  if (result.error !== undefined) expect(result.error.message).not.toContain("s3cret");
  return { code: result.error?.code, retryable: result.error?.retryable };
}

test("the lane is asked first, then its list, then the executable", async () => {
  const disabled = { enabled: false, allowlist: [] };
  expect(await codeOf(["sh"], { lane: disabled })).toEqual({ code: "SUBPROCESS_DISABLED", retryable: false });
  const empty = { allowlist: [] };
  expect(await codeOf(["sh"], { lane: empty })).toEqual({
    code: "SUBPROCESS_ALLOWLIST_EMPTY",
    retryable: false,
  });
  expect(await codeOf(["ls", "s3cret"])).toEqual({ code: "SUBPROCESS_NOT_ALLOWED", retryable: false });
});

test("a name on the list does not open a file of that name elsewhere", async () => {
  const evil = join(place.workdir, "sh");
  copyFileSync("/bin/sh", evil);
  chmodSync(evil, 0o755);
  for (const argv0 of [evil, "./sh", "../work/sh", "work/sh", "..", "sh\0x"]) {
    expect((await codeOf([argv0, "-c", "true"])).code).toBe("SUBPROCESS_NOT_ALLOWED");
  }
});

test("a link is followed before the list is asked", async () => {
  const link = join(place.workdir, "innocent");
  symlinkSync("/usr/bin/env", link);
  expect((await codeOf([link])).code).toBe("SUBPROCESS_NOT_ALLOWED");
  expect((await codeOf([link], { lane: { allowlist: [link], operatorPaths: ["/bin/true"] } })).code).toBe(
    "SUBPROCESS_NOT_ALLOWED",
  );
});

test("the operator's paths narrow what the bundle lists", async () => {
  expect((await codeOf(["sh", "-c", "true"], { lane: { operatorPaths: ["/usr/bin/true"] } })).code).toBe(
    "SUBPROCESS_NOT_ALLOWED",
  );
  const result = await place.sh("echo ok", { lane: { operatorPaths: ["/bin/sh", "/usr/bin/sh"] } });
  expect(printed(result)).toBe("ok");
});

test("what is allowed but does not exist is named, and not tried again", async () => {
  const lane = { allowlist: ["no-such-program", "/no/such/program"] };
  for (const argv0 of lane.allowlist) {
    expect(await codeOf([argv0, "s3cret"], { lane })).toEqual({
      code: "SUBPROCESS_NOT_FOUND",
      retryable: false,
    });
  }
});

test("a script whose interpreter is missing, a file of no known kind and a folder are not started", async () => {
  const script = join(place.workdir, "script");
  writeFileSync(script, "#!/no/such/interpreter\n");
  const noise = join(place.workdir, "noise");
  writeFileSync(noise, new Uint8Array([1, 2, 3, 4]));
  for (const path of [script, noise]) chmodSync(path, 0o755);
  const lane = { allowlist: [script, noise, place.workdir] };
  expect((await codeOf([script, "s3cret"], { lane })).code).toBe("SUBPROCESS_NOT_FOUND");
  expect((await codeOf([noise, "s3cret"], { lane })).code).toBe("SUBPROCESS_SPAWN_FAILED");
  expect((await codeOf([place.workdir], { lane })).code).toBe("SUBPROCESS_NOT_FOUND");
});

test("arguments go as they are: no shell looks at them", async () => {
  const argv = ["perl", "-e", 'print join("|", @ARGV)', "$HOME", "a b", "*", "; touch planted", ""];
  expect(printed(await place.run(argv))).toBe("$HOME|a b|*|; touch planted|");
  expect(existsSync(join(place.workdir, "planted"))).toBe(false);
});

test("a NUL in an argument, or too much input, is a malformed route", async () => {
  expect(await codeOf(["sh", "-c", "true\0"])).toEqual({ code: "ROUTE_MALFORMED", retryable: false });
  expect((await codeOf(["sh"], { stdin: "x".repeat(2_000_000) })).code).toBe("ROUTE_MALFORMED");
});

test("an argument list that the kernel refuses is a failure of its own", async () => {
  expect((await codeOf(["true", "x".repeat(3_000_000)])).code).toBe("SUBPROCESS_SPAWN_FAILED");
});

test("a working directory that leads elsewhere is not used", async () => {
  const link = join(place.workdir, "role");
  symlinkSync("/usr", link);
  expect((await codeOf(["true"], { workdir: link })).code).toBe("PATH_UNSAFE");
});

test("read-only roots that leave the repository are refused", async () => {
  mkdirSync(join(place.repo, "real"), { recursive: true });
  symlinkSync(place.outside, join(place.repo, "sideways"));
  for (const root of ["../outside", "/../outside", "sideways", "real/../../outside"]) {
    const step = { filesystemScope: { readOnlyRoots: [root], scratchSubdir: null } };
    expect(await codeOf(["true"], { step })).toEqual({ code: "PATH_UNSAFE", retryable: false });
  }
});
