/**
 * Bad input to the built binary: every fault of a bundle, a path, a flag or a policy ends with its own code and a hint,
 * before anything is written where it can be known before, and with nothing left running where it cannot.
 */
import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { type BundleBuilder, bundle, edge, exec, get, noop, runId, sh, sha256Of } from "./bundle.ts";
import { expectError, expectOutcome, filesBelow, inWorld, jsonObject, type World } from "./world.ts";

const oneStep = bundle().step("a", sh("touch made"));
const document = oneStep.document();
const bundlePath = `.akc/runtime/${runId}.runtime_bundle.json`;

describe("a file that is no bundle is refused, and nothing is written", () => {
  const wrong = JSON.stringify(document);
  test.each<[string, string | Uint8Array, ErrorCode]>([
    ["empty", "", "JSON_SYNTAX"],
    ["blank", " \n\n", "JSON_SYNTAX"],
    ["cut off", wrong.slice(0, -40), "JSON_SYNTAX"],
    ["followed by more", `${wrong}{}`, "JSON_SYNTAX"],
    ["with a comment", `// release\n${wrong}`, "JSON_SYNTAX"],
    ["binary", new Uint8Array([0, 1, 2, 255, 254]), "JSON_NOT_UTF8"],
    ["UTF-16", Buffer.from(`\ufeff${wrong}`, "utf16le"), "JSON_NOT_UTF8"],
    ["with a byte-order mark", `\ufeff${wrong}`, "JSON_NOT_UTF8"],
    ["with a key twice", wrong.replace("{", '{"run_id":"run-2",'), "JSON_DUPLICATE_KEY"],
    ["with half a surrogate pair", wrong.replace('"acme"', '"\\ud800"'), "JSON_LONE_SURROGATE"],
    ["with NaN", wrong.replace("4", "NaN"), "JSON_NOT_FINITE"],
    ["with an overflowing number", wrong.replace("4", "1e999"), "JSON_NOT_FINITE"],
    ["with an endless number", wrong.replace("4", "9".repeat(5_000)), "JSON_TOO_LARGE"],
    ["nested without end", "[".repeat(200_000), "JSON_TOO_DEEP"],
    ["an array", "[]", "BUNDLE_NOT_OBJECT"],
    ["null", "null", "BUNDLE_NOT_OBJECT"],
    [
      "of nothing but a prototype",
      '{"__proto__": {"schema_id": "akc:runtime_bundle:v4"}}',
      "BUNDLE_SCHEMA_UNSUPPORTED",
    ],
  ])("%s", async (_, content, code) => {
    await inWorld(async (world) => {
      const path = await world.write(bundlePath, content);
      await expectRefused(world, path, code);
    });
  });
});

