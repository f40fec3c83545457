/** `akc verify`: exit codes, what is written, what is printed, and what is refused. */
import { describe, expect, test } from "bun:test";
import { readFileSync, utimesSync } from "node:fs";
import { execute } from "../../src/cli/run.ts";
import { prettyJson } from "../../src/json/canonical.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { type Assured, assured, atMost, healthy, places, queried, runtimeRunId } from "./assured.ts";

interface Said {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Of `-o json`. */
  readonly data: Readonly<Record<string, unknown>>;
}

interface Options {
  readonly env?: Readonly<Record<string, string>>;
  /** On a terminal of so many columns. */
  readonly columns?: number;
  readonly color?: boolean;
}

async function run(
  argv: readonly string[],
  { env = {}, columns, color = false }: Options = {},
): Promise<Said> {
  let stdout = "";
  let stderr = "";
  const place = {
    isTerminal: columns !== undefined,
    color,
    canRedraw: false,
    columns: () => columns ?? 80,
    rows: () => 24,
  };
  const exit = await execute(["verify", ...argv], {
    stdout: place,
    stderr: place,
    env,
    out: async (text) => {
      stdout += text;
    },
    words: (text) => {
      stderr += text;
    },
  });
  return { exit, stdout, stderr, data: argv.includes("json") ? JSON.parse(stdout) : {} };
}

const of = (world: Assured) => ["--tenant-id", "acme", "--repo-id", "shop", "--outputs-root", world.root];
const verify = (world: Assured, ...more: readonly string[]) => run([...of(world), ...more, "-o", "json"]);

describe("exit codes", () => {
  test("0 when everything holds, and the result is written and linked", async () => {
    using world = await assured({ resources: 2 });
    const said = await verify(world);
    expect(said).toMatchObject({ exit: 0, stderr: "" });
    expect(said.data).toMatchObject({
      kind: "OperationalVerification",
      verdict: "pass",
      passed: true,
      run_id: "run-1",
      runtime_run_id: runtimeRunId,
      strict_manifest_consistency: "checked",
      findings: [],
      assurance_path: places.assurance,
      linked_in: places.manifest,
    });
    const text = readFileSync(world.path(places.assurance), "utf8");
    expect(world.read(places.manifest)["control_plane"]).toMatchObject({
      operational_assurance_ref: { path: places.assurance, sha256: sha256Hex(text) },
    });
    // What it wrote does not stand in its own way, nor a rollup beside it.
    world.write(".akc/verification/x.operational_evidence_window.json", "{}");
    expect((await verify(world)).exit).toBe(0);
  });

  test("2 when something was found, and 0 again when it is mended", async () => {
    using world = await assured();
    const good = readFileSync(world.path(places.report), "utf8");
    world.edit(places.report, '  "passed": true', '  "passed": false');
    const said = await verify(world);
    expect(said.exit).toBe(2);
    expect(said.stderr).toContain("[VALIDITY_FAILED]");
    expect(said.data).toMatchObject({ passed: false, exit_code: 2 });
    world.write(places.report, good);
    expect((await verify(world)).exit).toBe(0);
  });

  const unknown = {
    criteria: [atMost(1, "slo.errors")],
    rows: [queried("slo.errors", { status: "error", verdict: "inconclusive", reason: "no-data" })],
  };

  test("4 when there is too little evidence", async () => {
    using world = await assured(unknown);
    const said = await verify(world);
    expect(said).toMatchObject({ exit: 4, data: { verdict: "inconclusive", passed: false } });
    expect(said.stderr).toContain("[VALIDITY_INCONCLUSIVE]");
  });

  test.each([["failed", { health: "failed" }] as const, ["inconclusive", unknown] as const])(
    "0 where verification only advises, whatever is found (%s)",
    async (_, draft) => {
      using world = await assured(draft);
      world.write(places.governance, '{"rollout_stage": "observe"}');
      expect(await verify(world)).toMatchObject({
        exit: 0,
        data: { passed: false, enforcement_mode: "advisory" },
      });
    },
  );

  test("0 without criteria, and that is said", async () => {
    using world = await assured({ criteria: [] });
    expect(await verify(world)).toMatchObject({ exit: 0, data: { authority: "none", verdict: "none" } });
    const { stdout } = await run(of(world));
    expect(stdout).toContain("authority: none\n");
    expect(stdout).toContain("the bundle wants nothing to be judged by");
  });

  test("4 without any manifest, unless none is wanted", async () => {
    using world = await assured();
    world.remove(places.manifest);
    expect(await verify(world)).toMatchObject({ exit: 4, data: { run_id: null, verdict: "none" } });
    expect((await verify(world, "--no-operational-coupling")).exit).toBe(0);
    // Naming a run wants it all the same.
    expect(await verify(world, "--no-operational-coupling", "--run-id", "run-1")).toMatchObject({
      exit: 2,
      data: { code: "MANIFEST_NOT_FOUND" },
    });
  });
});

