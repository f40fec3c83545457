import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { parseManifest, parseStrictly } from "../../src/plugin-host/manifest.ts";
import { quickValue } from "../../src/plugin-host/manifest-quick.ts";
import { pluginSchemaText } from "../../src/plugin-host/manifest-schema.ts";
import { settingIssues, settingsOf } from "../../src/plugin-host/settings.ts";
import { manifestText } from "./folders.ts";

const path = "/plugins/probe/plugin.yaml";

const everything = `# all of it
schema: akc.plugin/v1
id: acme/all-of.it
version: 2.0.0-beta.1
description: "Does all of it."
kind: [validator, adapter, provider]
api: { min: 1, max: 2 }
runtime: exec
command: [./bin/run, --serve, ""]
capabilities:
  adapter: { container: [durable_waits, external_signals, compensation_hooks, external_checkpointing, recover, cancel, stream], plain: [] }
  provider:
    compose: [observe, apply, rollback, delete, diff, watch]
  validator: { probe: [http_slo, "a:b"] }
permissions:
  net: ["api.example.com:443", "*.example.com:*", "*:53", "[::1]:80", "api.example.com:443"]
  read: [/srv/data]
  write: [/srv/out]
  run: [docker, /usr/bin/podman]
  env: [LANG]
  secrets: [token.a]
config:
  type: object
  required: [url]
  properties:
    url: { type: string, minLength: 1 }
    retries: { type: integer, minimum: 0, default: 3 }
  additionalProperties: false
limits: { memory_bytes: 536870912, start_ms: 1, call_ms: 2, stop_ms: 3, idle_ms: 4, concurrency: 5, message_bytes: 4096 }
digests:
  bin/run: ${"a".repeat(64)}
signature: { algorithm: ed25519, key: "${"A".repeat(43)}=", value: "${"A".repeat(86)}==" }
`;

function issuesOf(text: string, folder?: Parameters<typeof parseManifest>[2]): readonly string[] {
  try {
    parseManifest(text, path, folder);
  } catch (error) {
    if (!(error instanceof AkcError) || error.code !== "PLUGIN_MANIFEST_INVALID") throw error;
    expect(error.details["path"]).toBe(path);
    return error.issues.map(({ line, column, path: at, message }) => `${line}:${column} ${at} ${message}`);
  }
  return [];
}

test("a manifest that says everything is read whole", () => {
  const { manifest } = parseManifest(everything, path);
  expect(manifest).toEqual({
    id: "acme/all-of.it",
    version: "2.0.0-beta.1",
    description: "Does all of it.",
    kinds: ["adapter", "provider", "validator"],
    api: { min: 1, max: 2 },
    runtime: { kind: "exec", command: ["./bin/run", "--serve", ""] },
    offers: {
      adapters: {
        container: {
          capabilities: [
            "durable_waits",
            "external_signals",
            "compensation_hooks",
            "external_checkpointing",
            "recover",
            "cancel",
            "stream",
          ],
        },
        plain: { capabilities: [] },
      },
      providers: { compose: { capabilities: ["observe", "apply", "rollback", "delete", "diff", "watch"] } },
      validators: { probe: { binding_kinds: ["http_slo", "a:b"] } },
    },
    permissions: {
      net: ["api.example.com:443", "*.example.com:*", "*:53", "[::1]:80"],
      read: ["/srv/data"],
      write: ["/srv/out"],
      run: ["docker", "/usr/bin/podman"],
      env: ["LANG"],
      secrets: ["token.a"],
    },
    config: {
      type: "object",
      required: ["url"],
      properties: {
        url: { type: "string", minLength: 1 },
        retries: { type: "integer", minimum: 0, default: 3 },
      },
      additionalProperties: false,
    },
    limits: {
      memoryBytes: 536_870_912,
      startMs: 1,
      callMs: 2,
      stopMs: 3,
      idleMs: 4,
      concurrency: 5,
      messageBytes: 4_096,
    },
    digests: new Map([["bin/run", "a".repeat(64)]]),
    signature: { algorithm: "ed25519", key: `${"A".repeat(43)}=`, value: `${"A".repeat(86)}==` },
  });
});

test("the least manifest asks for nothing and has the default bounds", () => {
  const { manifest } = parseManifest(manifestText(), path);
  expect(manifest.permissions).toEqual({ net: [], read: [], write: [], run: [], env: [], secrets: [] });
  expect(manifest.limits.callMs).toBe(limits.pluginCallMsDefault);
  expect([manifest.config, manifest.digests.size, manifest.signature]).toEqual([{}, 0, undefined]);
});

