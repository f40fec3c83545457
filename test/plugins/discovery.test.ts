import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlacedPlugin, PluginSource } from "../../src/plugin-host/contract.ts";
import { type Discovery, discoverPlugins, pluginById } from "../../src/plugin-host/discover.ts";
import { foreignHand } from "../../src/plugin-host/folder.ts";
import { writeDisabled, writeLock } from "../../src/plugin-host/lock.ts";
import { installPlace, pluginPlaces } from "../../src/plugin-host/places.ts";
import type { TrustRules } from "../../src/plugin-host/trust.ts";
import { manifestText, temporary, writePlugin } from "./folders.ts";

const anyRules: TrustRules = { trust: "any", signers: new Map(), deny: [] };
const flag = (directory: string): PluginSource => ({ kind: "flag", directory });

const find = (directory: string, rules: Partial<TrustRules> = {}) =>
  discoverPlugins([flag(directory)], { ...anyRules, ...rules });

/** `id version state` of all, and the state of what is broken by its folder's name. */
function told({ plugins, broken }: Discovery): readonly string[] {
  return [
    ...plugins.map(({ manifest, state }) => `${manifest.id} ${manifest.version} ${state.kind}`),
    ...broken.map(({ root, state }) => `${root.slice(root.lastIndexOf("/") + 1)} ${state.kind}`),
  ];
}

test("places are searched in the documented order, and the working directory is none of them", () => {
  const kinds = (input: Partial<Parameters<typeof pluginPlaces>[0]>) =>
    pluginPlaces({ flags: [], env: {}, uid: 1000, ...input }).map(
      ({ kind, directory }) => `${kind} ${directory}`,
    );
  expect(
    kinds({ flags: ["/a", "/b"], env: { AKC_PLUGINS_DIR: "/c:/d", HOME: "/home/x" }, embedded: "/e" }),
  ).toEqual(["flag /a", "flag /b", "env /c", "env /d", "user /home/x/.config/akc/plugins", "embedded /e"]);
  expect(kinds({ env: { XDG_CONFIG_HOME: "/x", HOME: "/h" } })).toEqual(["user /x/akc/plugins"]);
  expect(kinds({ env: { XDG_CONFIG_HOME: "rel", HOME: "/h" } })).toEqual(["user /h/.config/akc/plugins"]);
  const service = ["etc /etc/akc/plugins", "usr /usr/lib/akc/plugins"];
  expect(kinds({ env: { HOME: "/root" }, uid: 0 })).toEqual(service);
  expect(kinds({ env: { HOME: "/" } })).toEqual(service);
  expect(kinds({ env: { AKC_PLUGINS_DIR: "" } })).toEqual(service);
  expect(() => kinds({ env: { AKC_PLUGINS_DIR: "plugins" } })).toThrow("relative");
  expect(installPlace(pluginPlaces({ flags: [], env: {}, uid: 0, embedded: "/e" })).kind).toBe("etc");
});

test("of one id the first place counts, and says what it keeps out", async () => {
  using place = temporary();
  for (const name of ["one", "two"]) writePlugin(join(place.path, name, "probe"));
  writePlugin(join(place.path, "two", "other"), { id: "acme/other" });
  const { plugins } = await discoverPlugins(
    ["one", "two"].map((name) => flag(join(place.path, name))),
    anyRules,
  );
  expect(plugins.map(({ manifest, root }) => [manifest.id, root])).toEqual([
    ["acme/probe", join(place.path, "one/probe")],
    ["acme/other", join(place.path, "two/other")],
  ]);
  expect(plugins[0]?.shadows).toEqual([
    { version: "1.0.0", root: join(place.path, "two/probe"), source: flag(join(place.path, "two")) },
  ]);
});

test("in one directory the later version counts, as versions and not as text", async () => {
  using place = temporary();
  for (const version of ["1.9.0", "1.10.0", "1.10.0-rc.1"]) {
    writePlugin(join(place.path, `probe@${version}`), { version });
  }
  const { plugins } = await find(place.path);
  expect(plugins.map(({ manifest }) => manifest.version)).toEqual(["1.10.0"]);
  expect(plugins[0]?.shadows.map(({ version }) => version)).toEqual(["1.10.0-rc.1", "1.9.0"]);
});

test("a broken plugin is told with its place, and no other is touched", async () => {
  using place = temporary();
  writePlugin(join(place.path, "good"));
  writePlugin(join(place.path, "bad"), { more: "permisions: {}\n" });
  writePlugin(join(place.path, "missing-entry"), { id: "acme/m", runtime: "runtime: bun\nentry: gone.ts" });
  writePlugin(join(place.path, "old"), { id: "acme/old", more: "" });
  writeFileSync(
    join(place.path, "old/plugin.yaml"),
    manifestText({ id: "acme/old" }).replace("api: 1", "api: 7"),
  );
  mkdirSync(join(place.path, "empty"));
  mkdirSync(join(place.path, ".hidden"));
  writeFileSync(join(place.path, "a-file"), "");
  const discovery = await find(place.path);
  expect(told(discovery)).toEqual([
    "acme/old 1.0.0 invalid",
    "acme/probe 1.0.0 ready",
    "bad invalid",
    "empty invalid",
    "missing-entry invalid",
  ]);
  const [bad, , missing] = discovery.broken;
  expect(bad?.state.kind === "invalid" && bad.state.error.issues[0]).toMatchObject({ line: 10, column: 1 });
  expect(missing?.state.kind === "invalid" && missing.state.error.issues[0]).toMatchObject({
    line: 7,
    column: 8,
  });
});

