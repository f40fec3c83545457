import { expect, test } from "bun:test";
import { AkcError, type Issue } from "../../errors.ts";
import { toPlain } from "../../json/plain.ts";
import type { Binding } from "./model.ts";
import { parseRegistry } from "./registry.ts";

function read(text: string | Uint8Array, path = "/etc/r/bindings.yaml"): ReadonlyMap<string, Binding> {
  return parseRegistry({
    bytes: typeof text === "string" ? new TextEncoder().encode(text) : text,
    path,
    kinds: ["disk-space"],
    resolve: (written) => `/etc/r/${written.replace("./", "")}`,
  });
}

function issuesOf(text: string | Uint8Array, path?: string): readonly Issue[] {
  try {
    read(text, path);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    expect(cause.code).toBe("BINDINGS_INVALID");
    return cause.issues;
  }
  return [];
}

/** `line:column pointer message` */
function faults(text: string | Uint8Array, path?: string): readonly string[] {
  return issuesOf(text, path).map((issue) => `${issue.line}:${issue.column} ${issue.path} ${issue.message}`);
}

/** Messages about one binding, written in one line. */
function faultsOf(binding: string): readonly string[] {
  return issuesOf(`bindings:\n  b: {${binding}}\n`).map(({ message }) => message);
}

function settingsOf(binding: string): unknown {
  const only = read(`bindings:\n  b: {${binding}}\n`).get("b");
  if (only === undefined) throw new Error("no binding");
  return toPlain(only.settings);
}

const promql = 'kind: promql_query, url: "https://prom.test/api/v1/query", query: up';

test("the documented example is read as documented, every default filled in", () => {
  const bindings = read(`schema_kind: validator_bindings
bindings:
  slo.checkout-5xx: {kind: promql_query, url: "https://prom.acme.test/api/v1/query", query: " sum(x) ", target: prom-eu}
  journey.pay.ios:  {kind: maestro_flow, platform: ios, flow_path: ./flows/pay.yaml, device_id: booted, app_id: test.acme.pay}
  shot.pay.ios:     {kind: ios_simulator_helper, operation: screenshot, artifact_name: pay_fail}
`);
  const [query, flow, shot] = [...bindings.values()];
  expect(query).toMatchObject({ kind: "promql_query", timeoutMs: 5_000, tries: 3, dryRun: false, line: 3 });
  expect(query?.settings).toEqual({
    url: "https://prom.acme.test/api/v1/query",
    query: "sum(x)",
    target: "prom-eu",
    method: "GET",
    timeout_ms: 5_000,
    query_param: "query",
    headers: {},
    aggregate: "single",
    no_data: "inconclusive",
  });
  expect(flow?.paths).toEqual([{ field: "flow_path", path: "/etc/r/flows/pay.yaml" }]);
  expect(flow).toMatchObject({
    timeoutMs: 300_000,
    line: 4,
    settings: { platform: "ios", flow_path: "/etc/r/flows/pay.yaml", journey_id: "journey.pay.ios" },
  });
  expect(shot?.settings).toMatchObject({
    operation: "screenshot",
    device_id: "booted",
    artifact_name: "pay_fail",
  });
});

test("what the binding does not say is its own id, its operation and the documented numbers", () => {
  expect(settingsOf(promql)).toMatchObject({ target: "b" });
  expect(settingsOf("kind: maestro_flow, platform: android, flow_path: f.yaml")).toMatchObject({
    journey_id: "b",
  });
  expect(settingsOf("kind: android_helper, operation: screenrecord")).toMatchObject({
    artifact_name: "screenrecord",
    duration_s: 15,
  });
  expect(settingsOf("kind: android_helper, operation: clear_data, package_name: a.b")).not.toHaveProperty(
    "artifact_name",
  );
  expect(settingsOf('kind: http_json, url: "http://h/"')).toMatchObject({
    method: "GET",
    status: [200],
    pointer: "",
    timeout_ms: 5_000,
  });
  expect(settingsOf("kind: command, argv: [true]".replace("true", '"true"'))).toEqual({
    target: "b",
    argv: ["true"],
    timeout_ms: 30_000,
  });
});