describe("a bundle that is not right is refused, and nothing is written", () => {
  const graph = (members: object) => oneStep.coordination({ coordination_graph: members });
  const step = { node_id: "a", kind: "step" };
  const hashes = {
    coordination_spec_sha256: sha256Of(document["coordination_spec"]),
    orchestration_spec_sha256: sha256Of(oneStep.orchestration()),
  };
  const other = "a".repeat(64);
  const reference = (path: string) =>
    oneStep.with({ coordination_spec: undefined, coordination_ref: { path, fingerprint: other } });

  test.each<[string, BundleBuilder, ErrorCode]>([
    ["of a later schema", oneStep.with({ schema_id: "akc:runtime_bundle:v5" }), "BUNDLE_SCHEMA_UNSUPPORTED"],
    ["without a schema", oneStep.with({ schema_id: undefined }), "BUNDLE_SCHEMA_UNSUPPORTED"],
    [
      "of wrong types throughout",
      oneStep.with({ referenced_ir_nodes: 7, deployment_intents: {} }),
      "BUNDLE_INVALID",
    ],
    ["with a switch that is a text", oneStep.lanes({ allow_subprocess: "yes" }), "BUNDLE_INVALID"],
    [
      "with a cap of 0",
      oneStep.with({ coordination_execution_contract: { max_in_flight_steps: 0 } }),
      "BUNDLE_INVALID",
    ],
    [
      "with a node twice",
      oneStep.with({ referenced_ir_nodes: twice(document["referenced_ir_nodes"]) }),
      "BUNDLE_INVALID",
    ],
    [
      "with a node of an unknown kind",
      oneStep.with({ referenced_ir_nodes: [unknownKind()] }),
      "BUNDLE_INVALID",
    ],
    ["with a tenant that climbs", oneStep.with({ tenant_id: "../.." }), "BUNDLE_INVALID"],
    ["with an absolute tenant", oneStep.with({ tenant_id: "/etc" }), "BUNDLE_INVALID"],
    ["with a NUL in its tenant", oneStep.with({ tenant_id: "a\0b" }), "BUNDLE_INVALID"],
    ["with a run_id that is a path", oneStep.with({ run_id: "../../x" }), "BUNDLE_INVALID"],
    ["with an endless repo_id", oneStep.with({ repo_id: "r".repeat(500) }), "BUNDLE_INVALID"],
    [
      "whose coordination is of another tenant",
      oneStep.with({ tenant_id: "other" }),
      "BUNDLE_SCOPE_MISMATCH",
    ],
    [
      "whose envelope is of another repository",
      oneStep.with({ runtime_policy_envelope: { repo_id: "other" } }),
      "BUNDLE_SCOPE_MISMATCH",
    ],
    [
      "with another coordination than it was made with",
      oneStep.with({ spec_hashes: { ...hashes, coordination_spec_sha256: other } }),
      "COORDINATION_HASH_MISMATCH",
    ],
    [
      "with another orchestration than it was made with",
      oneStep.with({ spec_hashes: { ...hashes, orchestration_spec_sha256: other } }),
      "ORCHESTRATION_HASH_MISMATCH",
    ],
    ["with a cycle", bundle().step("a", noop, "b").step("b", noop, "a"), "COORDINATION_CYCLE"],
    ["with an edge to nowhere", graph({ nodes: [step], edges: [edge("a", "b")] }), "COORDINATION_INVALID"],
    [
      "with an edge of an unknown kind",
      bundle()
        .step("a", noop)
        .step("b", noop)
        .coordination({
          coordination_graph: {
            nodes: [step, { node_id: "b", kind: "step" }],
            edges: [edge("a", "b", "teleports")],
          },
        }),
      "COORDINATION_INVALID",
    ],
    [
      "with a role that climbs",
      oneStep.coordination({
        agent_roles: [{ name: "../../x", tools: [] }],
        orchestration_bindings: [{ role_name: "../../x", agent_name: "a", orchestration_step_ids: ["a"] }],
      }),
      "COORDINATION_INVALID",
    ],
    [
      "with more steps than it may have",
      bundle()
        .step("a", noop)
        .step("b", noop)
        .coordination({ governance: { max_steps: 1 } }),
      "GOVERNANCE_EXCEEDED",
    ],
    [
      "with a step that runs nothing",
      oneStep.with({ referenced_ir_nodes: [] }),
      "COORDINATION_STEP_UNRESOLVED",
    ],
    ["that refers to a file above it", reference("../../../../etc/passwd"), "PATH_UNSAFE"],
    ["that refers to an absolute file", reference("/etc/passwd"), "PATH_UNSAFE"],
    ["that refers to a name with a NUL", reference(".akc/a\0b.json"), "PATH_UNSAFE"],
    ["that refers through a link that leads out", reference(".akc/link.json"), "PATH_UNSAFE"],
    ["that refers to a link to itself", reference(".akc/loop.json"), "PATH_UNSAFE"],
    ["that refers to a folder", reference(".akc/folder"), "FILE_UNREADABLE"],
    ["that refers to a file that is not there", reference(".akc/none.json"), "COORDINATION_FILE_MISSING"],
    [
      "whose IR is not there",
      oneStep.with({ system_ir_ref: { path: ".akc/ir/none.json", fingerprint: other } }),
      "IR_REQUIRED_NOT_LOADED",
    ],
    [
      "whose IR is behind a link that leads out",
      oneStep.with({ system_ir_ref: { path: ".akc/link.json", fingerprint: other } }),
      "PATH_UNSAFE",
    ],
    [
      "for a provider that is not installed",
      oneStep.with({
        deployment_intents: [{ node_id: "node-a", kind: "service", name: "x" }],
        deployment_provider_contract: { kind: "kubernetes" },
      }),
      "PROVIDER_UNAVAILABLE",
    ],
  ])("%s", async (_, bad, code) => {
    await inWorld(async (world) => {
      mkdirSync(join(world.scope, ".akc/folder"), { recursive: true });
      symlinkSync("/etc/passwd", join(world.scope, ".akc/link.json"));
      symlinkSync("loop.json", join(world.scope, ".akc/loop.json"));
      await expectRefused(world, await world.place(bad), code);
    });
  });

  function twice(nodes: unknown): unknown[] {
    return Array.isArray(nodes) ? [...nodes, ...nodes] : [];
  }

  function unknownKind() {
    return { id: "node-a", tenant_id: "acme", kind: "wormhole", name: "a", properties: {}, depends_on: [] };
  }
});

