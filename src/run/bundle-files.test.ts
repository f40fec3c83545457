import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inferOutputsRoot, readBundleSource } from "./bundle-files.ts";

const root = await realpath(await mkdtemp(join(tmpdir(), "akc-bundle-files-")));
afterAll(() => rm(root, { recursive: true, force: true }));
const repo = join(root, "acme", "shop");
const runtime = join(repo, ".akc", "runtime");
await mkdir(runtime, { recursive: true });
await mkdir(join(repo, ".akc", "ir"), { recursive: true });
const emitted = join(runtime, "r.runtime_bundle.json");
await writeFile(emitted, "{}");
await writeFile(join(repo, ".akc", "ir", "r.json"), '{"a":1.0}');
await writeFile(join(root, "secret.json"), '{"secret":true}');

describe("a bundle's repository", () => {
  test("is the folder that holds .akc/runtime", async () => {
    const source = await readBundleSource(emitted);
    await expect(source.path).toBe(emitted);
    expect(source.repoRoot).toBe(repo);
    expect(source.text).toEqual(new TextEncoder().encode("{}"));
  });

  test("is the bundle's own folder when it stands anywhere else", async () => {
    const loose = join(root, "loose.json");
    await writeFile(loose, "{}");
    expect((await readBundleSource(loose)).repoRoot).toBe(root);
    for (const likely of [join(root, "runtime"), join(repo, ".akc", "other")]) {
      await mkdir(likely, { recursive: true });
      await writeFile(join(likely, "x.json"), "{}");
      expect((await readBundleSource(join(likely, "x.json"))).repoRoot).toBe(likely);
    }
  });

  test("is found from the real place of a bundle that is reached through a link", async () => {
    const link = join(root, "link.json");
    await symlink(emitted, link);
    const source = await readBundleSource(link);
    expect([source.path, source.repoRoot]).toEqual([emitted, repo]);
  });
});

describe("files of a bundle", () => {
  test("are read below its repository, and are undefined where there are none", async () => {
    const { files } = await readBundleSource(emitted);
    expect(await files.read(".akc/ir/r.json")).toBeDefined();
    expect(await files.read(".akc/ir/none.json")).toBeUndefined();
    expect(await files.read(".akc/none/none.json")).toBeUndefined();
  });

  test("are never read outside it, neither by path nor through a link", async () => {
    const { files } = await readBundleSource(emitted);
    await symlink(join(root, "secret.json"), join(repo, ".akc", "ir", "out.json"));
    await symlink(root, join(repo, ".akc", "away"));
    for (const path of [
      "../../secret.json",
      "/etc/hostname",
      ".akc/ir/out.json",
      ".akc/away/secret.json",
      "a\0b",
      "",
    ]) {
      await expect(files.read(path)).rejects.toMatchObject({ code: "PATH_UNSAFE" });
    }
  });

  test("say in which file a fault is", async () => {
    const { files } = await readBundleSource(emitted);
    await writeFile(join(repo, ".akc", "ir", "bad.json"), '{\n "a": }');
    await expect(files.read(".akc/ir/bad.json")).rejects.toMatchObject({
      code: "JSON_SYNTAX",
      details: { path: join(repo, ".akc", "ir", "bad.json"), line: 2 },
    });
    await mkdir(join(repo, ".akc", "ir", "folder.json"));
    await expect(files.read(".akc/ir/folder.json")).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });
});

test("a bundle that is missing, a folder, or named with a NUL has its own code", async () => {
  await expect(readBundleSource(join(root, "none.json"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  await expect(readBundleSource(join(emitted, "x"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  await expect(readBundleSource(runtime)).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  await expect(readBundleSource("a\0b")).rejects.toMatchObject({ code: "PATH_UNSAFE" });
  await expect(readBundleSource("~/none.json")).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
});

test("outputs go where it was said, else beside the tenant, else beside the bundle", () => {
  expect(inferOutputsRoot("/out/acme/shop/.akc/runtime/b.json")).toBe("/out");
  expect(inferOutputsRoot("/deep/out/acme/shop/.akc/x/.akc/b.json")).toBe("/deep/out");
  expect(inferOutputsRoot("/acme/shop/.akc/runtime/b.json")).toBe("/");
  expect(inferOutputsRoot("/shop/.akc/runtime/b.json")).toBe("/shop/.akc/runtime");
  expect(inferOutputsRoot("/some/where/b.json")).toBe("/some/where");
  expect(inferOutputsRoot("/out/acme/shop/.akc/runtime/b.json", "/else")).toBe("/else");
  expect(inferOutputsRoot("/out/b.json", "rel")).toBe(join(process.cwd(), "rel"));
});
