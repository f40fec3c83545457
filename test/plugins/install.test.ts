import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import { discoverPlugins } from "../../src/plugin-host/discover.ts";
import {
  type Installation,
  installPlugin,
  removePlugins,
  switchPlugin,
} from "../../src/plugin-host/install.ts";
import { lockPathOf } from "../../src/plugin-host/lock.ts";
import { makeKeyPair } from "../../src/plugin-host/signature.ts";
import type { TrustRules } from "../../src/plugin-host/trust.ts";
import { signPlugin } from "../../src/plugin-host/vouch.ts";
import { temporary, writePlugin } from "./folders.ts";

const locked: TrustRules = { trust: "locked", signers: new Map(), deny: [] };

const install = (from: string, directory: string, more: Partial<Installation> = {}) =>
  installPlugin({ from, directory, replace: false, rules: locked, ...more });

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "none";
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    return error.code;
  }
};

const states = async (directory: string) => {
  const { plugins, broken } = await discoverPlugins([{ kind: "flag", directory }], locked);
  return [
    ...plugins.map(({ manifest, state }) => `${manifest.version} ${state.kind}`),
    ...broken.map(({ state }) => state.kind),
  ];
};

function pack(folder: string, to: string): string {
  expect(Bun.spawnSync(["tar", "-czf", to, "-C", folder, "."]).exitCode).toBe(0);
  return to;
}

test("a folder and its archive install as the same plugin: locked, ready, and nobody else's to write", async () => {
  using place = temporary();
  const source = writePlugin(join(place.path, "src"), {
    files: { "bin/run": "#!/bin/sh\n", ".git/HEAD": "x" },
  });
  symlinkSync("index.ts", join(source, "alias.ts"));
  const folder = await install(source, join(place.path, "a"));
  expect(folder).toMatchObject({ change: "installed", root: join(place.path, "a/acme.probe@1.0.0") });
  expect(readdirSync(folder.root).sort()).toEqual(["alias.ts", "bin", "index.ts", "plugin.yaml"]);
  expect(statSync(join(folder.root, "bin/run")).mode & 0o777).toBe(0o755);
  expect(await states(join(place.path, "a"))).toEqual(["1.0.0 ready"]);

  symlinkSync("src", join(place.path, "linked"));
  expect((await install(join(place.path, "linked"), join(place.path, "d"))).digest).toBe(folder.digest);

  const plain = writePlugin(join(place.path, "plain"), { files: { "bin/run": "#!/bin/sh\n" } });
  const one = await install(plain, join(place.path, "b"));
  const other = await install(pack(plain, join(place.path, "p.tar.gz")), join(place.path, "c"));
  expect(other.digest).toBe(one.digest);
  expect(await states(join(place.path, "c"))).toEqual(["1.0.0 ready"]);
});

test("a digest that was given must be the archive's, or the folder's", async () => {
  using place = temporary();
  const source = writePlugin(join(place.path, "src"));
  const archive = pack(source, join(place.path, "p.tar.gz"));
  const sha256 = Bun.SHA256.hash(readFileSync(archive), "hex");
  expect(await codeOf(install(archive, join(place.path, "a"), { sha256: "0".repeat(64) }))).toBe(
    "PLUGIN_MODIFIED",
  );
  expect(await states(join(place.path, "a"))).toEqual([]);
  expect((await install(archive, join(place.path, "a"), { sha256: sha256.toUpperCase() })).change).toBe(
    "installed",
  );
  const { digest } = await install(source, join(place.path, "b"));
  expect(await codeOf(install(source, join(place.path, "c"), { sha256: digest }))).toBe("none");
});

test("installing again changes nothing; other content of the same version must be asked for", async () => {
  using place = temporary();
  const [source, directory] = [writePlugin(join(place.path, "src")), join(place.path, "plugins")];
  await install(source, directory);
  expect((await install(source, directory)).change).toBe("same");
  writeFileSync(join(source, "index.ts"), "export const b = 1;\n");
  expect(await codeOf(install(source, directory))).toBe("PLUGIN_DUPLICATE");
  expect((await install(source, directory, { replace: true })).change).toBe("replaced");
  expect(await states(directory)).toEqual(["1.0.0 ready"]);
  writePlugin(source, { version: "1.1.0" });
  await install(source, directory);
  expect(await states(directory)).toEqual(["1.1.0 ready"]);
  await removePlugins(directory, ["acme.probe@1.1.0"]);
  expect(await states(directory)).toEqual(["1.0.0 ready"]);
});