describe("a path on the command line that leads to no bundle is refused", () => {
  test.each<[string, (world: World) => string, ErrorCode]>([
    ["to nothing", () => "none.json", "FILE_NOT_FOUND"],
    ["through a file", ({ scope }) => join(scope, bundlePath, "x"), "FILE_NOT_FOUND"],
    ["to a folder", ({ scope }) => scope, "FILE_UNREADABLE"],
    ["to a device without end", () => "/dev/zero", "FILE_UNREADABLE"],
    ["to a pipe that nobody writes", ({ side }) => made(["mkfifo", join(side, "pipe")]), "FILE_UNREADABLE"],
    ["to memory", () => "/proc/self/mem", "FILE_UNREADABLE"],
    ["round in a circle", ({ side }) => linked(join(side, "loop"), "loop"), "FILE_UNREADABLE"],
    ["to a link to nothing", ({ side }) => linked(join(side, "dangling"), "/none"), "FILE_NOT_FOUND"],
    ["to more bytes than are read", ({ side }) => huge(join(side, "huge.json")), "JSON_TOO_LARGE"],
    ["with a name that is too long", () => "n".repeat(300), "FILE_UNREADABLE"],
  ])("%s", async (_, make, code) => {
    await inWorld(async (world) => {
      await world.place(oneStep);
      const path = make(world);
      await expectRefused(world, path, code);
      expectError(await world.akc(["bundle", "validate", path, "-o", "json"]), code, 2);
      expectError(await world.akc(["bundle", "hash", path, "-o", "json"]), code, 2);
    });
  });

  function made(command: readonly string[]): string {
    expect(Bun.spawnSync([...command]).exitCode).toBe(0);
    return command.at(-1) ?? "";
  }

  function linked(path: string, to: string): string {
    symlinkSync(to, path);
    return path;
  }

  /** Without taking the space. */
  function huge(path: string): string {
    writeFileSync(path, "");
    truncateSync(path, limits.jsonTextBytesMax + 1);
    return path;
  }
});

describe("an outputs tree with links in it is refused before anything happens", () => {
  test.each([
    ["the scope", "acme/shop"],
    ["its state", "acme/shop/.akc"],
    ["the folder of compile runs", `acme/shop/.akc/runtime/${runId}`],
    ["the run's own folder", `acme/shop/.akc/runtime/${runId}/r1`],
    ["the folder of telemetry", "acme/shop/.akc/run"],
    ["the state database", "acme/shop/.akc/runtime/state.sqlite3"],
    ["the folder of artifacts", "acme/shop/.akc/runtime/artifacts"],
  ])("%s", async (_, place) => {
    await inWorld(async (world) => {
      const elsewhere = join(world.side, "elsewhere");
      const root = join(world.side, "out");
      mkdirSync(elsewhere);
      mkdirSync(join(root, place, ".."), { recursive: true });
      symlinkSync(place.endsWith("sqlite3") ? join(elsewhere, "x.sqlite3") : elsewhere, join(root, place));
      const path = await world.place(oneStep);
      const ran = await world.start(path, "--outputs-root", root, "--runtime-run-id", "r1");
      expectError(ran, "PATH_UNSAFE", 2);
      expect(filesBelow(elsewhere)).toEqual([]);
    });
  });

  test("a link in the place of a working directory denies the step at once, and nothing is made behind it", async () => {
    await inWorld(async (world) => {
      const elsewhere = join(world.side, "elsewhere");
      mkdirSync(elsewhere);
      mkdirSync(join(world.runFolder("r1"), "roles"), { recursive: true });
      symlinkSync(elsewhere, join(world.runFolder("r1"), "roles/builder"));
      const ran = await world.start(oneStep, "--runtime-run-id", "r1");
      expectOutcome(ran, "blocked", 2, "PATH_UNSAFE");
      expect(ran.report["counts"]).toMatchObject({ denied: 1, retried: 0 });
      expect(filesBelow(elsewhere)).toEqual([]);
    });
  });
});