test("every kind and every operation has a binding that is valid", () => {
  const valid = [
    promql,
    'kind: logql_query, url: "http://h/", query: "{a=\\"b\\"}"',
    'kind: traceql_query, url: "http://h/", query: "{}"',
    "kind: maestro_flow, platform: ios, flow_path: f.yaml",
    "kind: android_helper, operation: install, apk_path: a.apk",
    "kind: android_helper, operation: clear_data, package_name: a.b",
    "kind: android_helper, operation: grant_permissions, package_name: a.b, permissions: [android.permission.CAMERA]",
    "kind: android_helper, operation: start_activity, activity: a.b/.Main$Inner",
    "kind: android_helper, operation: screenshot, device_id: emulator-5554, journey_id: pay",
    "kind: android_helper, operation: screenrecord, duration_s: 3",
    "kind: android_helper, operation: logcat_export, artifact_name: log",
    "kind: ios_simulator_helper, operation: boot, device_id: iPhone 15 (2)",
    "kind: ios_simulator_helper, operation: erase",
    "kind: ios_simulator_helper, operation: install_app, app_path: A.app",
    "kind: ios_simulator_helper, operation: launch_app, bundle_id: a.b-c",
    "kind: ios_simulator_helper, operation: screenshot",
    "kind: ios_simulator_helper, operation: record_video, duration_s: 3",
    'kind: http_json, url: "http://h/", equals: null',
    "kind: command, argv: [/bin/true]",
    "kind: disk-space, path: /var, nested: {on: [1, null]}",
  ];
  expect(valid.flatMap(faultsOf)).toEqual([]);
});

test("each missing field that is required is named", () => {
  const missing: readonly (readonly [string, readonly string[]])[] = [
    ["kind: promql_query", ["url", "query"]],
    ["kind: maestro_flow", ["platform", "flow_path"]],
    ["kind: android_helper, operation: install", ["apk_path"]],
    ["kind: android_helper, operation: grant_permissions", ["package_name", "permissions"]],
    ["kind: android_helper, operation: start_activity", ["activity"]],
    ["kind: ios_simulator_helper, operation: install_app", ["app_path"]],
    ["kind: ios_simulator_helper, operation: launch_app", ["bundle_id"]],
    ["kind: http_json", ["url"]],
    ["kind: command", ["argv"]],
    ["url: x", ["kind"]],
  ];
  for (const [binding, fields] of missing) {
    expect([...faultsOf(binding)].sort()).toEqual(fields.map((field) => `\`${field}\` is missing`).sort());
  }
  expect(faultsOf("kind: android_helper")[0]).toStartWith(
    "`operation` is missing: one of install, clear_data",
  );
});

test("all faults of a file are told at once, in the order of the text, with line and column", () => {
  expect(
    faults(`schema_kind: validator_binding
bidings: {}
bindings:
  a/b: {kind: command, argv: [/bin/true]}
  a:
    kind: promql_query
    url: https://prom.test/
    query: up
    timeut_ms: 5
    timeout_ms: true
    tries: "3"
  b: {kind: promql_qery}
  c: 5
  d: {kind: android_helper, operation: screnshot}
`),
  ).toEqual([
    "1:14 /schema_kind `schema_kind` must be validator_bindings",
    "2:1 /bidings unknown key `bidings`; did you mean `bindings`?",
    "4:3 /bindings/a~1b `a/b` must be 1 to 128 letters, digits, `.`, `_` and `-`",
    "9:5 /bindings/a/timeut_ms unknown key `timeut_ms`; did you mean `timeout_ms`?",
    "10:17 /bindings/a/timeout_ms `timeout_ms` must be a number",
    "11:12 /bindings/a/tries `tries` must be a number",
    "12:13 /bindings/b/kind nothing judges bindings of the kind `promql_qery`; did you mean `promql_query`?",
    "13:3 /bindings/c must be a map with `kind`",
    "14:40 /bindings/d/operation `operation` is none of `android_helper`; did you mean `screenshot`?",
  ]);
});

