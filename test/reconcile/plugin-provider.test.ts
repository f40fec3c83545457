/** Providers of plugins, as akc uses them: real processes, real files, and what becomes of them when one of them dies. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fingerprint } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";
import { grantAll } from "../../src/plugin-host/conformance/start.ts";
import { parseManifest } from "../../src/plugin-host/manifest.ts";
import type {
  Change,
  DesiredResource,
  OwnedResource,
  Provider,
  Revision,
} from "../../src/providers/contract.ts";
import { createPluginProvider, type ProviderOffer } from "../../src/providers/plugin/provider.ts";
import { systemClock } from "../../src/system/clock.ts";
import { examples } from "../plugins/conforming.ts";
import { PluginWorld } from "../plugins/hosted.ts";
import { shelf } from "./shelf-plugin.ts";

let world: PluginWorld;
let folders = 0;
let keys = 0;
beforeAll(() => {
  world = new PluginWorld();
});
afterAll(() => world.close());

function newFolder(name: string): string {
  folders += 1;
  return join(world.folder, `${name}-${folders}`);
}

const scope = "acme/shop";
const calling = () => ({ signal: new AbortController().signal });

function want(resourceId: string, intent: JsonObject, settings: JsonObject = {}): DesiredResource {
  return {
    resourceId,
    resourceClass: "file",
    name: resourceId,
    desiredHash: fingerprint(intent),
    intent,
    settings,
    dependsOn: [],
  };
}

async function revision(provider: Provider, resource: DesiredResource): Promise<Revision> {
  const [one] = await provider.resolve([resource], calling());
  if (one?.kind !== "resolved") throw new Error("refused");
  return one.revision;
}

async function look(provider: Provider, wanted: Revision, owned: readonly OwnedResource[] = []) {
  const seen = await provider.observe([wanted], owned, calling());
  const one = seen.find(({ resourceId }) => resourceId === wanted.resourceId);
  if (one === undefined) throw new Error("not observed");
  return one;
}

function changeTo(wanted: Revision, expectedVersion: string | null, more: Partial<Change> = {}): Change {
  keys += 1;
  const { resourceId, desiredHash } = wanted;
  return {
    kind: expectedVersion === null ? "create" : "update",
    revision: wanted,
    mark: { scope, resourceId, desiredHash },
    idempotencyKey: `key-${keys}`,
    expectedVersion,
    adopt: false,
    ...more,
  };
}

function ownedOf({ resourceId, resourceClass, desiredHash }: Revision): OwnedResource {
  return { providerId: "files", resourceId, resourceClass, desiredHash, dependsOn: [], handle: {} };
}

/** Paths of the fields that differ. */
function differences({ wanted, standing }: Awaited<ReturnType<typeof look>>): readonly string[] {
  if (standing.kind !== "present" || wanted === undefined) return [standing.kind];
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(standing.fields)])].sort();
  return names.filter((name) => !Bun.deepEquals(wanted[name], standing.fields[name]));
}

function versionOf({ standing }: Awaited<ReturnType<typeof look>>): string | null {
  return standing.kind === "present" ? standing.version : null;
}

/** The example as it is shipped, on a folder of its own. */
function filesProvider(change: (text: string) => string = (text) => text, folder?: string) {
  const place = folder ?? newFolder("files");
  mkdirSync(place, { recursive: true });
  const text = readFileSync(join(examples, "files/plugin.yaml"), "utf8");
  const { manifest } = parseManifest(text, "plugin.yaml");
  const script = readFileSync(join(examples, "files/files.sh"), "utf8");
  const changed = change(script);
  if (change !== same) expect(changed).not.toBe(script);
  const plugin = world.plugin({ "plugin.yaml": text, "files.sh": changed }, { manifest });
  const granted = grantAll(plugin, place);
  const handle = world.open(plugin, {
    granted: { ...granted, write: [place] },
    config: { folder: place },
  });
  const offer: ProviderOffer = {
    id: "files",
    capabilities: manifest.offers.providers?.["files"]?.capabilities ?? [],
  };
  return { provider: createPluginProvider(handle, offer, { scope, clock: systemClock }), folder: place };
}
const same = (text: string) => text;

