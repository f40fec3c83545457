import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { parseOperatorPolicy } from "./operator.ts";

const path = "/etc/akc/policy.yaml";
const issuesOf = (text: string): readonly string[] => {
  try {
    parseOperatorPolicy(text, path);
  } catch (error) {
    if (!(error instanceof AkcError) || error.code !== "POLICY_FILE_INVALID") throw error;
    expect(error.details["path"]).toBe(path);
    return error.issues.map(({ line, column, path: at, message }) => `${line}:${column} ${at} ${message}`);
  }
  throw new Error("the file was accepted");
};

test("a file that says everything is read whole", () => {
  const policy = parseOperatorPolicy(
    `# everything
schema: akc.policy/v1
allow_actions: [runtime.event.consume, runtime.action.dispatch]
deny_actions: [runtime.action.retry]
subprocess: [/usr/bin/tar, /bin/sh]
http: ["https://api.example.com/v1", 10.0.0.5]
providers: [in_memory]
containment: landlock
require_effects: true
strict_intent_authority: false
read_only_roots: [/, /opt/data]
policies:
  pol.one: { allow_actions: [], deny_actions: [service.reconcile.apply] }
  pol two: { acknowledge: true }
plugins:
  trust: signed
  signers: { acme: "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
  allow: ["acme/*", other/one]
  deny: [acme/bad]
  grants:
    acme/scanner: { net: ["*.example.com:443", "[::1]:*"], read: [/srv], write: [/srv/out], run: [/usr/bin/tar], env: [LANG], secrets: [token] }
    acme/quiet: {}
  settings: { acme/scanner: { depth: 2, tags: [a, null] } }
  containment: none
limits: { run_seconds: 0.5, action_seconds: 2, actions_in_flight: 3, output_bytes: 4, memory_bytes: 5, processes: 6, open_files: 7, file_bytes: 8 }
`,
    path,
  );
  expect(policy).toEqual({
    path,
    allowActions: ["runtime.event.consume", "runtime.action.dispatch"],
    denyActions: ["runtime.action.retry"],
    subprocess: ["/usr/bin/tar", "/bin/sh"],
    http: ["https://api.example.com/v1", "10.0.0.5"],
    providers: ["in_memory"],
    containment: "landlock",
    requireEffects: true,
    strictIntentAuthority: false,
    readOnlyRoots: ["/", "/opt/data"],
    policies: new Map([
      ["pol.one", { allowActions: [], denyActions: ["service.reconcile.apply"] }],
      ["pol two", { acknowledge: true }],
    ]),
    plugins: {
      trust: "signed",
      signers: new Map([["acme", "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]]),
      allow: ["acme/*", "other/one"],
      deny: ["acme/bad"],
      grants: new Map([
        [
          "acme/scanner",
          {
            net: ["*.example.com:443", "[::1]:*"],
            read: ["/srv"],
            write: ["/srv/out"],
            run: ["/usr/bin/tar"],
            env: ["LANG"],
            secrets: ["token"],
          },
        ],
        ["acme/quiet", {}],
      ]),
      settings: new Map([["acme/scanner", { depth: 2, tags: ["a", null] }]]),
      containment: "none",
    },
    limits: {
      runSeconds: 0.5,
      actionSeconds: 2,
      actionsInFlight: 3,
      outputBytes: 4,
      memoryBytes: 5,
      processes: 6,
      openFiles: 7,
      fileBytes: 8,
    },
  });
});

test("what a plugin may touch is written exactly, or refused at its place", () => {
  expect(
    issuesOf(`schema: akc.policy/v1
plugins:
  trust: sometimes
  signers: { acme: "ed25519:short" }
  allow: ["*", Acme/x]
  grants:
    scanner: {}
    acme/scanner:
      net: [example.com, "EXAMPLE.com:1", "a:0", "a:65536", "a.*:1", "https://a:1"]
      read: [relative, /a/../b, /a/]
      run: [docker]
      env: ["A=B"]
      secret: [x]
    __proto__: {}
  settings: { acme/scanner: { big: .inf } }
  containment: some
`).map((issue) => issue.replace(/ .*/, "")),
  ).toEqual(
    "3:10 4:20 5:11 5:16 7:5 9:13 9:26 9:43 9:50 9:61 9:70 10:14 10:24 10:33 11:13 12:13 13:7 14:5 15:29 16:16".split(
      " ",
    ),
  );
});

test("the least file narrows nothing", () => {
  expect(parseOperatorPolicy("schema: akc.policy/v1", path)).toEqual({ path });
});

test("every fault is reported with its line and column, and a misspelt word with the right one", () => {
  expect(
    issuesOf(`schema: akc.policy/v2
alow_actions: [runtime.action.retry]
deny_actions:
  - runtime.action.dispatch
  - service.reconcile.aply
subprocess:
  - /usr/bin/tar
  - tar
  - /usr/../bin/sh
containment: none
policies:
  p1: {}
  p2: { acknowledge: false }
  p3: { deny_action: [] }
limits:
  run_second: 3
  processes: 1.5
  open_files: 0
  nothing_like_it: 1
`),
  ).toEqual([
    "1:9 /schema `schema` must be akc.policy/v1",
    "2:1 /alow_actions unknown key `alow_actions`; did you mean `allow_actions`?",
    "5:5 /deny_actions/1 `service.reconcile.aply` is not one of the policy's actions; did you mean `service.reconcile.apply`?",
    "8:5 /subprocess/1 `subprocess.1` must be an absolute path without '.', '..' or a slash at the end",
    "9:5 /subprocess/2 `subprocess.2` must be an absolute path without '.', '..' or a slash at the end",
    "10:14 /containment `containment` must be limits or landlock: an operator's file cannot ask for less",
    "12:7 /policies/p1 `policies.p1` needs allow_actions, deny_actions or acknowledge: true",
    "13:22 /policies/p2/acknowledge `policies.p2.acknowledge` can only be true; leave it out otherwise",
    "14:9 /policies/p3/deny_action unknown key `deny_action`; did you mean `deny_actions`?",
    "16:3 /limits/run_second unknown key `run_second`; did you mean `run_seconds`?",
    "17:14 /limits/processes `limits.processes` must be a whole number",
    "18:15 /limits/open_files `limits.open_files` must be at least 1",
    "19:3 /limits/nothing_like_it unknown key `nothing_like_it`; known: run_seconds, action_seconds, actions_in_flight, output_bytes, memory_bytes, processes, open_files, file_bytes",
  ]);
});

test("what YAML would let pass is a fault too", () => {
  const first = (text: string) => issuesOf(text)[0] ?? "";
  expect(first("")).toContain("1:1  the file is empty");
  expect(first("# only words\n")).toContain("the file is empty");
  expect(first("require_effects: true")).toContain("`schema` is missing");
  expect(first("- a")).toContain("the file must be a map");
  expect(first("schema: akc.policy/v1\nschema: akc.policy/v1")).toStartWith("2:1 ");
  expect(first("schema: akc.policy/v1\nhttp: !secret [a]")).toStartWith("2:7 ");
  expect(first("schema: akc.policy/v1\nhttp: !!binary aGk=")).toStartWith("2:7 ");
  expect(first("schema: akc.policy/v1\n---\nschema: akc.policy/v1")).toContain("multiple documents");
  expect(first("schema: [akc")).toStartWith("1:");
  expect(first("schema: akc.policy/v1\nlimits: []")).toBe("2:9 /limits `limits` must be a map");
  expect(first("schema: akc.policy/v1\npolicies: [a]")).toBe("2:11 /policies `policies` must be a map");
  expect(first("schema: akc.policy/v1\npolicies: { p: [] }")).toBe(
    "2:16 /policies/p `policies.p` must be a map",
  );
  expect(first("schema: akc.policy/v1\n? [a]\n: b")).toContain("a key must be a word");
  expect(first("schema: akc.policy/v1\nhttp: example.com")).toBe("2:7 /http `http` must be a list of texts");
  expect(first("schema: akc.policy/v1\nrequire_effects: yes")).toContain("must be true or false");
  expect(first("schema: akc.policy/v1\nallow_actions:")).toContain("must be a list of actions");
});

test("one fault is one issue", () => {
  expect(issuesOf("schema: akc.policy/v1\nlimits: 3")).toEqual(["2:9 /limits `limits` must be a map"]);
  expect(issuesOf("schema: akc.policy/v1\npolicies: [a]")).toHaveLength(1);
  expect(issuesOf("just words")).toHaveLength(1);
});

test("an alias is followed, also by the places", () => {
  const text = (limit: string) => `schema: akc.policy/v1
policies:
  p1: &calm { deny_actions: [${limit}] }
  p2: *calm
`;
  const resolution = { denyActions: ["runtime.action.retry"] };
  expect(parseOperatorPolicy(text("runtime.action.retry"), path).policies).toEqual(
    new Map([
      ["p1", resolution],
      ["p2", resolution],
    ]),
  );
  expect(issuesOf(text("retry")).map((issue) => issue.split(" ", 2).join(" "))).toEqual([
    "3:30 /policies/p1/deny_actions/0",
    "3:30 /policies/p2/deny_actions/0",
  ]);
});

test("no policy id is dropped without a word", () => {
  for (const id of ["constructor", "prototype", "__proto__"]) {
    expect(issuesOf(`schema: akc.policy/v1\npolicies: { ${id}: { acknowledge: true } }`)).toEqual([
      `2:13 /policies/${id} \`${id}\` is not a policy id`,
    ]);
  }
});

test("a bomb, an abyss and a flood end as faults, not as crashes", () => {
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0
      ? `x0: &a0 [0]`
      : `x${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(", ")}]`,
  );
  expect(issuesOf(`schema: akc.policy/v1\n${bomb.join("\n")}`).length).toBeGreaterThan(0);
  expect(issuesOf(`http: ${"[".repeat(100_000)}`).length).toBeGreaterThan(0);
  expect(issuesOf(`# ${"x".repeat(limits.yamlTextBytesMax)}`)[0]).toContain("at most 1048576 are read");
  const many = Array.from({ length: 200 }, (_, i) => `k${i}: 1`).join("\n");
  expect(issuesOf(`schema: akc.policy/v1\n${many}`)).toHaveLength(limits.issuesShownMax);
});

test("whatever the text, the answer is a policy or POLICY_FILE_INVALID with places", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom(
      "schema: akc.policy/v1\n",
      "limits:\n",
      "  ",
      "- ",
      ": ",
      "&a ",
      "*a",
      "!!x ",
      "[",
      "{",
      "? ",
      "|\n",
    ),
    fc.constantFrom("http", "policies", "deny_actions", "/bin/sh", "acknowledge: true"),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        expect(parseOperatorPolicy(pieces.join(""), path).path).toBe(path);
      } catch (error) {
        if (!(error instanceof AkcError)) throw error;
        expect(error.code).toBe("POLICY_FILE_INVALID");
        expect(error.issues.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 1_000 },
  );
});
