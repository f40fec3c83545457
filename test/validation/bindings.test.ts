/** A registry of bindings from the outside: whatever the text, whatever is valid, and what is published of the format. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { bindingsSchemaPath } from "../../scripts/bindings-schema.ts";
import { AkcError } from "../../src/errors.ts";
import { toPlain } from "../../src/json/plain.ts";
import { bindingsSchemaText } from "../../src/validation/bindings/json-schema.ts";
import { loadBindings } from "../../src/validation/bindings/lookup.ts";
import { type Binding, builtinKinds, documentedKinds } from "../../src/validation/bindings/model.ts";
import { writtenForm } from "../../src/validation/bindings/normalise.ts";
import { parseRegistry } from "../../src/validation/bindings/registry.ts";

const root = join(import.meta.dir, "../..");

function read(text: string | Uint8Array, name = "r.yaml"): ReadonlyMap<string, Binding> {
  return parseRegistry({
    bytes: typeof text === "string" ? new TextEncoder().encode(text) : text,
    path: `/r/${name}`,
    kinds: ["disk-space"],
    resolve: (path) => (path.startsWith("/") ? path : `/r/${path}`),
  });
}

/** The bindings, or every issue with its place; anything else that is thrown fails the test. */
function readOrRefuse(text: string | Uint8Array, name: string): ReadonlyMap<string, Binding> | undefined {
  try {
    return read(text, name);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    expect(cause.code).toBe("BINDINGS_INVALID");
    expect(cause.issues.length).toBeGreaterThan(0);
    return undefined;
  }
}

const names = fc.constantFrom("r.yaml", "r.yml", "r.json", "r");

test("whatever the bytes, they are a registry or are refused with a reason", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), names, (bytes, name) => {
      readOrRefuse(bytes, name);
    }),
    { numRuns: 300 },
  );
});

/** Texts made of what registries are made of. */
const fragments = fc.array(
  fc.oneof(
    fc.constantFrom(
      ..."bindings: |schema_kind: validator_bindings|\n|\n  |\n    |  b|: |{|}|[|]|, |kind: |promql_query|logql_query|http_json|command|disk-space|url: http://h/|query: up|headers: |expect: |range: |gte: |1|.inf|~|null|true|*a|&a |!!str |<<: |? |- |\"|'|\\|#|---\n|__proto__: |constructor: |\t|\u0000|\uFEFF|\uD800|%YAML 1.1\n".split(
        "|",
      ),
    ),
    fc.string({ maxLength: 4 }),
  ),
  { maxLength: 40 },
);

test("whatever the text, it is a registry or is refused with a reason", () => {
  fc.assert(
    fc.property(fragments, names, fc.boolean(), (parts, name, begun) => {
      readOrRefuse(`${begun ? "bindings:\n  b:\n    " : ""}${parts.join("")}`, name);
    }),
    { numRuns: 700 },
  );
}, 60_000);

const anyJson = fc.jsonValue({ maxDepth: 4 });
const fields = fc.dictionary(
  fc.constantFrom(
    ..."url query target method timeout_ms query_param headers secret_headers tls_ca_file aggregate expect compare range min_samples max_age consecutive no_data limit tries dry_run pointer equals status body argv workdir platform flow_path journey_id device_id app_id operation apk_path package_name permissions activity artifact_name duration_s bundle_id app_path".split(
      " ",
    ),
    "__proto__",
    "constructor",
    "",
  ),
  fc.oneof(
    anyJson,
    fc.record(
      { gte: anyJson, window: anyJson, step: anyJson, baseline: anyJson, secret: anyJson },
      { requiredKeys: [] },
    ),
  ),
);
const kinds = fc.constantFrom(...documentedKinds, ...builtinKinds, "disk-space", "none", "__proto__");

test("whatever stands in a binding, JSON and YAML say the same about it", () => {
  fc.assert(
    fc.property(kinds, fields, (kind, written) => {
      const registry = { bindings: { b: { kind, ...written } } };
      const ofJson = readOrRefuse(JSON.stringify(registry), "r.json");
      const ofYaml = readOrRefuse(JSON.stringify(registry), "r.yaml");
      expect(ofYaml).toEqual(ofJson);
    }),
    { numRuns: 700 },
  );
}, 60_000);

