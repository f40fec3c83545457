import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atLeast, pathRules, profileKey, realPlace, weaker, within } from "./sandbox.ts";

let root = "";
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "akc-sandbox-")));
  for (const folder of ["work", "repo/src", "repo/out/run", "repo/out/other"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, "repo/out/run/state.sqlite3"), "");
  writeFileSync(join(root, "repo/out/run/log"), "");
  symlinkSync(join(root, "repo/out/run"), join(root, "repo/shortcut"));
});
afterAll(() => rmSync(root, { recursive: true }));

const profile = (readOnly: readonly string[], closed: readonly string[], readWrite = ["work"]) => ({
  level: "landlock" as const,
  network: false,
  readWrite: readWrite.map((path) => join(root, path)),
  readOnly: readOnly.map((path) => join(root, path)),
  closed: closed.map((path) => join(root, path)),
});

/** Rules on places of this test, as paths below its root. */
const below = (rules: ReturnType<typeof pathRules>) =>
  rules.flatMap(({ path, access }) =>
    path.startsWith(root) ? [`${access} ${path.slice(root.length + 1)}`] : [],
  );

test("a read-only root is opened around what must stay closed", () => {
  expect(below(pathRules(profile(["repo"], ["repo/out/run/state.sqlite3"]))).toSorted()).toEqual([
    "list repo",
    "list repo/out",
    "list repo/out/run",
    "read repo/out/other",
    "read repo/out/run/log",
    "read repo/src",
    "write work",
  ]);
});

test("a root that is closed, or lies in what is closed, is not opened at all", () => {
  for (const closed of ["repo", "repo/out"]) {
    expect(below(pathRules(profile(["repo/out"], [closed])))).toEqual(["write work"]);
  }
  expect(below(pathRules(profile(["repo/shortcut"], ["repo/out/run"])))).toEqual(["write work"]);
});

test("a writable folder and a closed place exclude each other, either way round", () => {
  expect(() => pathRules(profile([], ["work/state"]))).toThrow(/must stay closed/);
  expect(() => pathRules(profile([], ["repo"], ["repo/out"]))).toThrow(/must stay closed/);
});

test("what the system keeps secret is in no rule", () => {
  const paths = pathRules(profile([], [])).map(({ path }) => path);
  for (const secret of [
    "/etc",
    "/etc/shadow",
    "/etc/ssh",
    "/root",
    "/home",
    "/var",
    "/dev",
    "/run",
    "/tmp",
    "/",
  ]) {
    expect(paths).not.toContain(secret);
  }
});

test("places are compared by whole names", () => {
  expect(within("/a/b", "/a")).toBe(true);
  expect(within("/a", "/a")).toBe(true);
  expect(within("/ab", "/a")).toBe(false);
  expect(within("/a", "/")).toBe(true);
});

test("the real place of what is missing follows the links that are there", () => {
  expect(realPlace(join(root, "repo/shortcut/new/file"))).toBe(join(root, "repo/out/run/new/file"));
});

test("levels are ordered", () => {
  expect(atLeast("landlock", "limits")).toBe(true);
  expect(atLeast("none", "limits")).toBe(false);
  expect(weaker("landlock", "limits")).toBe("limits");
  expect(weaker("none", "limits")).toBe("none");
});

test("profiles that differ in anything do not share a thread", () => {
  const one = profile(["repo"], []);
  expect(profileKey(one)).toBe(profileKey({ ...one }));
  for (const other of [
    { network: true },
    { readOnly: [] },
    { readWrite: [] },
    { closed: ["/x"] },
    { level: "limits" as const },
  ]) {
    expect(profileKey({ ...one, ...other })).not.toBe(profileKey(one));
  }
});