test("every misspelt key in one binding is told, at every depth", () => {
  expect(
    faultsOf(`${promql}, querry: x, expct: {lte: 1}, compare: {baseline: {offst: 1h}, ratio: {let: 1}}`),
  ).toEqual(
    expect.arrayContaining([
      "unknown key `querry`; did you mean `query`?",
      "unknown key `expct`; did you mean `expect`?",
      "unknown key `offst`; did you mean `offset`?",
      "unknown key `let`; did you mean `lte`?",
    ]),
  );
});

test("a key of another kind or operation is told apart from a misspelt one", () => {
  expect(faultsOf(`${promql}, flow_path: x`)[0]).toStartWith(
    "`flow_path` has no meaning for this promql_query; known: ",
  );
  expect(faultsOf("kind: android_helper, operation: screenshot, duration_s: 3")[0]).toStartWith(
    "`duration_s` has no meaning for this android_helper",
  );
});

test("numbers are cut to whole ones, and are no texts and no booleans", () => {
  expect(settingsOf(`${promql}, timeout_ms: 1500.9`)).toMatchObject({ timeout_ms: 1_500 });
  expect(read(`bindings:\n  b: {${promql}, tries: 2.5}`).get("b")?.tries).toBe(2);
  for (const wrong of ["0.9", "0", "-1", "true", '"5"', ".nan", "3600001", ".inf"]) {
    expect(faultsOf(`${promql}, timeout_ms: ${wrong}`).length).toBe(1);
  }
});

test("lengths of time are milliseconds, whatever their unit", () => {
  expect(
    settingsOf(`${promql}, range: {window: 10m, step: 30s}, max_age: 1500, expect: {lt: 1}`),
  ).toMatchObject({
    range: { window: 600_000, step: 30_000 },
    max_age: 1_500,
  });
  for (const wrong of ['"10"', "10x", "1h30m", "-1s", "0s", "400d", "true", "{}"]) {
    expect(faultsOf(`${promql}, max_age: ${wrong}`).length).toBe(1);
  }
});

test("a method is read in any case, and is GET or POST", () => {
  expect(settingsOf(`${promql}, method: post`)).toMatchObject({ method: "POST" });
  expect(faultsOf(`${promql}, method: PUT`)).toEqual(["`method` must be GET or POST"]);
});

test("a credential is never taken from the registry itself", () => {
  const literal = "holds a credential: name it under `secret_headers`";
  for (const name of [
    "Authorization",
    "authorization",
    "Cookie",
    "X-Api-Key",
    "PRIVATE-TOKEN",
    "X-Auth-Token",
    "DD-APPLICATION-KEY",
  ]) {
    expect(faultsOf(`${promql}, headers: {${name}: abc}`)).toEqual([`the header \`${name}\` ${literal}`]);
  }
  expect(faultsOf(`${promql}, headers: {X-Odd: "Bearer abc"}`)[0]).toContain(literal);
  expect(faultsOf(`${promql}, headers: {X-Scope-OrgID: acme, Accept: application/json}`)).toEqual([]);
  const secretUrl = (url: string) => faultsOf(`kind: http_json, url: "${url}"`);
  expect(secretUrl("https://me:pw@h/")).toEqual([
    "`url` must not hold a user or a password: use `secret_headers`",
  ]);
  for (const query of [
    "token=a",
    "api_key=a",
    "X-Amz-Signature=a",
    "q=eyJhbGciOi.eyJzdWI.c2ln",
    "access_token=a",
  ]) {
    expect(secretUrl(`https://h/?${query}`)).toEqual([
      "`url` must not hold a credential in its query: use `secret_headers`",
    ]);
  }
  expect(
    secretUrl("https://h/?dedup=true&timeout=5s&commit=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"),
  ).toEqual([]);
  expect(faultsOf('kind: command, argv: [check, "--password=hunter22"]').length).toBe(1);
  expect(faultsOf('kind: http_json, url: "http://h/", method: POST, body: {password: hunter22}').length).toBe(
    1,
  );
});

test("no fault repeats what could be a secret", () => {
  const secret = "s3cr3t-value-of-mine";
  const said = [
    `${promql}, headers: {Authorization: "Bearer ${secret}"}`,
    `${promql}, headers: {X: "${secret}\\r\\nB: c"}`,
    `kind: http_json, url: "https://me:${secret}@h/?token=${secret}"`,
    `kind: http_json, url: "ftp://${secret}"`,
    `kind: command, argv: [c, "--token=${secret}"]`,
    `${promql}, secret_headers: {Authorization: {secret: "${secret} !"}}`,
    `${promql}, secret_headers: {Authorization: "${secret}"}`,
  ].flatMap(faultsOf);
  expect(said.length).toBeGreaterThan(7);
  expect(said.filter((message) => message.includes(secret))).toEqual([]);
});

