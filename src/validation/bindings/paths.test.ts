import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import type { Binding } from "./model.ts";
import { expandHome, realPath, refuseOutside } from "./paths.ts";

let base = "";
let scope = "";

beforeAll(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "akc-paths-")));
  scope = join(base, "scope");
  mkdirSync(join(scope, "flows"), { recursive: true });
  mkdirSync(join(base, "scope-twin"));
  writeFileSync(join(scope, "flows/pay.yaml"), "");
  writeFileSync(join(base, "outside.yaml"), "");
  writeFileSync(join(base, "scope-twin/x.yaml"), "");
  symlinkSync("../outside.yaml", join(scope, "leak.yaml"));
  symlinkSync("flows/pay.yaml", join(scope, "inner.yaml"));
  symlinkSync("../nothing", join(scope, "dangling"));
  symlinkSync("loop", join(scope, "loop"));
  symlinkSync("scope", join(base, "alias"));
});

afterAll(() => rmSync(base, { recursive: true }));

function binding(path: string, id = "b"): Binding {
  return {
    id,
    kind: "maestro_flow",
    timeoutMs: 1,
    tries: 1,
    dryRun: false,
    settings: {},
    paths: [{ field: "flow_path", path }],
    secrets: [],
    line: 1,
  };
}

function refused(path: string): boolean {
  try {
    refuseOutside([binding(path)], scope);
    return false;
  } catch (cause) {
    expect(cause).toBeInstanceOf(AkcError);
    if (cause instanceof AkcError) expect(cause.code).toBe("BINDING_PATH_OUTSIDE");
    return true;
  }
}

test("a file below the scope is let in, also by a link, also one that is not there yet", () => {
  for (const path of ["flows/pay.yaml", "inner.yaml", "later/x.yaml", "flows/pay.yaml/below-a-file"]) {
    expect([path, refused(join(scope, path))]).toEqual([path, false]);
  }
  // The scope itself may be reached through a link.
  expect(() =>
    refuseOutside([binding(join(base, "alias/flows/pay.yaml"))], join(base, "alias")),
  ).not.toThrow();
});

test("nothing outside is let in: not by a link, not by a name that begins alike, not the scope itself", () => {
  for (const path of [
    join(base, "outside.yaml"),
    join(scope, "leak.yaml"),
    join(base, "scope-twin/x.yaml"),
    join(scope, "dangling"),
    join(scope, "dangling/x.yaml"),
    join(scope, "loop"),
    scope,
    "/",
  ]) {
    expect([path, refused(path)]).toEqual([path, true]);
  }
});

test("every file outside is named, not only the first", () => {
  try {
    refuseOutside([binding("/etc/passwd", "a"), binding(join(scope, "leak.yaml"), "b")], scope);
    throw new Error("not refused");
  } catch (cause) {
    expect(cause instanceof AkcError && cause.details["outside"]).toEqual([
      "a: flow_path /etc/passwd",
      `b: flow_path ${join(scope, "leak.yaml")}`,
    ]);
  }
});

test("links are followed as far as there is something, and ~ is the home folder", () => {
  expect(realPath(join(base, "alias/none/x"))).toBe(join(scope, "none/x"));
  expect(expandHome("~/a", "/home/u")).toBe("/home/u/a");
  expect(expandHome("~", "/home/u")).toBe("/home/u");
  expect(expandHome("a~/b", "/home/u")).toBe("a~/b");
});