test("every fault is told with its line and column, and a misspelt word with the right one", () => {
  expect(
    issuesOf(`schema: akc.plugin/v2
id: Probe
version: 1.0
kind: adaptor
api: 0
runtime: node
capabilities:
  adapter: { probe: [cancle] }
  validtor: {}
permisions: {}
limits: { call_ms: 0, memory_bytes: 16777216.5, idle_ms: soon }
`),
  ).toEqual([
    "1:9 /schema `schema` must be akc.plugin/v1",
    "2:5 /id `id` must be vendor/name in lower case letters, digits, `.`, `_` and `-`",
    "3:10 /version `version` must be text: put it in quotes",
    "4:7 /kind `kind` must be adapter, provider or validator, or a list of them",
    "5:6 /api `api` must be at least 1",
    "6:10 /runtime `runtime` must be bun, exec or deno",
    "8:22 /capabilities/adapter/probe/0 `cancle` is not a capability of adapters; did you mean `cancel`?",
    "9:3 /capabilities/validtor unknown key `validtor`; did you mean `validator`?",
    "10:1 /permisions unknown key `permisions`; did you mean `permissions`?",
    "11:20 /limits/call_ms `limits.call_ms` must be at least 1",
    "11:37 /limits/memory_bytes `limits.memory_bytes` must be a whole number of bytes",
    "11:58 /limits/idle_ms `limits.idle_ms` must be a whole number of milliseconds",
  ]);
});

test("what one key means for another is told at its place", () => {
  expect(
    issuesOf(`schema: akc.plugin/v1
id: acme/probe
version: 1.0.0
kind: [adapter, adapter, provider]
api: { min: 3, max: 2 }
runtime: bun
command: [bin/run]
capabilities:
  adapter: {}
  provider: { one: [apply] }
  validator: { probe: [] }
config:
  type: objekt
  propertys: {}
  pattern: "(a+)+b"
  properties: { a: { minimum: low }, b: 3 }
digests: { plugin.yaml: ${"a".repeat(64)} }
`).map((issue) => issue.replace(/ .*/, "")),
  ).toEqual(
    // kind twice, api, runtime without entry, command and its place, no adapter, apply without observe, validators
    "4:17 5:21 6:10 7:1 7:11 8:1 10:20 11:3 11:23 13:9 14:14 15:12 16:31 16:41 17:12".split(" "),
  );
  const unsigned = manifestText({
    more: `signature: { algorithm: ed25519, key: "${"A".repeat(43)}=", value: "${"A".repeat(86)}==" }`,
  });
  expect(issuesOf(unsigned)).toEqual([
    "10:1 /signature a signature without `digests` would say nothing about the files",
  ]);
});

test("a path that could leave the folder is no path", () => {
  for (const entry of [
    "/etc/passwd",
    "../x",
    "a/../b",
    "./a",
    "a//b",
    "a/",
    ".",
    "..",
    "a\\b",
    "''",
    `"a\\0b"`,
  ]) {
    expect([entry, issuesOf(manifestText({ runtime: `runtime: bun\nentry: ${entry}` })).length]).toEqual([
      entry,
      1,
    ]);
  }
  for (const first of ["../run", "./../run", "bin/run", "./", "./a//b", "/a/../b", "/", "''"]) {
    expect([first, issuesOf(manifestText({ runtime: `runtime: exec\ncommand: [${first}]` })).length]).toEqual(
      [first, 1],
    );
  }
});

test("what starts the plugin must be there, and be executable where the system starts it", () => {
  const folder = { has: (name: string) => name === "run", isExecutable: () => false };
  expect(issuesOf(manifestText(), folder)).toEqual([
    "7:8 /entry there is no file `index.ts` in the plugin's folder",
  ]);
  expect(issuesOf(manifestText({ runtime: "runtime: exec\ncommand: [./run]" }), folder)).toEqual([
    "7:11 /command/0 `run` is not executable: chmod +x",
  ]);
});