test("the same id and version twice in a directory: the second is out, at its place", async () => {
  using place = temporary();
  writePlugin(join(place.path, "a"));
  writePlugin(join(place.path, "b"));
  const { plugins } = await find(place.path);
  expect(plugins.map(({ root, state }) => [root.slice(-1), state.kind])).toEqual([
    ["a", "ready"],
    ["b", "invalid"],
  ]);
  const { state } = plugins[1] ?? {};
  expect(state?.kind === "invalid" && [state.error.code, state.error.issues[0]]).toMatchObject([
    "PLUGIN_DUPLICATE",
    { path: "/id", line: 2, column: 5 },
  ]);
});

test("what is not trusted never keeps out what is", async () => {
  using place = temporary();
  writePlugin(join(place.path, "one/copy"));
  writePlugin(join(place.path, "one/probe"));
  const all = await find(join(place.path, "one"));
  await lockOnly(join(place.path, "one"), [...all.plugins], "probe");
  writePlugin(join(place.path, "one/newer"), { version: "2.0.0" });
  expect(told(await find(join(place.path, "one"), { trust: "locked" }))).toEqual([
    "acme/probe 2.0.0 untrusted",
    // The copy of what was locked.
    "acme/probe 1.0.0 untrusted",
    "acme/probe 1.0.0 ready",
  ]);
  expect(
    pluginById(await find(join(place.path, "one"), { trust: "locked" }), "acme/probe").manifest.version,
  ).toBe("1.0.0");
});

async function lockOnly(directory: string, plugins: readonly PlacedPlugin[], folder: string): Promise<void> {
  const found = plugins.find(({ root }) => root.endsWith(`/${folder}`)) ?? plugins[0];
  if (found === undefined) throw new Error("nothing to lock");
  const { manifest, digest, files } = found;
  await writeLock(directory, [{ id: manifest.id, version: manifest.version, folder, digest, files }]);
}

test("whoever could write into a plugin is never somebody else", async () => {
  using place = temporary();
  for (const name of ["folder", "file", "inner", "link", "fine"]) {
    writePlugin(join(place.path, name), { id: `acme/${name}`, files: { "lib/a.ts": "1" } });
  }
  chmodSync(join(place.path, "folder"), 0o777);
  chmodSync(join(place.path, "file/index.ts"), 0o666);
  chmodSync(join(place.path, "inner/lib"), 0o757);
  symlinkSync("/etc/passwd", join(place.path, "link/data"));
  symlinkSync("index.ts", join(place.path, "fine/alias.ts"));
  expect(told(await find(place.path))).toEqual([
    "acme/fine 1.0.0 ready",
    "file untrusted",
    "folder untrusted",
    "inner untrusted",
    "link untrusted",
  ]);
  chmodSync(place.path, 0o777);
  const { plugins, broken } = await find(place.path);
  expect([plugins, broken.map(({ root }) => root)]).toEqual([[], [place.path]]);
});

test("a file is believed that only root or this user could have written", () => {
  const hand = (uid: number, gid: number, mode: number, who = { uid: 1000, gid: 1000 }) =>
    foreignHand({ uid, gid, mode }, who) === undefined;
  expect([hand(1000, 1000, 0o644), hand(0, 0, 0o644), hand(1001, 1000, 0o644)]).toEqual([true, true, false]);
  // A private group may write, any other may not.
  expect([hand(1000, 1000, 0o664), hand(1000, 50, 0o664), hand(0, 0, 0o664)]).toEqual([true, false, false]);
  expect(hand(1000, 50, 0o664, { uid: 1000, gid: 50 })).toBe(false);
  expect(hand(1000, 1000, 0o646)).toBe(false);
  expect(hand(1000, 1000, 0o644, { uid: 0, gid: 0 })).toBe(false);
});

test("a place that was named must be there, and must not be a plugin itself", async () => {
  using place = temporary();
  writePlugin(join(place.path, "probe"));
  expect(told(await find(join(place.path, "gone")))).toEqual(["gone untrusted"]);
  expect(told(await find(join(place.path, "probe")))).toEqual(["probe untrusted"]);
  expect(
    told(await discoverPlugins([{ kind: "user", directory: join(place.path, "gone") }], anyRules)),
  ).toEqual([]);
});

test("a folder that is a link counts where it really is, and pipes are no files", async () => {
  using place = temporary();
  writePlugin(join(place.path, "elsewhere/probe"));
  mkdirSync(join(place.path, "plugins"));
  symlinkSync("../elsewhere/probe", join(place.path, "plugins/probe"));
  symlinkSync("../nowhere", join(place.path, "plugins/nothing"));
  const { plugins } = await find(join(place.path, "plugins"));
  expect(plugins.map(({ root }) => root)).toEqual([join(place.path, "elsewhere/probe")]);
  Bun.spawnSync(["mkfifo", join(place.path, "elsewhere/probe/pipe")]);
  expect(told(await find(join(place.path, "plugins")))).toEqual(["nothing untrusted", "probe untrusted"]);
});

test("a plugin that is switched off is off in every later place too", async () => {
  using place = temporary();
  for (const name of ["one", "two"]) mkdirSync(join(place.path, name));
  writePlugin(join(place.path, "two", "probe"));
  await writeDisabled(join(place.path, "one"), ["acme/probe"]);
  const places = ["one", "two"].map((name) => flag(join(place.path, name)));
  const discovery = await discoverPlugins(places, anyRules);
  expect(told(discovery)).toEqual(["acme/probe 1.0.0 disabled"]);
  expect(() => pluginById(discovery, "acme/probe")).toThrow("disabled");
  expect(() => pluginById(discovery, "acme/none")).toThrow("no such plugin");
  rmSync(join(place.path, "one.disabled"));
  expect(told(await discoverPlugins(places, anyRules))).toEqual(["acme/probe 1.0.0 ready"]);
});
