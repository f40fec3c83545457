import { expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Io } from "../../src/cli/io.ts";
import { execute } from "../../src/cli/run.ts";
import { temporary, writePlugin } from "./folders.ts";

interface Ended {
  readonly exit: number;
  readonly out: string;
  readonly words: string;
}

/** One command line in this process. The operator's policy and the place are always given: nothing of the host counts. */
async function akc(...argv: readonly string[]): Promise<Ended> {
  let [out, words] = ["", ""];
  const place = { isTerminal: false, color: false, canRedraw: false, columns: () => 80, rows: () => 24 };
  const io: Io = {
    stdout: place,
    stderr: place,
    env: { HOME: "/nonexistent" },
    out: async (text) => {
      out += text;
    },
    words: (text) => {
      words += text;
    },
  };
  return { exit: await execute(argv, io), out, words };
}

/** A plugins directory, a policy and a plugin's folder, with commands bound to them. */
function world() {
  const place = temporary();
  const [directory, policy, source] = ["plugins", "policy.yaml", "probe"].map((name) =>
    join(place.path, name),
  );
  if (directory === undefined || policy === undefined || source === undefined) throw new Error("no places");
  writeFileSync(policy, "schema: akc.policy/v1\n");
  writePlugin(source, { more: "permissions: { net: ['a.test:443'], run: [git] }\n" });
  const flags = ["--plugins-dir", directory, "--policy", policy];
  return {
    place,
    directory,
    policy,
    source,
    run: (...argv: readonly string[]) => akc("plugin", ...argv, ...flags),
    json: async (...argv: readonly string[]) =>
      JSON.parse((await akc("plugin", ...argv, ...flags, "-o", "json")).out),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  };
}

test("a plugin's life: installed, listed, switched off and on, changed, locked again, removed", async () => {
  using w = world();
  expect((await w.run("install", w.source)).out).toContain("plugins:\n  grants:\n    acme/probe:\n");
  const state = async () =>
    (await w.json("list")).items
      .filter(({ id }: { readonly id: string }) => !id.startsWith("akc/"))
      .map((item: { state: string }) => item.state)
      .join();
  expect(await state()).toBe("ready");
  expect((await w.run("disable", "acme/probe")).out).toBe("acme/probe is disabled; it is disabled\n");
  expect(await state()).toBe("disabled");
  expect((await w.run("enable", "acme/probe")).out).toBe("acme/probe is enabled; it is ready\n");
  writeFileSync(join(w.directory, "acme.probe@1.0.0/index.ts"), "changed");
  const verified = await w.run("verify", "acme/probe");
  expect([verified.exit, verified.out]).toEqual([1, "✗ acme/probe 1.0.0  modified\n    index.ts\n"]);
  expect((await w.run("list")).out).toMatch(/modified +flag +index\.ts/);
  expect((await w.run("lock", "acme/probe")).out).toBe("locked  acme/probe 1.0.0  changed: index.ts\n");
  expect((await w.run("verify")).exit).toBe(0);
  const locked = readFileSync(`${w.directory}.lock`, "utf8");
  writeFileSync(`${w.directory}.lock`, "{");
  expect((await w.run("lock", "acme/probe")).words).toContain(
    `unreadable  ${w.directory} (plugins.lock is not valid: it is not JSON)`,
  );
  expect((await w.run("install", w.source, "--replace")).words).toContain("akc plugin lock --all");
  writeFileSync(`${w.directory}.lock`, locked);
  await w.run("remove", "acme/probe");
  expect(await state()).toBe("");
  expect(existsSync(join(w.directory, "acme.probe@1.0.0"))).toBe(false);
  expect(JSON.parse(readFileSync(`${w.directory}.lock`, "utf8")).plugins).toEqual([]);
});