describe("a flag that asks for what cannot be is refused, and nothing is written", () => {
  test.each<[readonly string[], ErrorCode]>([
    [["--bundle-sha256", "a".repeat(64)], "BUNDLE_HASH_MISMATCH"],
    [["--adapter", "teleport"], "ADAPTER_UNKNOWN"],
    [["--runtime-run-id", "../x"], "USAGE"],
    [["--runtime-run-id", "r".repeat(129)], "USAGE"],
    [["--policy", "none.yaml"], "FILE_NOT_FOUND"],
    [["--policy", "/"], "FILE_UNREADABLE"],
    [["--outputs-root", "/etc/passwd"], "OUTPUTS_UNWRITABLE"],
    [["--outputs-root", "/proc/none"], "OUTPUTS_UNWRITABLE"],
  ])("%p", async (flags, code) => {
    await inWorld(async (world) => {
      await expectRefused(world, await world.place(oneStep), code, flags);
    });
  });

  test("the right fingerprint lets the bundle run, in either case of its digits", async () => {
    await inWorld(async (world) => {
      const sha256 = sha256Of(document).toUpperCase();
      expectOutcome(await world.start(oneStep, "--bundle-sha256", sha256), "succeeded", 0, null);
    });
  });
});

describe("a step that may not be carried out is denied, and what depends on it is blocked", () => {
  const nowhere = "http://127.0.0.1:9/";
  const python = exec(["python3", "-c", "open('made', 'w')"]);
  test.each<[string, BundleBuilder, readonly string[], ErrorCode]>([
    ["an executable that is not listed", bundle().step("a", python), [], "SUBPROCESS_NOT_ALLOWED"],
    [
      "one beside the listed one",
      bundle()
        .lanes({ subprocess_allowlist: ["./sh"] })
        .step("a", exec(["./sh"])),
      [],
      "SUBPROCESS_NOT_ALLOWED",
    ],
    [
      "nothing listed",
      bundle().lanes({ subprocess_allowlist: [] }).step("a", sh("touch made")),
      [],
      "SUBPROCESS_ALLOWLIST_EMPTY",
    ],
    [
      "processes not enabled",
      bundle().lanes({ allow_subprocess: false }).step("a", sh("touch made")),
      ["--adapter", "local_depth"],
      "SUBPROCESS_DISABLED",
    ],
    [
      "processes denied by the envelope",
      bundle()
        .with({ runtime_policy_envelope: { deny_actions: ["runtime.action.execute.subprocess"] } })
        .step("a", sh("touch made")),
      [],
      "POLICY_DENIED",
    ],
    ["a route of no kind", bundle().step("a", { route: "telepathy" }), [], "ROUTE_NOT_ALLOWED"],
    [
      "HTTP not enabled",
      bundle()
        .with({ runtime_policy_envelope: { allow_network: true } })
        .step("a", get(nowhere)),
      [],
      "HTTP_DISABLED",
    ],
    [
      "no network",
      bundle()
        .lanes({ allow_http: true, http_allowlist: [nowhere] })
        .step("a", get(nowhere)),
      [],
      "HTTP_NETWORK_DENIED",
    ],
    [
      "a URL that is not listed",
      bundle().reaching(nowhere).step("a", get("http://127.0.0.1:10/")),
      [],
      "HTTP_URL_DENIED",
    ],
    [
      "a metadata service",
      bundle().reaching("http://metadata.invalid/").step("a", get("http://169.254.169.254/latest")),
      [],
      "HTTP_URL_DENIED",
    ],
    [
      "nothing to execute, where effects are required",
      bundle().step("a", noop),
      ["--require-effects"],
      "EFFECT_REQUIRED",
    ],
  ])("%s", async (_, bad, flags, code) => {
    await inWorld(async (world) => {
      const ran = await world.start(bad.step("after", noop, "a"), ...flags);
      expectOutcome(ran, "blocked", 2, code);
      expect(ran.report["counts"]).toMatchObject({ denied: 1, blocked: 1, succeeded: 0, retried: 0 });
      expect(await world.stepErrors(ran.report["runtime_run_id"])).toEqual({ a: code });
      expect(filesBelow(world.root).filter((name) => name.endsWith("/made"))).toEqual([]);
    });
  });
});