describe("results of tests and of the verifier", () => {
  test.each([
    [".akc/tests/a.json", '{"exit_code": 1, "stage": "unit"}'],
    [".akc/tests/a.json", '{"exit_code": "0"}'],
    [".akc/tests/a.json", "{"],
    [".akc/verification/p_s.json", '{"passed": false, "findings": [{"code": "x"}]}'],
    [".akc/verification/p_s.json", '{"schema_id": "akc:verifier_result:v1", "passed": false}'],
    [".akc/verification/p_s.json", "nothing"],
  ])("%s with %s fails", async (name, content) => {
    using world = await assured();
    world.write(name, content);
    expect(await verify(world)).toMatchObject({ exit: 2, data: { results_passed: false, passed: true } });
  });

  test.each([
    [".akc/tests/a.json", '{"exit_code": 0}'],
    [".akc/tests/a.json", '{"stage": "unit"}'],
    [".akc/tests/notes.txt", "x"],
    [".akc/verification/p_s.json", '{"passed": true, "findings": []}'],
    [".akc/verification/other.json", '{"schema_id": "akc:something_else:v1", "passed": false}'],
    [".akc/verification/window.json", '{"window_start_ms": 1}'],
    [`.akc/verification/run-0.operational_assurance.json`, '{"passed": false}'],
    [`.akc/verification/run-0.operational_validity_report.json`, '{"passed": false}'],
  ])("%s with %s does not", async (name, content) => {
    using world = await assured();
    world.write(name, content);
    expect(await verify(world)).toMatchObject({ exit: 0, data: { results_passed: true } });
  });
});

describe("which run", () => {
  test("the newest manifest, by the times that it holds and not by its file's", async () => {
    using world = await assured();
    const older = {
      ...world.read(places.manifest),
      run_id: "run-0",
      runtime_evidence: [],
      control_plane: { lifecycle_timestamps: { compile_started_at: 5 } },
    };
    world.write(".akc/run/run-0.manifest.json", prettyJson(older));
    utimesSync(world.path(places.manifest), 1, 1);
    expect((await verify(world)).data["run_id"]).toBe("run-1");
  });

  test("one that cannot be read is not passed over for an older one", async () => {
    using world = await assured();
    world.write(".akc/run/run-2.manifest.json", "{");
    expect(await verify(world)).toMatchObject({ exit: 2, data: { code: "MANIFEST_INVALID" } });
  });

  test.each([
    [["--tenant-id", "no/where", "--repo-id", "shop"], "USAGE"],
    [["--tenant-id", "acme", "--repo-id", ".."], "USAGE"],
    [["--tenant-id", "acme"], "USAGE"],
    [["--tenant-id", "umbrella", "--repo-id", "shop"], "FILE_NOT_FOUND"],
    [["--tenant-id", "acme", "--repo-id", "shop", "--run-id", "../x"], "USAGE"],
    [["--tenant-id", "acme", "--repo-id", "shop", "--run-id", "run-9"], "MANIFEST_NOT_FOUND"],
    [["--tenant-id", "acme", "--repo-id", "shop", "--runtime-run-id", "0193ffff"], "RUN_NOT_FOUND"],
    [["--tenant-id", "acme", "--repo-id", "shop", "--validator-bindings", "gone.yaml"], "BINDINGS_NOT_FOUND"],
  ])("%j is refused", async (flags, code) => {
    using world = await assured({ criteria: [atMost(1, "slo.errors")] });
    const said = await run([...flags, "--outputs-root", world.root, "-o", "json"]);
    expect(said).toMatchObject({ exit: 2, data: { kind: "Error", code } });
  });

  test("tenant and repository come from the environment too, and the context says so", async () => {
    using world = await assured();
    const said = await run(["--outputs-root", world.root, "-o", "json"], {
      env: { AKC_TENANT_ID: "acme", AKC_REPO_ID: "shop" },
    });
    expect(said.exit).toBe(0);
    expect(world.read(".akc/verification/verify_developer_context.v1.json")).toMatchObject({
      schema_kind: "akc_verify_developer_context",
      version: 1,
      tenant_id: "acme",
      tenant_id_resolution_source: "env",
      outputs_root_resolution_source: "cli",
      run_id: "run-1",
      manifest_path: places.manifest,
    });
  });

  test.each(["--dafny", "--verus", "--living-unattended"])(
    "%s is not akc's, and that is said",
    async (flag) => {
      using world = await assured();
      const said = await run([...of(world), flag]);
      expect(said.exit).toBe(2);
      expect(said.stderr).toContain(`${flag} is not a flag of akc`);
    },
  );

  test("a registry that names bindings is read, and its kinds are told", async () => {
    using world = await assured({
      criteria: [atMost(1, "slo.errors")],
      rows: [queried("slo.errors", { verdict: "pass", summary: { value: 0 } })],
    });
    world.write(
      "bindings.yaml",
      'bindings:\n  slo.errors: {kind: promql_query, url: "http://127.0.0.1:9/api/v1/query", query: up}\n',
    );
    const said = await verify(world, "--validator-bindings", world.path("bindings.yaml"));
    expect(said).toMatchObject({
      exit: 0,
      data: { findings: [], provider_results: [{ stub_id: "slo.errors", status: "ok" }] },
    });
  });
});