test("duplicate keys, tags, bombs and empty files are faults", () => {
  expect(issuesOf(`${manifestText()}api: 1\n`)[0]).toStartWith("10:1");
  expect(issuesOf(manifestText({ more: "permissions:\n  net: ['a:1']\n  net: ['b:1']\n" }))[0]).toStartWith(
    "12:3",
  );
  expect(issuesOf(manifestText({ more: "limits: { call_ms: 1, call_ms: 1 }" }))[0]).toStartWith("10:23");
  expect(issuesOf(manifestText({ more: "description: !x y" })).length).toBe(1);
  expect(issuesOf("").length).toBe(1);
  expect(issuesOf("- a\n- b\n").length).toBe(1);
  expect(issuesOf(`${manifestText()}---\n${manifestText()}`).length).toBeGreaterThan(0);
  expect(issuesOf(`${manifestText()}config: { __proto__: { type: object } }`).length).toBeGreaterThan(0);
  expect(issuesOf(`a: ${"[".repeat(100_000)}`).length).toBeGreaterThan(0);
  expect(issuesOf(`config:\n  ${"- ".repeat(100_000)}1`).length).toBeGreaterThan(0);
  expect(issuesOf(`description: ${"x".repeat(limits.pluginManifestBytesMax)}`).length).toBe(1);
});

/** Snippets that the two YAML readers might see differently. */
const snippets = [
  ..."a b x: y: : - [ ] { } , # \" ' | > & * ! % @ ` ~ ? \\ \n \t 0 1 true".split(" "),
  "\n  ",
  "\n    - ",
  ": ",
  " #",
  "'it''s'",
  '"a:b"',
  "0o17",
  "0x1F",
  "1e3",
  "+1",
  ".5",
  "1_000",
  "yes",
  "null",
  "~",
  "2001-01-01",
  "é",
  "\u2028",
  "\ufeff",
  "\r",
  "<<: ",
  "id: acme/other\n",
  "config: {a: 1, a: 2}\n",
  "limits:\n  call_ms: 5\n",
];

test("the quick reader and the strict one never disagree, whatever the text", () => {
  const base = fc.constantFrom(manifestText(), everything, "", "a: 1\n");
  const edit = fc.tuple(
    fc.nat(),
    fc.nat(6),
    fc.oneof(fc.constantFrom(...snippets), fc.string({ unit: "grapheme", maxLength: 4 })),
  );
  fc.assert(
    fc.property(base, fc.array(edit, { maxLength: 4 }), (start, edits) => {
      const text = edits.reduce((so, [at, cut, put]) => {
        const place = at % (so.length + 1);
        return so.slice(0, place) + put + so.slice(place + cut);
      }, start);
      let strict: ReturnType<typeof parseStrictly> | undefined;
      try {
        strict = parseStrictly(text, path);
      } catch (error) {
        if (!(error instanceof AkcError) || error.code !== "PLUGIN_MANIFEST_INVALID") throw error;
        expect(error.issues.length).toBeGreaterThan(0);
      }
      let either: ReturnType<typeof parseManifest> | undefined;
      try {
        either = parseManifest(text, path);
      } catch (error) {
        if (!(error instanceof AkcError)) throw error;
      }
      expect(either?.manifest).toEqual(strict?.manifest);
      expect(either?.signedText()).toBe(strict?.signedText());
    }),
    { numRuns: Number(process.env["AKC_FUZZ_RUNS"] ?? 500) },
  );
}, 600_000);

test("plain manifests take the quick way", () => {
  expect(quickValue(manifestText())).toBeDefined();
  expect(quickValue(everything)).toBeDefined();
});

test("settings are held against the schema, and defaults fill in", () => {
  const { manifest } = parseManifest(everything, path);
  const operator = (settings: Record<string, string | number>) => ({
    path: "/etc/akc/policy.yaml",
    plugins: { settings: new Map([[manifest.id, settings]]) },
  });
  expect(settingsOf(manifest, operator({ url: "https://a" }))).toEqual({ url: "https://a", retries: 3 });
  const issues = (value: Record<string, string | number>) =>
    settingIssues(manifest.config, value, []).map((issue) => issue.message);
  expect(issues({})).toEqual(["`url` is missing"]);
  expect(issues({ url: "", retries: 1.5, retrys: 1 })).toEqual([
    "`url` must have at least 1 characters",
    "`retries` must be of type integer",
    "unknown setting `retrys`; did you mean `retries`?",
  ]);
  expect(() => settingsOf(manifest, undefined)).toThrow(AkcError);
});

test("docs/plugin.schema.json is the schema that reads the file (bun scripts/plugin-schema.ts)", async () => {
  const published = await Bun.file(new URL("../../docs/plugin.schema.json", import.meta.url)).json();
  expect(published).toEqual(JSON.parse(pluginSchemaText()));
});
