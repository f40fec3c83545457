import { expect, test } from "bun:test";
import { appendFileSync, chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { discoverPlugins } from "../../src/plugin-host/discover.ts";
import { lockPathOf } from "../../src/plugin-host/lock.ts";
import { makeKeyPair, signText } from "../../src/plugin-host/signature.ts";
import { type TrustRules, verifyFiles } from "../../src/plugin-host/trust.ts";
import { lockPlugins, signPlugin } from "../../src/plugin-host/vouch.ts";
import { temporary, writePlugin } from "./folders.ts";

const rules = (given: Partial<TrustRules> = {}): TrustRules => ({
  trust: "locked",
  signers: new Map(),
  deny: [],
  ...given,
});

async function only(directory: string, given: Partial<TrustRules> = {}) {
  const { plugins, broken } = await discoverPlugins([{ kind: "flag", directory }], rules(given));
  const [plugin] = plugins;
  if (plugin === undefined || plugins.length > 1 || broken.length > 0) {
    throw new Error(
      `not one plugin: ${plugins.length}, ${broken.map(({ state }) => JSON.stringify(state)).join()}`,
    );
  }
  return plugin;
}

test("what is not locked is not trusted, and once locked it is ready", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  writePlugin(join(directory, "probe"));
  expect((await only(directory)).state).toEqual({ kind: "untrusted", why: "it is not in plugins.lock" });
  await lockPlugins(directory, [await only(directory)]);
  expect((await only(directory)).state).toEqual({ kind: "ready" });
});

test("every changed, missing or added file is named, and no byte may differ", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  const root = writePlugin(join(directory, "probe"), { files: { "lib/a.ts": "1", "lib/b.ts": "2" } });
  await lockPlugins(directory, [await only(directory)]);
  appendFileSync(join(root, "lib/a.ts"), " ");
  rmSync(join(root, "lib/b.ts"));
  writeFileSync(join(root, "lib/c.ts"), "3");
  appendFileSync(join(root, "plugin.yaml"), "\n");
  for (const trust of ["locked", "any"] as const) {
    expect((await only(directory, { trust })).state).toEqual({
      kind: "modified",
      files: ["lib/a.ts", "lib/b.ts", "lib/c.ts", "plugin.yaml"],
    });
  }
});

test("a manifest that says another version in a locked folder is a modified one", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  writePlugin(join(directory, "probe"));
  await lockPlugins(directory, [await only(directory)]);
  writePlugin(join(directory, "probe"), { version: "9.0.0" });
  expect((await only(directory)).state).toEqual({ kind: "modified", files: ["plugin.yaml"] });
});

test("what changes after a plugin was found is seen before it starts", async () => {
  using place = temporary();
  const root = writePlugin(join(place.path, "probe"));
  const plugin = await only(place.path, { trust: "any" });
  expect(await verifyFiles(plugin)).toEqual([]);
  writeFileSync(join(root, "index.ts"), "export const evil = 1;\n");
  expect(await verifyFiles(plugin)).toEqual(["index.ts"]);
  chmodSync(join(root, "index.ts"), 0o666);
  expect((await verifyFiles(plugin)).length).toBe(1);
});

test("a signature of a known signer is enough where signatures are asked for, and of another is not", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  const root = writePlugin(join(directory, "probe"), { more: "# kept as it is\ndescription: 'x'\n" });
  const [ours, other] = [await makeKeyPair(), await makeKeyPair()];
  const signed = { trust: "signed", signers: new Map([[ours.publicKey, "acme"]]) } as const;
  expect((await only(directory, signed)).state).toEqual({ kind: "untrusted", why: "it is not signed" });
  await signPlugin(root, other.privateKey);
  expect((await only(directory, signed)).state.kind).toBe("untrusted");
  await signPlugin(root, ours.privateKey);
  expect(readFileSync(join(root, "plugin.yaml"), "utf8")).toContain("# kept as it is\n");
  expect(await only(directory, signed)).toMatchObject({ state: { kind: "ready" }, signer: "acme" });
  // A signature says who; under `locked` the lock says what.
  expect((await only(directory)).state.kind).toBe("untrusted");
  await lockPlugins(directory, [await only(directory, signed)]);
  expect(JSON.parse(readFileSync(lockPathOf(directory), "utf8")).plugins[0].signer).toBe(ours.publicKey);
});