test("inspect says what is asked, granted and refused, by whom, and how it is enforced", async () => {
  using w = world();
  await w.run("install", w.source);
  writeFileSync(
    w.policy,
    "schema: akc.policy/v1\nplugins: { grants: { acme/probe: { net: ['a.test:*'] } }, containment: none }\n",
  );
  const shown = await w.json("inspect", "acme/probe");
  expect(shown).toMatchObject({
    kind: "PluginInspection",
    id: "acme/probe",
    state: "ready",
    asked: { net: ["a.test:443"], run: ["git"] },
    granted: { net: ["a.test:443"], run: [] },
    refused: [{ permission: "run", asked: "git", left: [], by: "operator" }],
    containment: { required: "none", possible: true },
  });
  expect(Object.keys(shown.enforced)).toEqual(["net", "read", "write", "run", "env", "secrets"]);
  const { exit, words } = await w.run("inspect", "acme/prob");
  expect([exit, words]).toEqual([2, expect.stringContaining("Did you mean acme/probe?")]);
});

test("a signed plugin is enough for an operator who knows the signer", async () => {
  using w = world();
  const key = join(w.place.path, "acme.key");
  const made = JSON.parse((await akc("plugin", "keygen", key, "-o", "json")).out);
  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect(readFileSync(`${key}.pub`, "utf8")).toBe(`${made.public_key}\n`);
  const again = await akc("plugin", "keygen", key);
  expect(again.exit).toBe(2);
  expect(again.words).toContain("FILE_EXISTS");
  expect(again.words).not.toContain("--force");
  writeFileSync(
    w.policy,
    `schema: akc.policy/v1\nplugins: { trust: signed, signers: { acme: "${made.public_key}" } }\n`,
  );
  expect((await w.run("install", w.source)).words).toContain("PLUGIN_UNTRUSTED");
  chmodSync(key, 0o644);
  expect((await akc("plugin", "sign", w.source, "--key", key)).words).toContain("others may read");
  expect((await akc("plugin", "sign", w.source, "--key", `${key}.pub`)).words).toContain(
    "this is a public key",
  );
  chmodSync(key, 0o600);
  expect((await akc("plugin", "sign", w.source, "--key", `${key}.pub`)).words).toContain(
    "PLUGIN_KEY_INVALID",
  );
  expect((await akc("plugin", "sign", w.source, "--key", key)).exit).toBe(0);
  expect((await w.json("install", w.source)).signer).toBe("acme");
  expect((await w.json("list")).items[0]).toMatchObject({ state: "ready", signer: "acme" });
});

test("check tells every fault of a folder with its place, and finds none in a good one", async () => {
  using w = world();
  expect((await akc("plugin", "check", w.source)).exit).toBe(0);
  writeFileSync(join(w.source, "plugin.yaml"), "schema: akc.plugin/v1\nid: x\n");
  const { exit, out } = await akc("plugin", "check", w.source, "-o", "json");
  const { code, issues } = JSON.parse(out);
  expect([exit, code, issues.at(-1)]).toMatchObject([
    2,
    "PLUGIN_MANIFEST_INVALID",
    { path: "/id", line: 2, column: 5 },
  ]);
  expect((await akc("plugin", "check", join(w.place.path, "gone"))).exit).toBe(2);
  expect((await akc("plugin", "check", w.place.path)).words).toContain("akc plugin new");
});

test("wrong use is refused before anything is written", async () => {
  using w = world();
  for (const argv of [
    ["lock"],
    ["lock", "acme/probe", "--all"],
    ["install", w.source, "--sha256", "abc"],
    ["remove", "acme/none"],
  ]) {
    expect([argv, (await w.run(...argv)).exit]).toEqual([argv, 2]);
  }
  expect(existsSync(w.directory)).toBe(false);
});

test("the schema that is printed is the one in docs/", async () => {
  const published = readFileSync(new URL("../../docs/plugin.schema.json", import.meta.url), "utf8");
  expect(JSON.parse((await akc("plugin", "schema")).out)).toEqual(JSON.parse(published));
});