test("a header is one line, once, and none that akc sets itself", () => {
  expect(faultsOf(`${promql}, headers: {X: "a\\r\\nB: c"}`)).toEqual([
    "`headers.X` must be one line of Latin-1 text",
  ]);
  expect(faultsOf(`${promql}, headers: {"X y": a}`)).toEqual(["`headers.X y` is not the name of a header"]);
  expect(faultsOf(`${promql}, headers: {Host: h}`)).toEqual(["the header `Host` is set by akc itself"]);
  expect(faultsOf(`${promql}, headers: {X: a, x: b}`)).toEqual([
    "the header `x` is there already; case does not count",
  ]);
  expect(faultsOf(`${promql}, headers: {X: a}, secret_headers: {x: {secret: S}}`).length).toBe(1);
  expect(faultsOf(`${promql}, headers: {__proto__: a}`)).toEqual(["`__proto__` cannot be a key"]);
});

test("secrets are names, each once, and the text before one is kept to the letter", () => {
  const only = read(
    `bindings:\n  b: {${promql}, secret_headers: {Authorization: {secret: TOKEN, prefix: "Bearer "}, X-Other: {secret: TOKEN}, X-Api-Key: {secret: A}}}`,
  ).get("b");
  expect(only?.secrets).toEqual(["A", "TOKEN"]);
  expect(only?.settings["secret_headers"]).toMatchObject({
    Authorization: { secret: "TOKEN", prefix: "Bearer " },
  });
});

test("what is meant letter by letter keeps its blanks", () => {
  expect(settingsOf('kind: command, argv: [check, " a "], equals: " b "')).toMatchObject({
    argv: ["check", " a "],
    equals: " b ",
    pointer: "",
  });
  expect(settingsOf(`kind: http_json, url: " http://h/ ", method: POST, body: " c "`)).toMatchObject({
    url: "http://h/",
    body: " c ",
  });
});