test("no part of what was signed can be changed: not a file, not a permission, not the signature", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  const root = writePlugin(join(directory, "probe"));
  const { publicKey, privateKey } = await makeKeyPair();
  const signed = { trust: "signed", signers: new Map([[publicKey, "acme"]]) } as const;
  await signPlugin(root, privateKey);
  const manifest = readFileSync(join(root, "plugin.yaml"), "utf8");
  const stateWith = async (text: string) => {
    writeFileSync(join(root, "plugin.yaml"), text);
    const { state } = await only(directory, signed);
    return state.kind === "invalid" ? state.error.code : state.kind;
  };
  expect(await stateWith(`# a comment changes nothing\n${manifest}`)).toBe("ready");
  expect(await stateWith(`${manifest}permissions: { run: [sh] }\n`)).toBe("PLUGIN_SIGNATURE_INVALID");
  expect(await stateWith(manifest.replace("1.0.0", "1.0.1"))).toBe("PLUGIN_SIGNATURE_INVALID");
  expect(await stateWith(manifest.replace(/value: "?.{4}/, "value: AAAA"))).toBe("PLUGIN_SIGNATURE_INVALID");
  writeFileSync(join(root, "more.ts"), "");
  expect(await stateWith(manifest)).toBe("modified");
  const forged = manifest.replace(/(index\.ts: )[0-9a-f]{64}/, `$1${Bun.SHA256.hash("evil", "hex")}`);
  rmSync(join(root, "more.ts"));
  writeFileSync(join(root, "index.ts"), "evil");
  expect(await stateWith(forged)).toBe("PLUGIN_SIGNATURE_INVALID");
  // Nor does a signature over something else count.
  const elsewhere = await signText("something else", privateKey);
  writeFileSync(join(root, "index.ts"), "export {};\n");
  expect(await stateWith(manifest.replace(/value: .*/, `value: ${elsewhere.value}`))).toBe(
    "PLUGIN_SIGNATURE_INVALID",
  );
});

test("the operator's allow and deny count whatever the trust, and deny wins", async () => {
  using place = temporary();
  writePlugin(join(place.path, "probe"));
  const state = async (given: Partial<TrustRules>) =>
    (await only(place.path, { trust: "any", ...given })).state.kind;
  expect(await state({ allow: ["acme/*"] })).toBe("ready");
  expect(await state({ allow: ["other/*"] })).toBe("untrusted");
  expect(await state({ allow: [] })).toBe("untrusted");
  expect(await state({ allow: ["acme/probe"], deny: ["acme/*"] })).toBe("untrusted");
});

test("a lock that is broken or that others may write vouches for nothing", async () => {
  using place = temporary();
  const directory = join(place.path, "plugins");
  writePlugin(join(directory, "probe"));
  await lockPlugins(directory, [await only(directory)]);
  const whole = readFileSync(lockPathOf(directory), "utf8");
  const broken = async () => (await discoverPlugins([{ kind: "flag", directory }], rules())).broken.length;
  for (const text of ["", "{", "[]", "null", '{"schema":"akc.plugins-lock/v1"}', whole.replace("v1", "v9")]) {
    writeFileSync(lockPathOf(directory), text);
    expect([text, await broken()]).toEqual([text, 1]);
  }
  writeFileSync(lockPathOf(directory), whole);
  expect(await broken()).toBe(0);
  chmodSync(lockPathOf(directory), 0o666);
  expect(await broken()).toBe(1);
});
