/** The kit is only worth what it finds: plugins with one fault each, and the check that must find it. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ScaffoldKind, scaffoldFiles } from "../../src/cli/plugin/scaffold.ts";
import { conformance, faults } from "./conforming.ts";

const parent = mkdtempSync(join(tmpdir(), "akc-test-kit-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
let made = 0;

/** The Python plugin of `akc plugin new`, with one thing put in place of another. */
function pluginWith(kind: ScaffoldKind, right: string, wrong: string, file = "main.py"): string {
  made += 1;
  const folder = join(parent, String(made));
  mkdirSync(folder);
  for (const { name, text } of scaffoldFiles({
    id: "acme/one",
    kind,
    language: "python",
    directory: folder,
  })) {
    // Small times: some of these faults are that nothing comes.
    const bounded =
      name === "plugin.yaml" ? `${text}limits: { start_ms: 2000, call_ms: 2000, stop_ms: 700 }\n` : text;
    if (name === file) expect(bounded).toContain(right);
    writeFileSync(join(folder, name), name === file ? bounded.replace(right, () => wrong) : bounded);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

interface Fault {
  readonly is: string;
  readonly kind?: ScaffoldKind;
  readonly right: string;
  readonly wrong: string;
  /** The first check that must not hold. */
  readonly check: string;
  readonly file?: string;
}

const sending = 'sys.__stdout__.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")';
const executing = 'return {"status": "succeeded", "outputs": {"greeting": f"hello, {given[\'name\']}"}}';

const known: readonly Fault[] = [
  { is: "exits at once", right: "settings = {}", wrong: "sys.exit(3)", check: "handshake" },
  {
    is: "never answers",
    right: "for line in sys.stdin:",
    wrong: "for line in iter(input, None): continue\nfor line in []:",
    check: "handshake",
  },
  {
    is: "says that it is another",
    right: '"plugin": params["plugin"]',
    wrong: '"plugin": {"id": "acme/two", "version": "0.1.0"}',
    check: "handshake",
  },
  {
    is: "offers more than its manifest",
    right: '{"capabilities": []}',
    wrong: '{"capabilities": ["recover"]}',
    check: "offers are those of the manifest",
  },
  {
    is: "accepts any protocol",
    right: 'if PROTOCOL not in params["protocol"]["majors"]:',
    wrong: "if False:",
    check: "a protocol that it does not speak",
  },
  {
    is: "answers what it does not know",
    right: "elif method not in handlers:",
    wrong:
      "elif method not in handlers and send(id=id, result={}) is None:\n        pass\n    elif method not in handlers:",
    check: "a method that does not exist",
  },
  {
    is: "dies of what is not JSON",
    right: "except ValueError:",
    wrong: "except MemoryError:",
    check: "a line that is not JSON",
  },
  {
    is: "dies of what is not JSON-RPC",
    right: "if not isinstance(message, dict):",
    wrong: "if False:",
    check: "JSON that is not JSON-RPC",
  },
  {
    is: "answers shutdown and stays",
    right: "os._exit(0)",
    wrong: "pass",
    check: "shutdown: answers, then ends",
  },
  {
    is: "ends with a failure",
    right: "os._exit(0)",
    wrong: "os._exit(1)",
    check: "shutdown: answers, then ends",
  },
  {
    is: "prints to stdout",
    right: "sys.stdout = sys.stderr",
    wrong: 'print("ready")',
    check: "stdout holds nothing but the protocol",
  },
  {
    is: "answers twice",
    right: sending,
    wrong: `${sending}\n        if message.get("id") and "result" in message: ${sending}`,
    check: "stdout holds nothing but the protocol",
  },
  {
    is: "makes a result without status",
    right: executing,
    wrong: 'return {"outputs": {}}',
    check: "one: greets",
  },
  { is: "does not do what its case says", right: "hello,", wrong: "good-bye,", check: "one: greets" },
  {
    is: "does something else the second time",
    right: executing,
    wrong: `global times\n    times += 1\n    ${executing.replace('"outputs": {', '"outputs": {"times": times, ')}\n\n\ntimes = 0`,
    check: "one: the same idempotency key twice",
  },
  {
    is: "does not hear that it is cancelled",
    right: "if cancelled.wait(",
    wrong: "if threading.Event().wait(",
    check: "one: cancelled while it works",
  },
  {
    is: "takes nothing for something",
    right: 'given = params["settings"]\n    params["action"]["idempotency_key"]',
    wrong: 'given = params.get("settings", {"name": "x"})',
    check: "one: adapter/execute without params",
  },
  {
    kind: "provider",
    is: "changes again under one key",
    right: '"version": version,',
    wrong: '"version": version + str(os.stat(path).st_mtime_ns),',
    check: "one: a note: apply again under the same key",
  },
  {
    kind: "provider",
    is: "heeds no version",
    right: "if expected is not None and",
    wrong: "if False and",
    check: "one: a note: apply of a version that has passed",
  },
  {
    kind: "provider",
    is: "tells what it was told and not what stands",
    right: "file.write(content)",
    wrong: 'file.write("other")',
    check: "one: a note: apply",
  },
  {
    kind: "provider",
    is: "deletes nothing",
    right: "os.remove(place)",
    wrong: "pass",
    check: "one: a note: delete, and again",
  },
  {
    kind: "provider",
    is: "goes back to nowhere",
    right: '"provider/rollback": apply',
    wrong: '"provider/rollback": lambda params, cancelled: look(params["resource"]["resource_id"])',
    check: "one: a note: rollback",
  },
  {
    kind: "validator",
    is: "passes what it does not know",
    right: 'raise Failure("that kind is not judged here", INVALID)',
    wrong: 'return {"verdict": "pass"}',
    check: "one: a binding of another kind",
  },
  {
    kind: "validator",
    is: "knows a verdict of its own",
    right: '"verdict": "fail"',
    wrong: '"verdict": "bad"',
    check: "one: a long queue",
  },
];

describe("the kit finds a plugin that", () => {
  for (const { is, kind = "adapter", right, wrong, check, file } of known) {
    test(is, async () => {
      const result = await conformance(pluginWith(kind, right, wrong, file));
      expect(result.conforms).toBe(false);
      expect(result.rows.find(({ verdict }) => verdict === "fail")?.check).toBe(check);
    }, 60_000);
  }
});

test("the plugin without any of these faults conforms under the same small times", async () => {
  expect(faults(await conformance(pluginWith("adapter", executing, executing)))).toEqual([]);
}, 60_000);

test("a test leaves no process and no file behind, whatever the plugin does", async () => {
  const note = join(parent, "pid");
  const folder = pluginWith(
    "adapter",
    'settings.update(params["config"])',
    `settings.update(params["config"]); import subprocess; open("${note}", "a").write(str(subprocess.Popen(["sleep", "600"], start_new_session=True).pid) + "\\n")`,
  );
  const manifest = join(folder, "plugin.yaml");
  writeFileSync(
    manifest,
    `${readFileSync(manifest, "utf8")}permissions: { run: [sleep], write: [${note}] }\n`,
  );
  writeFileSync(note, "");
  await conformance(folder);
  const pids = readFileSync(note, "utf8").trim().split("\n");
  expect(pids.length).toBeGreaterThan(1);
  expect(
    pids.filter(
      (pid) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")),
    ),
  ).toEqual([]);
}, 60_000);

test("cases that are not right are refused at their place", async () => {
  const folder = pluginWith("adapter", "slow: true", "slwo: true", "plugin.test.yaml");
  expect(conformance(folder)).rejects.toMatchObject({
    code: "PLUGIN_CASES_INVALID",
    issues: [{ line: expect.any(Number), message: expect.stringContaining("slwo") }],
  });
});

describe("a validator on a recorded world", () => {
  const manifest = `schema: akc.plugin/v1
id: acme/probe
version: 1.0.0
kind: validator
api: 1
runtime: bun
entry: index.ts
capabilities: { validator: { probe: [probe] } }
permissions: { net: ["*:*"], run: [no-such-helper] }
`;
  const source = `import { definePlugin, isPluginError, truncatedHeader } from "akc/sdk";
export default definePlugin({ validators: { probe: { bindingKinds: ["probe"], async validate({ binding, evaluatedAtMs, bindingId, timeoutMs }, call) {
  if (binding.url === undefined) return { verdict: "error", reason: "malformed" };
  try {
    const response = await call.fetch(binding.url, { method: "POST", body: "ask" });
    const end = await call.run(["no-such-helper", "--json"], { timeoutMs: 1000 });
    const made = await call.readMade("film");
    return { verdict: end.exitCode === 0 ? "pass" : "fail",
      observed: { status: response.status, cut: response.headers.has(truncatedHeader), said: new TextDecoder().decode(end.stdout),
        at: evaluatedAtMs, named: bindingId !== "" && timeoutMs > 0 },
      evidence: { made: made.length },
      attachments: [{ name: "film", mediaType: "video/mp4", bytes: made }, { name: "note", mediaType: "text/plain", bytes: new Uint8Array(3) }] };
  } catch (cause) {
    if (isPluginError(cause) && cause.code === "HTTP_TIMEOUT") return { verdict: "error", reason: "timeout" };
    throw cause;
  }
} } } });
`;
  const recorded = `
      binding: { url: "http://a.example/q" }
      evaluated_at_ms: 1234
      exchanges:
        - { http: "http://a.example/q", method: post, request_body: ask, status: 207, body_file: recorded/answer, truncated: true }
        - { tool: [no-such-helper, --json], stdout: "two\\nlines" }
        - { file: film, content_file: recorded/film }
`;
  const cases = (more: string) => `validators:
  probe:
    - name: sees
      binding_kind: probe${recorded}${more}
    - name: times out
      binding_kind: probe
      binding: { url: "http://a.example/q" }
      exchanges: [{ http: "http://a.example/q", method: POST, error: HTTP_TIMEOUT }]
      expect: { verdict: error, reason: timeout }
`;
  const expected = `      expect:
        verdict: pass
        observed: { status: 207, cut: true, said: "two\\nlines", at: 1234, named: true }
        evidence: { made: 300000 }
        attachments: [film, note]
`;
  function probe(text: string): string {
    made += 1;
    const folder = join(parent, String(made));
    mkdirSync(join(folder, "recorded"), { recursive: true });
    writeFileSync(join(folder, "plugin.yaml"), manifest);
    writeFileSync(join(folder, "index.ts"), source);
    writeFileSync(join(folder, "recorded", "answer"), "{}");
    writeFileSync(join(folder, "recorded", "film"), new Uint8Array(300_000));
    writeFileSync(join(folder, "plugin.test.yaml"), text);
    return folder;
  }

  test("needs neither the network nor the programs that it asks for", async () => {
    const result = await conformance(probe(cases(expected)));
    expect(faults(result)).toEqual([]);
    expect(result.rows.map(({ check }) => check)).toContain("probe: sees");
  }, 60_000);

  const wrong: readonly [string, string, string][] = [
    [
      "asks for what is not recorded",
      cases(expected).replace("no-such-helper, --json", "no-such-helper, --yaml"),
      "no (further) exchange",
    ],
    [
      "sends another body",
      cases(expected).replace("request_body: ask", "request_body: tell"),
      "no (further) exchange",
    ],
    [
      "leaves an exchange over",
      cases(`        - { file: other, content: x }\n${expected}`),
      "did not ask for the file other",
    ],
    ["attaches something else", cases(expected.replace("[film, note]", "[film]")), "attachments"],
  ];
  for (const [what, text, why] of wrong) {
    test(`is found out when it ${what}`, async () => {
      const [fault] = faults(await conformance(probe(text)));
      expect(fault).toContain("probe: sees");
      expect(fault).toContain(why);
    }, 60_000);
  }

  const refused: readonly [string, string][] = [
    ["7", "must be a map"],
    ["{ http: not-a-url }", "must be a URL"],
    ["{ socket: x }", "must have one of http, tool, file"],
    ["{ tool: [a], stdin: x }", "must not have stdin"],
    ["{ file: a, content_file: ../../etc/passwd }", "below the plugin's folder"],
    ["{ file: a, content_file: /etc/passwd }", "below the plugin's folder"],
    ["{ file: a, content_file: recorded }", "is not a regular file"],
    ["{ file: a, content: x, content_file: recorded/film }", "only one"],
  ];
  for (const [exchange, why] of refused) {
    test(`is refused at its place: ${exchange}`, async () => {
      const text = `validators: { probe: [{ name: x, binding_kind: probe, exchanges: [${exchange}] }] }`;
      const cause: unknown = await conformance(probe(text)).catch((error: unknown) => error);
      expect(cause).toMatchObject({ code: "PLUGIN_CASES_INVALID" });
      const { message, issues } = Object(cause);
      expect(`${message} ${JSON.stringify(issues)}`).toContain(why);
    });
  }
});