test("what one field means for another is told", () => {
  const rules: readonly (readonly [string, string])[] = [
    [`${promql}, consecutive: 3, expect: {lt: 1}`, "`consecutive` needs `range`"],
    [`${promql}, consecutive: 3, range: {window: 1h}`, "`consecutive` needs `expect`"],
    [`${promql}, compare: {ratio: {lt: 1}}`, "`compare.baseline` is missing"],
    [`${promql}, compare: {baseline: {offset: 1h}}`, "`compare` needs `ratio` or `absolute`"],
    [
      `${promql}, compare: {baseline: {offset: 1h, query: x}, ratio: {lt: 1}}`,
      "`compare.baseline` is either `offset` or `query`",
    ],
    [`${promql}, compare: {baseline: {}, ratio: {lt: 1}}`, "`compare.baseline` needs `offset` or `query`"],
    [`${promql}, expect: {}`, "`expect` needs gte, gt, lte, lt or eq"],
    [`${promql}, expect: {gt: 5, lte: 5}`, "no number meets all of `expect`"],
    [`${promql}, expect: {eq: 5, lt: 4}`, "no number meets all of `expect`"],
    [`${promql}, expect: {gte: "5"}`, "`expect.gte` must be a number"],
    [`${promql}, expect: {gte: .inf}`, "`expect.gte` must be a finite number"],
    [`${promql}, range: {window: 1m, step: 1h}`, "`range.step` must not be longer than `window`"],
    [
      `${promql}, range: {window: 1d, step: 1s}`,
      "`range` asks for 86401 points of each series; at most 11000 are answered",
    ],
    [`${promql}, limit: 3`, "`limit` has no meaning for this promql_query"],
    [
      'kind: logql_query, url: "http://h/", query: "rate({a=\\"b\\"}[1m])", limit: 3',
      "`limit` has a meaning only for log lines",
    ],
    [
      'kind: logql_query, url: "http://h/", query: "{a=\\"b\\"}", aggregate: sum',
      "`aggregate` needs a metrics query, and this is a query for log lines",
    ],
    [
      'kind: http_json, url: "http://h/", equals: 1, expect: {lt: 2}',
      "`expect` and `equals` exclude each other",
    ],
    ['kind: http_json, url: "http://h/", body: {}', "`body` needs `method: POST`"],
    [
      'kind: http_json, url: "http://h/", tls_ca_file: ca.pem',
      "`tls_ca_file` has a meaning only for https://",
    ],
    [
      'kind: http_json, url: "http://h/", pointer: a/b',
      "`pointer` must be a JSON pointer such as /data/value",
    ],
    [
      'kind: http_json, url: "http://h/", equals: 12345678901234567890',
      "`equals` holds a number of more digits than are kept",
    ],
    ['kind: http_json, url: "http://h/", equals: .nan', "`equals` must hold values that JSON can write"],
    [
      "kind: command, argv: [./check.sh]",
      "`argv` must begin with an absolute path or a name without slashes",
    ],
    ["kind: command, argv: []", "`argv` needs at least a program"],
    [
      "kind: android_helper, operation: screenrecord, duration_s: 20, timeout_ms: 20000",
      "`timeout_ms` must be longer than what is recorded",
    ],
    [
      "kind: android_helper, operation: screenshot, artifact_name: a/b",
      "`artifact_name` must not hold `/` or `\\`",
    ],
    [
      "kind: android_helper, operation: screenshot, artifact_name: ..",
      "`artifact_name` must not be `.` or `..`",
    ],
    ["kind: android_helper, operation: screenshot, device_id: -s", "`device_id` must not begin with `-`"],
    [
      'kind: android_helper, operation: clear_data, package_name: "a.b; reboot"',
      "`package_name` must be the name of a package",
    ],
    [
      "kind: maestro_flow, platform: ios, flow_path: ~root/f.yaml",
      "`flow_path` must not begin with `~` and a name",
    ],
    ["kind: disk-space, tries: 99", "`tries` must be at most 10"],
    ["kind: disk-space, free: .inf", "`free` must hold values that JSON can write"],
  ];
  for (const [binding, message] of rules) {
    const said = faultsOf(binding);
    expect([said.length, said[0]?.slice(0, message.length)]).toEqual([1, message]);
  }
});

test("a search for traces gates on existence alone, and has a limit", () => {
  const search = 'kind: traceql_query, url: "http://h/", query: "{ .rate = 1 } | count() > 2"';
  expect(settingsOf(search)).toMatchObject({ limit: 20 });
  expect(settingsOf(search)).not.toHaveProperty("aggregate");
  for (const any of ["gte: 1", "gt: 0", "eq: 0", "lte: 0", "lt: 1"])
    expect(faultsOf(`${search}, expect: {${any}}`)).toEqual([]);
  for (const many of ["gte: 2", "lte: 5", "gte: 1, lte: 5", "eq: 1"]) {
    expect(faultsOf(`${search}, expect: {${many}}`)[0]).toStartWith(
      "`expect` of a search can only ask whether",
    );
  }
  for (const field of [
    "min_samples: 1",
    "aggregate: sum",
    "compare: {baseline: {offset: 1h}, ratio: {lt: 1}}",
  ]) {
    expect(faultsOf(`${search}, ${field}`)[0]).toContain("needs a metrics query");
  }
  const metrics = 'kind: traceql_query, url: "http://h/", query: "{} | rate()"';
  expect(
    faultsOf(`${metrics}, expect: {gte: 2}, aggregate: sum, range: {window: 1h, step: 1m}, consecutive: 2`),
  ).toEqual([]);
  expect(faultsOf(`${metrics}, expect: {gte: 2}, range: {window: 1h}, consecutive: 2`)).toEqual([
    "`consecutive` needs `range.step`",
  ]);
});