test("what cannot be a plugin leaves no trace", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  writePlugin(join(place.path, "bad"), { more: "unknown: 1\n" });
  const link = writePlugin(join(place.path, "link"));
  symlinkSync("/etc", join(link, "etc"));
  mkdirSync(join(place.path, "none"));
  writeFileSync(join(place.path, "garbage.tar.gz"), "garbage");
  const codes = await Promise.all(
    ["bad", "link", "none", "garbage.tar.gz", "missing"].map((name) =>
      codeOf(install(join(place.path, name), directory)),
    ),
  );
  expect(codes).toEqual([
    "PLUGIN_MANIFEST_INVALID",
    "PLUGIN_UNTRUSTED",
    "FILE_NOT_FOUND",
    "PLUGIN_ARCHIVE_INVALID",
    "FILE_NOT_FOUND",
  ]);
  expect(readdirSync(directory)).toEqual([]);
  expect(existsSync(lockPathOf(directory))).toBe(false);
});

test("what the operator's policy would never start is not installed", async () => {
  using place = temporary();
  const [source, directory] = [writePlugin(join(place.path, "src")), join(place.path, "plugins")];
  const { publicKey, privateKey } = await makeKeyPair();
  const signed: TrustRules = { ...locked, trust: "signed", signers: new Map([[publicKey, "acme"]]) };
  expect(await codeOf(install(source, directory, { rules: { ...locked, deny: ["acme/*"] } }))).toBe(
    "PLUGIN_UNTRUSTED",
  );
  expect(await codeOf(install(source, directory, { rules: signed }))).toBe("PLUGIN_UNTRUSTED");
  await signPlugin(source, (await makeKeyPair()).privateKey);
  expect(await codeOf(install(source, directory, { rules: signed }))).toBe("PLUGIN_UNTRUSTED");
  await signPlugin(source, privateKey);
  expect((await install(source, directory, { rules: signed })).signer).toBe("acme");
  writeFileSync(join(source, "index.ts"), "evil");
  expect(await codeOf(install(source, join(place.path, "other")))).toBe("PLUGIN_MODIFIED");
});

test("installations at the same time wait for each other, and remains of a killed one go away", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  writePlugin(join(directory, ".incoming-1-dead"));
  const sources = Array.from({ length: 6 }, (_, index) =>
    writePlugin(join(place.path, `s${index}`), { id: `acme/p${index}` }),
  );
  await Promise.all(sources.map((source) => install(source, directory)));
  expect((await states(directory)).length).toBe(6);
  expect(new Set(await states(directory))).toEqual(new Set(["1.0.0 ready"]));
  expect(existsSync(join(directory, ".incoming-1-dead"))).toBe(false);
});

test("a folder that was put in place but not locked is locked by installing again", async () => {
  using place = temporary();
  const [source, directory] = [writePlugin(join(place.path, "src")), join(place.path, "plugins")];
  await install(source, directory);
  writeFileSync(lockPathOf(directory), '{"schema":"akc.plugins-lock/v1","plugins":[]}');
  expect(await states(directory)).toEqual(["1.0.0 untrusted"]);
  expect((await install(source, directory)).change).toBe("installed");
  expect(await states(directory)).toEqual(["1.0.0 ready"]);
});

test("switching off and on changes the list and not the plugin", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  await install(writePlugin(join(place.path, "src")), directory);
  expect(await switchPlugin(directory, "acme/probe", false)).toBe(true);
  expect(await switchPlugin(directory, "acme/probe", false)).toBe(false);
  expect(await states(directory)).toEqual(["1.0.0 disabled"]);
  expect(await switchPlugin(directory, "acme/probe", true)).toBe(true);
  expect(await states(directory)).toEqual(["1.0.0 ready"]);
});