test("a scope that cannot be written is verified all the same, and that is said", async () => {
  using world = await assured();
  const before = readFileSync(world.path(places.manifest), "utf8");
  world.write(".akc/verification", "a file where the folder would be");
  const said = await verify(world);
  expect(said).toMatchObject({
    exit: 0,
    data: { passed: true, assurance_path: null, linked_in: null, context_path: null },
  });
  expect(said.stderr).toContain("warning: the result could not be written");
  expect(readFileSync(world.path(places.manifest), "utf8")).toBe(before);
});

describe("for people", () => {
  const draft = {
    criteria: [atMost(1, "slo.errors", "errors"), atMost(5, "slo.errors", "few"), healthy],
    rows: [queried("slo.errors", { verdict: "pass", summary: { value: 3 } })],
  };

  test("a line for each criterion says what was seen against what was expected", async () => {
    using world = await assured(draft);
    const { stdout, stderr } = await run(of(world));
    expect(stdout).toMatch(/✗ errors +fail +saw 3, expected lte 1/);
    expect(stdout).toMatch(/✓ few +pass +saw 3, expected lte 5/);
    expect(stdout).toMatch(/✓ checkout-slo +pass +\d+ checks passed/);
    expect(stdout).toMatch(/error operational\.verdict_failed\n {2}criterion errors is not met\n {2}next: ./);
    expect(stdout).toContain("verdict: fail\npassed: false\n");
    expect(stdout).not.toContain("\u001b");
    expect(stderr).toMatch(/^error: .*\[VALIDITY_FAILED\]\n/);
  });

  test("colours are for terminals that want them", async () => {
    using world = await assured(draft);
    expect((await run(of(world), { columns: 80, color: true })).stdout).toContain("\u001b[31m✗");
    expect((await run(of(world), { columns: 80 })).stdout).not.toContain("\u001b");
  });

  test("a narrow terminal gets narrow lines", async () => {
    using world = await assured(draft);
    const { stdout } = await run([...of(world), "--show-findings"], { columns: 60 });
    const told = stdout.slice(stdout.indexOf("\n\n"));
    // A word is not broken.
    const wide = told.split("\n").filter((line) => line.length > 60 && line.trim().includes(" "));
    expect(wide.filter((line) => !/\S{30}/.test(line))).toEqual([]);
  });

  test("the documented lines are there", async () => {
    using world = await assured();
    const { stdout } = await run(of(world));
    for (const line of [
      "authority: recomputed",
      "enforcement_mode: blocking",
      "report_present: yes",
      "strict_manifest_consistency: checked",
      "passed: true",
    ]) {
      expect(stdout.split("\n")).toContain(line);
    }
    expect(stdout).toMatch(/^recomputed_attestation_sha256: [0-9a-f]{64}$/m);
    expect(stdout).toMatch(/^stored_attestation_sha256: [0-9a-f]{64}$/m);
  });

  test("what came from files cannot steer a terminal", async () => {
    using world = await assured();
    world.write(".akc/tests/a.json", JSON.stringify({ exit_code: 1, stage: "x\u001b[2J\n\u202e" }));
    const { stdout } = await run(of(world), { columns: 80 });
    expect(stdout).not.toContain("\u001b[2J");
    expect(stdout).not.toContain("\u202e");
  });
});
