import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { type BindingSearch, loadBindings } from "./lookup.ts";
import { defaultBindingsFile } from "./place.ts";

let base = "";

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "akc-lookup-")));
});
afterEach(() => rmSync(base, { recursive: true }));

function write(path: string, id: string): string {
  const text = `bindings:\n  ${id}: {kind: maestro_flow, platform: ios, flow_path: flows/pay.yaml}\n`;
  mkdirSync(dirname(join(base, path)), { recursive: true });
  writeFileSync(join(base, path), text);
  return text;
}

async function idsOf(search: Partial<BindingSearch>): Promise<readonly string[]> {
  const { bindings } = await loadBindings({ cwd: base, kinds: [], home: base, ...search });
  return [...bindings.keys()];
}

async function codeOf(search: Partial<BindingSearch>): Promise<string> {
  return idsOf(search).then(
    () => "none",
    (cause: unknown) => (cause instanceof AkcError ? cause.code : String(cause)),
  );
}

test("a flag goes before the project, the project before the default, and without any the registry is empty", async () => {
  expect(await loadBindings({ cwd: base, kinds: [] })).toEqual({ bindings: new Map() });
  write(defaultBindingsFile, "by-default");
  write("project.yaml", "by-project");
  write("flag.yaml", "by-flag");
  expect(await idsOf({})).toEqual(["by-default"]);
  expect(await idsOf({ projectPath: "project.yaml" })).toEqual(["by-project"]);
  expect(await idsOf({ path: "flag.yaml", projectPath: "project.yaml" })).toEqual(["by-flag"]);
  expect(await idsOf({ path: "~/flag.yaml", home: base, cwd: "/" })).toEqual(["by-flag"]);
});

test("a named file that is missing is an error, whoever names it", async () => {
  write(defaultBindingsFile, "by-default");
  expect(await codeOf({ path: "none.yaml" })).toBe("BINDINGS_NOT_FOUND");
  expect(await codeOf({ projectPath: "none.yaml" })).toBe("BINDINGS_NOT_FOUND");
  expect(await codeOf({ path: "none.yaml", projectPath: defaultBindingsFile })).toBe("BINDINGS_NOT_FOUND");
});

test("paths are relative to the registry's folder, and links are resolved", async () => {
  const text = write("configs/r.yaml", "b");
  mkdirSync(join(base, "real"));
  writeFileSync(join(base, "real/pay.yaml"), "");
  symlinkSync("../real", join(base, "configs/flows"));
  const registry = await loadBindings({ path: "configs/r.yaml", cwd: base, kinds: [] });
  expect(registry.path).toBe(join(base, "configs/r.yaml"));
  expect(registry.sha256).toBe(createHash("sha256").update(text).digest("hex"));
  expect(registry.bindings.get("b")?.settings["flow_path"]).toBe(join(base, "real/pay.yaml"));
  expect(registry.bindings.get("b")?.paths).toEqual([
    { field: "flow_path", path: join(base, "real/pay.yaml") },
  ]);
});

test("a folder, a long file and a broken one are told apart", async () => {
  expect(await codeOf({ path: "." })).toBe("FILE_UNREADABLE");
  writeFileSync(join(base, "long.yaml"), `bindings: {}\n${"#".repeat(5 * 1024 * 1024)}`);
  expect(await codeOf({ path: "long.yaml" })).toBe("JSON_TOO_LARGE");
  writeFileSync(join(base, "broken.yaml"), "bindings: {");
  expect(await codeOf({ path: "broken.yaml" })).toBe("BINDINGS_INVALID");
  expect(await codeOf({ path: "a\0b" })).toBe("PATH_UNSAFE");
});