describe("the provider in sh of the examples", () => {
  test("creates, sees drift, corrects it, updates, goes back and deletes", async () => {
    const { provider, folder } = filesProvider(same);
    const note = join(folder, "note.txt");
    const first = await revision(provider, want("note.txt", { content: "one\n", runtime_deployment: {} }));
    expect((await look(provider, first)).standing).toEqual({ kind: "absent" });

    await provider.apply(changeTo(first, null), calling());
    expect(readFileSync(note, "utf8")).toBe("one\n");
    const stands = await look(provider, first, [ownedOf(first)]);
    expect(stands.standing).toMatchObject({ owner: "akc", health: "healthy", markedHash: first.desiredHash });
    expect(differences(stands)).toEqual([]);

    writeFileSync(note, "by hand");
    const drifted = await look(provider, first, [ownedOf(first)]);
    expect([drifted.standing.kind, differences(drifted)]).toEqual(["present", ["observed_hash"]]);
    await expect(provider.apply(changeTo(first, versionOf(stands)), calling())).rejects.toMatchObject({
      code: "PROVIDER_CONFLICT",
    });
    expect(readFileSync(note, "utf8")).toBe("by hand");
    await provider.apply(changeTo(first, versionOf(drifted)), calling());
    expect(readFileSync(note, "utf8")).toBe("one\n");

    const second = await revision(provider, want("note.txt", { content: "two" }));
    const outdated = await look(provider, second, [ownedOf(first)]);
    expect(differences(outdated)).toEqual(["observed_hash"]);
    await provider.apply(changeTo(second, versionOf(outdated)), calling());
    const updated = await look(provider, second, [ownedOf(second)]);
    expect([readFileSync(note, "utf8"), differences(updated)]).toEqual(["two", []]);

    await provider.apply(changeTo(first, versionOf(updated), { kind: "rollback" }), calling());
    const back = await look(provider, first, [ownedOf(first)]);
    expect([readFileSync(note, "utf8"), differences(back)]).toEqual(["one\n", []]);

    const deletion = {
      resource: ownedOf(first),
      mark: { scope, resourceId: "note.txt" },
      idempotencyKey: "gone",
    };
    await expect(provider.delete({ ...deletion, expectedVersion: "other" }, calling())).rejects.toMatchObject(
      {
        code: "PROVIDER_CONFLICT",
      },
    );
    await provider.delete({ ...deletion, expectedVersion: versionOf(back) }, calling());
    expect(existsSync(note)).toBe(false);
    await provider.delete({ ...deletion, expectedVersion: null }, calling());
    expect((await look(provider, first, [ownedOf(first)])).standing).toEqual({ kind: "absent" });
    await provider.close();
  }, 60_000);

  test("leaves a file alone that akc has not made, until it is adopted", async () => {
    const { provider, folder } = filesProvider(same);
    const note = join(folder, "note.txt");
    writeFileSync(note, "theirs");
    const wanted = await revision(provider, want("note.txt", { content: "ours" }));
    const found = await look(provider, wanted);
    expect(found.standing).toMatchObject({ kind: "present", owner: "other" });
    for (const expected of [null, versionOf(found)]) {
      await expect(provider.apply(changeTo(wanted, expected), calling())).rejects.toMatchObject({
        code: "PROVIDER_NOT_OWNED",
      });
    }
    expect(readFileSync(note, "utf8")).toBe("theirs");
    await provider.apply(changeTo(wanted, versionOf(found), { adopt: true }), calling());
    expect(readFileSync(note, "utf8")).toBe("ours");
    await provider.close();
  }, 60_000);

  /** Counts its writes, and dies at a place of the script the first time that it comes there. */
  const dyingAfter = (place: string) => (text: string) =>
    text.replace(
      place,
      () =>
        `${place} && echo x >>"$folder/.writes" && { [ -e "$folder/.died" ] || { : >"$folder/.died"; exit 9; }; }`,
    );
  const written = `printf '%b' "$value" >"$path"`;
  const noted = `echo "$(version) $desired" >"$note"`;

  for (const [when, place, writes, looks] of [
    ["before it has noted what it wrote", written, 2, false],
    ["before it has noted what it wrote, and is looked at then", written, 2, true],
    ["before it has answered", noted, 1, true],
  ] as const) {
    test(`dies ${when}: the try with the same key ends it, and what stands is written once more at most`, async () => {
      const { provider, folder } = filesProvider(dyingAfter(place));
      const wanted = await revision(provider, want("note.txt", { content: "whole" }));
      const change = changeTo(wanted, versionOf(await look(provider, wanted)));
      await expect(provider.apply(change, calling())).rejects.toMatchObject({
        code: "PROVIDER_FAILED",
        details: { retryable: true, code: "PLUGIN_CRASHED" },
      });
      if (looks) expect((await look(provider, wanted)).standing).toMatchObject({ owner: "akc" });
      await provider.apply(change, calling());
      const stands = await look(provider, wanted);
      expect([differences(stands), readFileSync(join(folder, "note.txt"), "utf8")]).toEqual([[], "whole"]);
      const { mtimeMs } = statSync(join(folder, "note.txt"));
      await provider.apply(change, calling());
      expect(statSync(join(folder, "note.txt")).mtimeMs).toBe(mtimeMs);
      expect(readFileSync(join(folder, ".writes"), "utf8").length / 2).toBe(writes);
      await provider.close();
    }, 60_000);
  }

  test("a change that nobody heard of is found by a process that knows nothing of it", async () => {
    const before = filesProvider(dyingAfter(noted));
    const wanted = await revision(before.provider, want("note.txt", { content: "whole" }));
    const change = changeTo(wanted, null);
    await expect(before.provider.apply(change, calling())).rejects.toMatchObject({ code: "PROVIDER_FAILED" });
    await before.provider.close();
    const { provider } = filesProvider(dyingAfter(noted), before.folder);
    await provider.apply(change, calling());
    expect(readFileSync(join(before.folder, ".writes"), "utf8")).toBe("x\n");
    await provider.close();
  }, 60_000);

  test("a plugin that cannot be asked leaves everything unobservable, and is not started for each resource", async () => {
    const { provider, folder } = filesProvider((text) =>
      text.replace("provider/observe | ", "provider/observe) exit 9 ;;\n    "),
    );
    const wanted = await Promise.all(
      Array.from({ length: 40 }, (_, index) => revision(provider, want(`n${index}`, { content: "x" }))),
    );
    const faults = world.faults.length;
    const seen = await provider.observe(wanted, [], calling());
    expect(seen.map(({ standing }) => standing.kind)).toEqual(wanted.map(() => "unobservable"));
    expect(world.faults.length - faults).toBeLessThan(3);
    expect(readdirSync(folder)).toEqual([]);
    await provider.close();
  }, 60_000);
});