const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,12}$/);
const time = fc.oneof(
  fc.constantFrom("500ms", "30s", "10m", "1h", "2d", " 5m "),
  fc.integer({ min: 1, max: 1e6 }),
);
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const bound = fc.constantFrom("gte", "gt", "lte", "lt", "eq");
const expectation = fc.tuple(bound, number).map(([name, value]) => ({ [name]: value }));
const common = {
  timeout_ms: fc.oneof(
    fc.integer({ min: 1, max: 3_600_000 }),
    fc.double({ min: 1, max: 1_000, noNaN: true }),
  ),
  tries: fc.integer({ min: 1, max: 10 }),
  dry_run: fc.boolean(),
};
const request = {
  headers: fc
    .dictionary(
      word.map((name) => `X-A-${name}-Z`),
      fc.stringMatching(/^[ -~]{0,8}$/),
      { maxKeys: 2 },
    )
    .map((headers) =>
      Object.fromEntries(Object.entries(headers).map(([name, value], at) => [`${name}${at}`, value])),
    ),
  secret_headers: fc.record({
    Authorization: fc.record({ secret: word, prefix: fc.constantFrom("Bearer ", "Token ") }),
  }),
  target: word.map((text) => ` ${text} `),
  method: fc.constantFrom("get", "GET", "Post"),
};
const url = fc.constantFrom("https://h/api/v1/query", " http://h:9090/x?dedup=true ");