test("a bundle that allows nothing does nothing", async () => {
  await inWorld(async (world) => {
    const ran = await world.start(oneStep.with({ runtime_policy_envelope: { allow_actions: [] } }));
    expectOutcome(ran, "blocked", 2, "POLICY_DENIED");
    expect(ran.report["counts"]).toMatchObject({ succeeded: 0, failed: 0 });
    expect(filesBelow(world.root).filter((name) => name.endsWith("/made"))).toEqual([]);
  });
});

describe("a step that cannot be carried out fails with its own code and is not tried again", () => {
  const absent = "/opt/none/tool";
  test.each<[string, BundleBuilder, ErrorCode]>([
    [
      "a missing executable",
      bundle()
        .lanes({ subprocess_allowlist: ["no-such-tool"] })
        .step("a", exec(["no-such-tool"])),
      "SUBPROCESS_NOT_FOUND",
    ],
    [
      "a missing executable by its path",
      bundle()
        .lanes({ subprocess_allowlist: [absent] })
        .step("a", exec([absent])),
      "SUBPROCESS_NOT_FOUND",
    ],
    [
      "a file that is no program",
      bundle()
        .lanes({ subprocess_allowlist: ["/etc/passwd"] })
        .step("a", exec(["/etc/passwd"])),
      "SUBPROCESS_NOT_FOUND",
    ],
    ["a NUL in an argument", bundle().step("a", exec(["sh", "-c", "a\0b"])), "ROUTE_MALFORMED"],
    ["a command line in one text", bundle().step("a", exec("sh -c true")), "ROUTE_MALFORMED"],
    ["no argument at all", bundle().step("a", exec([])), "ROUTE_MALFORMED"],
    ["a route without a specification", bundle().step("a", { route: "subprocess" }), "ROUTE_MALFORMED"],
    [
      "more arguments than a process may have",
      bundle().step("a", exec(["true", "x".repeat(limits.argvBytesMax)])),
      "ROUTE_MALFORMED",
    ],
  ])("%s", async (_, bad, code) => {
    await inWorld(async (world) => {
      const ran = await world.start(bad.step("after", noop, "a"));
      expectOutcome(ran, "failed", 1, code);
      expect(ran.report["counts"]).toMatchObject({ failed: 1, blocked: 1, retried: 0 });
    });
  });
});