test("a kind is known because akc or a plugin that was handed in knows it", () => {
  const only = read("bindings:\n  d: {kind: disk-space, path: ' /var ', timeout_ms: 9, dry_run: true}").get(
    "d",
  );
  // What is the plugin's own stays to the letter.
  expect(only).toMatchObject({
    timeoutMs: 9,
    dryRun: true,
    settings: { path: " /var " },
    paths: [],
    secrets: [],
  });
  expect(only?.settings).toEqual({ path: " /var " });
  expect(faultsOf("kind: disk-spce")[0]).toEndWith("did you mean `disk-space`?");
  expect(faultsOf("kind: constructor").length).toBe(1);
});

test("YAML is 1.2: words stay words, a repeated key is a fault, a bomb goes off nowhere", () => {
  expect(
    read("bindings:\n  d: {kind: disk-space, on: yes, no: 0777, at: 2020-01-01}").get("d")?.settings,
  ).toEqual({
    on: "yes",
    no: 777,
    at: "2020-01-01",
  });
  expect(faults("bindings: {}\nbindings: {}")).toEqual(["2:1  Map keys must be unique"]);
  expect(faults('bindings: {d: {kind: disk-space, 1: a, "1": b}}')).toEqual([
    "1:40  Map keys must be unique",
  ]);
  expect(faults("bindings: {d: {kind: disk-space, ? [a] : b}}")).toEqual(["1:36  a key must be a word"]);
  const bomb = [
    "a: &a [x, x]",
    ...Array.from(
      { length: 30 },
      (_, n) => `b${n}: &b${n} [*${n === 0 ? "a" : `b${n - 1}`}, *${n === 0 ? "a" : `b${n - 1}`}]`,
    ),
  ];
  expect(faults(bomb.join("\n"))[0]).toContain("Excessive alias count");
  expect(faults("bindings: !!binary aGk=").length).toBe(1);
  expect(faults("bindings: {}\n---\nbindings: {}").length).toBe(1);
  expect(faults(`bindings: ${"[".repeat(50_000)}`).length).toBeGreaterThan(0);
});

test("what is no registry is told in one line", () => {
  expect(faults("")).toEqual(["1:1  the file is empty: it needs at least `bindings: {}`"]);
  expect(faults("# nothing\n")).toEqual(["1:1  the file is empty: it needs at least `bindings: {}`"]);
  expect(faults("[]")).toEqual(["1:1  the file must be a map"]);
  expect(faults("{}")).toEqual(["1:1 /bindings `bindings` is missing"]);
  expect(faults("bindings:\n")).toEqual(["1:10 /bindings `bindings` must be a map"]);
  expect(faults("bindings: {}\nschema_version: 2")).toEqual([
    "2:17 /schema_version `schema_version` must be at most 1",
  ]);
  expect(faults("bindings: {}\nschema_version: true")).toEqual([
    "2:17 /schema_version `schema_version` must be a number",
  ]);
  expect(faults("bindings:\n\ta: 1\n")[0]).toContain("Tabs are not allowed as indentation");
  expect(faults("\uFEFFbindings: {}")).toEqual(["1:1  the text begins with a byte-order mark"]);
  expect(faults(Uint8Array.of(0x62, 0x0a, 0xff))[0]).toStartWith("2:1  ");
  expect(read("bindings: {}").size).toBe(0);
  expect(read("bindings: {}\r\nschema_version: 1\r\n").size).toBe(0);
});

test("a file of another name is JSON, and strictly", () => {
  const path = "/etc/r/bindings.json";
  expect(read('{\n\t"bindings": {"d": {"kind": "disk-space"}}\n}', path).get("d")?.line).toBe(2);
  expect(faults("bindings: {}", path)[0]).toStartWith("1:1  the text is not JSON");
  expect(faults('{"bindings": {},}', path)[0]).toStartWith("1:17  the text is not JSON");
  expect(faults('{"bindings": {}, "bindings": {}}', path)[0]).toStartWith("1:18 ");
  expect(faults('{"bindings": {"d": {"kind": "x"}}}', path)[0]).toStartWith(
    "1:29 /bindings/d/kind nothing judges",
  );
});

test("no more bindings than are allowed", () => {
  const many = Array.from({ length: 10_001 }, (_, n) => `  b${n}: {kind: disk-space}`);
  expect(faults(["bindings:", ...many].join("\n"))).toEqual([
    "1:1 /bindings `bindings` has 10001 entries; at most 10000 are read",
  ]);
}, 30_000);