/** Valid bindings of every kind. */
const valid = fc.oneof(
  fc.record(
    {
      kind: fc.constant("promql_query"),
      url,
      query: fc.constantFrom("up", " sum(x) ", "a\n+ b"),
      ...request,
      ...common,
      aggregate: fc.constantFrom("sum", "max", "single"),
      expect: expectation,
      compare: fc.record({ baseline: fc.record({ offset: time }), ratio: expectation }),
      range: fc.record(
        { window: fc.constantFrom("1h", 600_000), step: fc.constantFrom("30s", 15_000) },
        { requiredKeys: ["window"] },
      ),
      min_samples: fc.integer({ min: 1, max: 9 }),
      max_age: time,
      no_data: fc.constantFrom("inconclusive", "fail", "pass"),
    },
    { requiredKeys: ["kind", "url", "query"] },
  ),
  fc.record(
    {
      kind: fc.constant("logql_query"),
      url,
      query: fc.constant('{app="a"}'),
      ...request,
      ...common,
      expect: expectation,
      limit: fc.integer({ min: 1, max: 5_000 }),
    },
    { requiredKeys: ["kind", "url", "query"] },
  ),
  fc.record(
    {
      kind: fc.constant("traceql_query"),
      url,
      query: fc.constantFrom("{}", "{} | rate()"),
      ...request,
      ...common,
      max_age: time,
    },
    { requiredKeys: ["kind", "url", "query"] },
  ),
  fc.record(
    {
      kind: fc.constant("http_json"),
      url,
      ...request,
      ...common,
      pointer: fc.constantFrom("", "/a/~0b", "/0"),
      equals: fc.constantFrom(null, " text ", 0.5, [1, { a: -0 }], true),
      status: fc.array(fc.integer({ min: 100, max: 599 }), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ["kind", "url"] },
  ),
  fc.record(
    {
      kind: fc.constant("command"),
      argv: fc.array(fc.constantFrom(" a ", "", "-x"), { maxLength: 3 }).map((rest) => ["check", ...rest]),
      workdir: fc.constantFrom("w", " ./w "),
      expect: expectation,
      ...common,
    },
    { requiredKeys: ["kind", "argv"] },
  ),
  fc.record(
    {
      kind: fc.constant("maestro_flow"),
      platform: fc.constantFrom("ios", " android "),
      flow_path: fc.constant("f.yaml"),
      app_id: word,
      ...common,
    },
    { requiredKeys: ["kind", "platform", "flow_path"] },
  ),
  fc.record(
    {
      kind: fc.constant("android_helper"),
      operation: fc.constantFrom("screenshot", "logcat_export"),
      artifact_name: word,
      device_id: word,
      ...common,
    },
    { requiredKeys: ["kind", "operation"] },
  ),
  fc.record(
    {
      kind: fc.constant("ios_simulator_helper"),
      operation: fc.constant("record_video"),
      duration_s: fc.integer({ min: 1, max: 60 }),
    },
    { requiredKeys: ["kind", "operation"] },
  ),
  fc.record(
    { kind: fc.constant("disk-space"), own: anyJson.filter(keepsDigits), ...common },
    { requiredKeys: ["kind"] },
  ),
);

test("what is valid is read to the end: written as it was read, it is read as the same", () => {
  fc.assert(
    fc.property(fc.array(valid, { minLength: 1, maxLength: 4 }), fc.boolean(), (bindings, asYaml) => {
      const write = (items: readonly unknown[]) => {
        const registry = { bindings: Object.fromEntries(items.map((item, at) => [`b.${at}`, item])) };
        return asYaml ? stringify(registry) : JSON.stringify(registry);
      };
      const name = asYaml ? "r.yaml" : "r.json";
      const first = [...read(write(bindings), name).values()];
      const second = [...read(write(first.map((binding) => toPlain(writtenForm(binding)))), name).values()];
      expect(second.map(withoutLine)).toEqual(first.map(withoutLine));
    }),
    { numRuns: 400 },
  );
}, 60_000);

test("a registry as large as is allowed is read in seconds, and so is one that is wrong all over", () => {
  const lines = (kind: string) =>
    Array.from(
      { length: 10_000 },
      (_, n) => `  slo.b${n}: {kind: ${kind}, url: "https://h/api/v1/query", query: "sum(x)"}`,
    );
  expect(read(["bindings:", ...lines("promql_query")].join("\n")).size).toBe(10_000);
  expect(() => read(["bindings:", ...lines("promql_qery")].join("\n"))).toThrow(
    "is not valid at line 2, column 18",
  );
  const keys = Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`).join("\n");
  expect(() => read(`${keys}\nbindings: {}`)).toThrow("is not valid");
}, 60_000);

test("docs/validator_bindings.schema.json is the schema that reads the file (bun scripts/bindings-schema.ts)", async () => {
  expect(await Bun.file(bindingsSchemaPath).json()).toEqual(JSON.parse(bindingsSchemaText()));
});

test("the published schema has every kind and closes each", async () => {
  const text = await Bun.file(bindingsSchemaPath).text();
  for (const kind of [...documentedKinds, ...builtinKinds]) expect(text).toContain(`"const": "${kind}"`);
  const { properties } = JSON.parse(text);
  const forms: readonly { readonly additionalProperties?: unknown }[] =
    properties.bindings.additionalProperties.anyOf;
  expect(forms.filter(({ additionalProperties }) => additionalProperties !== false).length).toBe(1);
});

test("the example has a binding of every kind, and is valid", async () => {
  const folder = join(root, "examples/validation");
  const { bindings } = await loadBindings({ path: "validator_bindings.yaml", cwd: folder, kinds: [] });
  const used = new Set([...bindings.values()].map(({ kind }) => kind));
  expect([...used].sort()).toEqual([...documentedKinds, ...builtinKinds].sort());
  for (const { paths } of bindings.values()) {
    for (const { path } of paths) expect(await Bun.file(path).exists()).toBe(true);
  }
  const plugin = await loadBindings({ path: "with-plugin.yaml", cwd: folder, kinds: ["disk-space"] });
  expect(plugin.bindings.get("disk.var")?.settings).toEqual({ path: "/var", min_free_percent: 5 });
});

function withoutLine({ line: _, ...binding }: Binding): Omit<Binding, "line"> {
  return binding;
}

/** A whole number beyond 2^53 is refused: nobody knows any more what was written. */
function keepsDigits(value: unknown): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) || !Number.isInteger(value);
  return typeof value !== "object" || value === null || Object.values(value).every(keepsDigits);
}