describe("the operator's policy", () => {
  const head = "schema: akc.policy/v1\n";
  const policyIn = (world: World, text: string | Uint8Array) => {
    const path = join(world.side, "policy.yaml");
    writeFileSync(path, text);
    return path;
  };

  test.each<[string, string | Uint8Array, ErrorCode]>([
    ["that is empty", "", "POLICY_FILE_INVALID"],
    ["without its schema", "subprocess: []", "POLICY_FILE_INVALID"],
    ["of a later schema", "schema: akc.policy/v2", "POLICY_FILE_INVALID"],
    ["with a key misspelt", `${head}subproces: []`, "POLICY_FILE_INVALID"],
    ["with a key twice", `${head}${head}`, "POLICY_FILE_INVALID"],
    ["with a relative path", `${head}subprocess: [bin/sh]`, "POLICY_FILE_INVALID"],
    ["with a negative limit", `${head}limits: {run_seconds: -1}`, "POLICY_FILE_INVALID"],
    ["that asks for code", `${head}subprocess: !!js/function 'x'`, "POLICY_FILE_INVALID"],
    ["that is a list", "- subprocess", "POLICY_FILE_INVALID"],
    ["that multiplies itself", bomb(), "POLICY_FILE_INVALID"],
    ["that is too large", `${head}# ${"x".repeat(limits.yamlTextBytesMax)}`, "JSON_TOO_LARGE"],
  ])("%s is refused with its place, and nothing is written", async (_, text, code) => {
    await inWorld(async (world) => {
      const path = await world.place(oneStep);
      const said = await expectRefused(world, path, code, ["--policy", policyIn(world, text)]);
      expect(JSON.stringify(said)).toContain("policy.yaml");
    });
  });

  test.each<[string, string, BundleBuilder, string, number, ErrorCode]>([
    [
      "other executables only",
      "subprocess: [/usr/bin/true]",
      oneStep,
      "blocked",
      2,
      "SUBPROCESS_NOT_ALLOWED",
    ],
    ["no executable", "subprocess: []", oneStep, "blocked", 2, "SUBPROCESS_NOT_ALLOWED"],
    ["no dispatch", "deny_actions: [runtime.action.dispatch]", oneStep, "blocked", 2, "POLICY_DENIED"],
    [
      "no host",
      "http: []",
      bundle().reaching("http://127.0.0.1:9/").step("a", get("http://127.0.0.1:9/")),
      "blocked",
      2,
      "HTTP_URL_DENIED",
    ],
    [
      "only what has an effect",
      "require_effects: true",
      bundle().step("a", noop),
      "blocked",
      2,
      "EFFECT_REQUIRED",
    ],
    [
      "little output",
      "limits: {output_bytes: 100}",
      bundle().step("a", sh("head -c 101 /dev/zero")),
      "failed",
      1,
      "SUBPROCESS_OUTPUT_LIMIT",
    ],
    [
      "little time",
      "limits: {run_seconds: 0.5}",
      bundle().step("a", sh("sleep 1000")),
      "exhausted",
      1,
      "RUN_DEADLINE",
    ],
  ])("narrows what a bundle may do: %s", async (_, text, asked, outcome, exit, code) => {
    await inWorld(async (world) => {
      const ran = await world.start(asked, "--policy", policyIn(world, head + text));
      expectOutcome(ran, outcome, exit, code);
      // Whoever reads it must look into the right file.
      if (text.startsWith("subprocess"))
        expect(ran.report["last_error"]).toContain("the operator does not allow");
      expect(filesBelow(world.root).filter((name) => name.endsWith("/made"))).toEqual([]);
    });
  });

  test("permits what both it and the bundle list", async () => {
    await inWorld(async (world) => {
      const dash = Bun.spawnSync(["realpath", "/bin/sh"]).stdout.toString().trim();
      const path = policyIn(world, `${head}subprocess: [${dash}]\ncontainment: landlock\n`);
      expectOutcome(await world.start(oneStep, "--policy", path), "succeeded", 0, null);
    });
  });

  /** 4^9 items from 9 lines. */
  function bomb(): string {
    const line = (name: string, of: string) => `${name}: &${name} [*${of},*${of},*${of},*${of}]\n`;
    const names = [..."bcdefghij"];
    return `a: &a [x]\n${names.map((name, index) => line(name, index === 0 ? "a" : (names[index - 1] ?? ""))).join("")}`;
  }
});

test("every issue of a bundle is listed with its place, not only the first", async () => {
  await inWorld(async (world) => {
    const bad = oneStep.with({ tenant_id: "../..", repo_id: "", run_id: 7, deployment_intents: "none" });
    const said = expectError(await world.start(bad), "BUNDLE_INVALID", 2);
    const places = (said["issues"] as readonly { readonly path: string }[]).map(({ path }) => path);
    expect(places).toEqual(
      expect.arrayContaining(["/tenant_id", "/repo_id", "/run_id", "/deployment_intents"]),
    );
    const checked = await world.akc(["bundle", "validate", join(world.scope, bundlePath), "-o", "json"]);
    expect(checked.code).toBe(2);
    expect(jsonObject(checked.stdout)["code"]).toBe("BUNDLE_INVALID");
  });
});

/** Refused with this code and exit 2, and not a file more or less than before below the outputs root. */
async function expectRefused(world: World, path: string, code: ErrorCode, flags: readonly string[] = []) {
  const before = filesBelow(world.root);
  const said = expectError(await world.start(path, ...flags), code, 2);
  expect(filesBelow(world.root)).toEqual(before);
  return said;
}
