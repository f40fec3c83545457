/** Which validators a judgement gets: of plugins those that are wanted, trusted and found first, and none that reaches past the door. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OperatorPolicy } from "../../src/policy/model.ts";
import { openValidators } from "../../src/run/validators.ts";
import type { Validators } from "../../src/validators/contract.ts";
import { DoorWorld, jsonMap, never, operator, recordedAgain } from "./door-world.ts";

let world: DoorWorld;
const opened: Validators[] = [];
beforeAll(() => {
  world = new DoorWorld();
});
afterAll(async () => {
  await Promise.all(opened.map((validators) => validators.close()));
  await world.close();
});

const trusting = { plugins: { trust: "any" } } as const;

/** A plugins directory with plugins that judge these kinds. */
function directory(plugins: Readonly<Record<string, readonly string[]>>): string {
  const folder = join(world.folder, `plugins-${opened.length}-${Object.keys(plugins).join("-")}`);
  for (const [name, kinds] of Object.entries(plugins)) {
    mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
    const manifest = {
      schema: "akc.plugin/v1",
      id: `acme/${name}`,
      version: "1.0.0",
      kind: "validator",
      api: 1,
      runtime: "bun",
      entry: "index.ts",
      capabilities: { validator: { [name]: kinds } },
      permissions: { net: ["*:*"] },
    };
    writeFileSync(join(folder, name, "plugin.yaml"), JSON.stringify(manifest));
    const validate = `async validate({ binding }, call) {
      const response = await call.fetch(binding.url);
      return { verdict: "pass", observed: { value: await response.json() } }; }`;
    const offer = `${JSON.stringify(name)}: { bindingKinds: ${JSON.stringify(kinds)}, ${validate} }`;
    const source = `import { definePlugin } from "akc/sdk";\nexport default definePlugin({ validators: { ${offer} } });\n`;
    writeFileSync(join(folder, name, "index.ts"), source);
  }
  return folder;
}

async function open(
  pluginsDirs: readonly string[],
  kinds: readonly string[],
  more: { operator?: OperatorPolicy; recorded?: boolean } = {},
) {
  const notes: string[] = [];
  const validators = await openValidators({
    pluginsDirs,
    env: { HOME: world.folder, XDG_CACHE_HOME: join(world.folder, "cache") },
    operator: operator(trusting),
    kinds,
    onNote: (note) => notes.push(note),
    ...more,
  });
  opened.push(validators);
  return { validators, notes };
}

function who(validators: Validators): Readonly<Record<string, string>> {
  return Object.fromEntries(
    validators.kinds.map((kind) => {
      const validator = validators.byKind(kind);
      return [kind, `${validator?.plugin?.id ?? "akc"} ${validator?.id}`];
    }),
  );
}

const builtin = { http_json: "akc http_json", command: "akc command" };

test("what is built in needs no plugin, and nobody is looked for", async () => {
  const { validators } = await open(["/nowhere/at/all"], ["http_json", "command"]);
  expect(who(validators)).toEqual(builtin);
});

test("the plugins that akc brings along judge the documented kinds, each where it is wanted", async () => {
  const { validators, notes } = await open([], ["promql_query", "android_helper"], {});
  expect(who(validators)).toEqual({
    ...builtin,
    promql_query: "akc/observability promql",
    android_helper: "akc/devices android",
  });
  expect(notes).toEqual([]);
  expect(validators.byKind("logql_query")).toBeUndefined();
});

test("of two that offer a kind the one found first judges, and that is said", async () => {
  const first = directory({ one: ["promql_query", "queue"] });
  const second = directory({ two: ["queue", "stack", "command"] });
  const { validators, notes } = await open(
    [first, second],
    ["promql_query", "queue", "stack", "command", "other"],
  );
  expect(who(validators)).toEqual({
    ...builtin,
    promql_query: "acme/one one",
    queue: "acme/one one",
    stack: "acme/two two",
  });
  expect(notes).toEqual([
    "bindings of kind queue are judged by another validator than two of acme/two",
    "bindings of kind command are judged by another validator than two of acme/two",
    "bindings of kind promql_query are judged by another validator than promql of akc/observability",
  ]);
});

test("one in the place of a plugin that akc brings along judges, and that is said", async () => {
  const folder = directory({ observability: ["promql_query"] });
  const manifest = join(folder, "observability/plugin.yaml");
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace("acme/", "akc/").replace("1.0.0", "9.0.0"));
  const { validators, notes } = await open([folder], ["promql_query"]);
  expect(who(validators)).toMatchObject({ promql_query: "akc/observability observability" });
  expect(notes).toEqual([
    `akc/observability in ${join(folder, "observability")} judges in the place of the plugin that akc brings along`,
  ]);
});

test("one that nobody vouches for judges nothing, and that is said", async () => {
  const folder = directory({ three: ["queue"] });
  const { validators, notes } = await open([folder], ["queue"], { operator: operator({}) });
  expect(validators.byKind("queue")).toBeUndefined();
  expect(notes).toEqual(["the plugin acme/three is untrusted: it judges nothing"]);
});

test("a plugin reaches what was granted; a record needs no grant", async () => {
  const origin = world.serve(() => Response.json(7));
  const folder = directory({ four: ["depth"] });
  const ask = async (validators: Validators, door: Parameters<typeof recordedAgain>[0]) =>
    validators.byKind("depth")?.validate(
      {
        bindingId: "b",
        kind: "depth",
        binding: jsonMap({ url: origin }),
        evaluatedAtMs: 1,
        timeoutMs: 20_000,
      },
      door,
      never,
    );
  const granting = operator({
    plugins: { trust: "any", grants: new Map([["acme/four", { net: ["127.0.0.1:*"] }]]) },
  });
  const granted = await open([folder], ["depth"], { operator: granting });
  const door = await world.door({ url: origin });
  const passed = { verdict: "pass", observed: { value: 7 } };
  expect(await ask(granted.validators, door)).toMatchObject(passed);

  const ungranted = await open([folder], ["depth"]);
  const closed = await world.door({ url: origin });
  expect(await ask(ungranted.validators, closed)).toMatchObject({ verdict: "error", reason: "denied" });
  expect(closed.exchanges).toEqual([]);

  const recorded = await open([folder], ["depth"], { recorded: true });
  expect(await ask(recorded.validators, recordedAgain(door))).toMatchObject(passed);
}, 60_000);