describe("a provider that looks at all at once, compares itself and keeps marks", () => {
  const capabilities = ["observe", "apply", "delete", "diff", "watch", "observe_all"] as const;

  function shelfProvider(of = scope, folder = newFolder("shelf")) {
    mkdirSync(folder, { recursive: true });
    const plugin = world.plugin(
      { "index.ts": shelf },
      { manifest: { kinds: ["provider"], offers: { providers: { shelf: { capabilities } } } } },
    );
    const handle = world.open(plugin, {
      config: { folder },
      granted: { write: [folder], containment: "limits" },
    });
    const provider = createPluginProvider(
      handle,
      { id: "shelf", capabilities },
      { scope: of, clock: systemClock },
    );
    const calls = () => {
      const path = join(folder, "calls");
      const words = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
      rmSync(path, { force: true });
      return words;
    };
    return { provider, folder, calls };
  }
  const drawer = (id: string, size: number, tags: readonly string[] = []) =>
    want(id, { node_id: id }, { shelf: { size, tags } });

  test("one look is one call, and only what exists is compared, field by field, by the plugin", async () => {
    const { provider, calls } = shelfProvider();
    const wanted = await Promise.all(
      Array.from({ length: 30 }, (_, index) => revision(provider, drawer(`d${index}`, 1))),
    );
    const nothing = await provider.observe(wanted, [], calling());
    expect(new Set(nothing.map(({ standing }) => standing.kind))).toEqual(new Set(["absent"]));
    expect(calls()).toEqual(["observe_all"]);
    const [one, two] = wanted;
    if (one === undefined || two === undefined) throw new Error("none");
    await provider.apply(changeTo(one, null), calling());
    calls();
    const bigger = await revision(provider, drawer("d0", 7, ["new"]));
    const [seen] = await provider.observe([bigger, two], [], calling());
    expect(calls()).toEqual(["observe_all", "diff"]);
    expect(seen).toMatchObject({
      wanted: { size: 7, tags: ["new"], colour: "oak" },
      standing: { owner: "akc", fields: { size: 1, tags: [], colour: "oak" } },
    });
    expect(differences(await look(provider, one))).toEqual([]);
    await provider.close();
  }, 60_000);

  test("what another scope made is not ours, and what we made is found by nobody asking for it", async () => {
    const ours = shelfProvider();
    const theirs = shelfProvider("acme/elsewhere", ours.folder);
    const wanted = await revision(ours.provider, drawer("d1", 1));
    await ours.provider.apply(changeTo(wanted, null), calling());
    expect((await look(theirs.provider, wanted)).standing).toMatchObject({ owner: "other" });
    const found = await look(theirs.provider, wanted);
    await expect(theirs.provider.apply(changeTo(wanted, versionOf(found)), calling())).rejects.toMatchObject({
      code: "PROVIDER_NOT_OWNED",
    });
    const deletion = {
      resource: ownedOf(wanted),
      mark: { scope, resourceId: "d1" },
      idempotencyKey: "d",
      expectedVersion: null,
    };
    await expect(theirs.provider.delete(deletion, calling())).rejects.toMatchObject({
      code: "PROVIDER_NOT_OWNED",
    });
    expect(await theirs.provider.observe([], [], calling())).toEqual([]);
    expect(await ours.provider.observe([], [], calling())).toMatchObject([
      { resourceId: "d1", resourceClass: "drawer", standing: { kind: "present", owner: "akc" } },
    ]);
    await Promise.all([ours.provider.close(), theirs.provider.close()]);
  }, 60_000);

  test("what the plugin cannot see or does not tell of is unobservable, and the rest is seen", async () => {
    const { provider, folder } = shelfProvider();
    const wanted = await Promise.all(
      ["seen", "locked", "forgotten"].map((id) => revision(provider, drawer(id, 1))),
    );
    writeFileSync(join(folder, "locked.json.closed"), "");
    expect((await provider.observe(wanted, [], calling())).map(({ standing }) => standing)).toMatchObject([
      { kind: "absent" },
      { kind: "unobservable", reason: "unreachable", message: "the drawer is locked" },
      { kind: "unobservable", reason: "malformed" },
    ]);
    await provider.close();
  }, 60_000);

  test("it watches until it is told to end", async () => {
    const { provider, folder } = shelfProvider();
    const ending = new AbortController();
    const changes: (readonly string[])[] = [];
    const watching = provider.watch?.((ids) => changes.push(ids), { signal: ending.signal });
    const wanted = await revision(provider, drawer("d1", 1));
    await Bun.sleep(200);
    await provider.apply(changeTo(wanted, null), calling());
    while (!changes.some((ids) => ids.includes("d1"))) await Bun.sleep(5);
    ending.abort();
    await watching;
    unlinkSync(join(folder, "d1.json"));
    await provider.close();
  }, 60_000);
});
