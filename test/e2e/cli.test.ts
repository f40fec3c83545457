import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Group } from "../../src/cli/tree.ts";
import { tree } from "../../src/cli/tree.ts";
import { errorCodes } from "../../src/errors.ts";
import { AKC_VERSION } from "../../src/version.ts";
import { akc, binary, inFolder, onTerminal, root, shell } from "./akc.ts";
import { bundle, exec, noop, runId, sha256Of } from "./bundle.ts";

const esc = "\u001b";

test("--version prints the number and nothing else", async () => {
  expect(await akc(["--version"])).toEqual({ exit: 0, stdout: `${AKC_VERSION}\n`, stderr: "" });
});

test("every command has help with examples, flags and exit codes", async () => {
  const paths = leafPaths(tree, []);
  expect(paths.length).toBeGreaterThan(8);
  for (const path of paths) {
    const { exit, stdout, stderr } = await akc([...path, "--help"]);
    expect({ path, exit, stderr }).toEqual({ path, exit: 0, stderr: "" });
    for (const part of ["Examples", `akc ${path.join(" ")}`, "Flags", "Exit codes", "--output"]) {
      expect(stdout).toContain(part);
    }
    const usage = stdout.slice(stdout.indexOf("\nUsage\n"), stdout.indexOf("\nFlags\n"));
    const typed = usage.slice(0, usage.indexOf("[flags]")).match(/--[a-z-]+/g) ?? [];
    expect({ path, typed: [...typed] }).toEqual({ path, typed: [...new Set<string>(typed)] });
    expect(
      Math.max(
        ...stdout
          .split("\n")
          .filter((line) => !isExample(line))
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(80);
  }
});

test("the list of commands names each of them", async () => {
  const { stdout } = await akc([]);
  for (const path of leafPaths(tree, [])) expect(stdout).toContain(`akc ${path.join(" ")}`);
});

test("a mistyped flag is refused with the one that was meant", async () => {
  const { exit, stdout, stderr } = await akc(["bundle", "inspect", "x.json", "--polcy", "p.yaml"]);
  expect(exit).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain("error: unknown flag --polcy [USAGE]");
  expect(stderr).toContain("Did you mean --policy?");
});

test.each([
  [["bundel", "hash", "x"], "Did you mean `akc bundle`?"],
  [["runtime", "strat"], "Did you mean `akc runtime start`?"],
  [["start"], "Did you mean `akc runtime start`?"],
  [["--verison"], "Did you mean --version?"],
  [["runtime", "--verbos"], "Did you mean --verbose?"],
  [["bundle", "inspect", "-"], "name its path"],
  [["bundle", "validate", "-"], "name its path"],
  [["runtime", "start", "--bundle", "-", "--mode", "simulate"], "name its path"],
  [["runtime", "coordination-plan", "--bundle", "-"], "name its path"],
  [["policy", "explain", "--bundle", "-", "--action", "x"], "name its path"],
  [["runtime"], "needs a command"],
  [["bundle", "hash"], "FILE is missing"],
  [["bundle", "hash", "a", "b"], 'one word too many: "b"'],
  [["bundle", "hash", "a", "--output"], "--output needs a value"],
  [["bundle", "hash", "a", "--output", "--verbose"], "--output needs a value"],
  [["bundle", "hash", "a", "-o", "jsno"], "Did you mean json?"],
  [["bundle", "hash", "a", "--verbose", "--verbose"], "--verbose is given twice"],
  [["bundle", "hash", "a", "--verbose=yes"], "--verbose takes no value"],
  [["runtime", "start", "--mode", "simulate"], "--bundle is missing"],
  [["runtime", "start", "--bundle", "x.json"], "--mode is missing"],
  [["runtime", "start", "--bundle", "x.json", "--mode", "enfroce"], "Did you mean enforce?"],
  [["runtime", "start", "--bundle", "x", "--mode", "simulate", "--max-in-flight", "0"], "from 1 to"],
  [["runtime", "start", "--bundle", "x", "--mode", "simulate", "--max-in-flight", "1.5"], "whole number"],
  [["runtime", "start", "--bundle", "x", "--mode", "simulate", "--deadline", "soon"], "length of time"],
  [["runtime", "start", "--bundle", "x", "--mode", "simulate", "--bundle-sha256", "12"], "64 hexadecimal"],
  [["runtime", "verify"], "RUN is missing"],
  [["runtime", "start", "x.json"], "Write `akc runtime start --bundle FILE --mode MODE [flags]`"],
  [["bundle", "validate", "--bundle", "x.json"], "Write `akc bundle validate FILE [flags]`"],
  [["runtime", "prune", "--keep", "soon"], "or a number of runs"],
  [["runtime", "list", "--tenant-id", "../.."], "--tenant-id cannot be"],
  [["policy", "explain", "--bundle", "x.json"], "--action is missing"],
])("akc %p is a usage error that helps", async (args, help) => {
  const { exit, stdout, stderr } = await akc(args);
  expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" });
  expect(stderr).toContain("[USAGE]");
  expect(stderr).toContain(help);
});

test("with -o json an error is one object on stdout and a line on stderr", async () => {
  for (const args of [
    ["bundle", "hash", "no-such.json", "-o", "json"],
    ["-o", "json", "bundle", "hash", "no-such.json"],
    ["bundle", "hash", "no-such.json", "--output=json"],
  ]) {
    const { exit, stdout, stderr } = await akc(args);
    expect(exit).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      kind: "Error",
      error: errorCodes.FILE_NOT_FOUND.message,
      code: "FILE_NOT_FOUND",
      class: "usage",
      exit_code: 2,
      hint: errorCodes.FILE_NOT_FOUND.hint,
      details: { path: "no-such.json" },
      issues: [],
      issue_count: 0,
    });
    expect(stderr).toBe(`error: ${errorCodes.FILE_NOT_FOUND.message} [FILE_NOT_FOUND]\n`);
  }
});

test("the same document has the same fingerprint in a file and in a pipe, in text, JSON and YAML", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "a.json");
    await Bun.write(file, '{"b": 1.0, "a": [1, 2e0]}');
    const text = await akc(["bundle", "hash", file]);
    const piped = await akc(["bundle", "hash", "-"], { stdin: '{ "a":[1,2.0],\n"b":1.0 }' });
    const json = await akc(["bundle", "hash", file, "-o", "json"]);
    const yaml = await akc(["bundle", "hash", file, "-o", "yaml"]);
    expect(text.stdout).toMatch(/^[0-9a-f]{64}\n$/);
    expect(piped.stdout).toBe(text.stdout);
    expect(JSON.parse(json.stdout)).toEqual({ kind: "Fingerprint", path: file, sha256: text.stdout.trim() });
    expect(Bun.YAML.parse(yaml.stdout)).toEqual(JSON.parse(json.stdout));
  });
});

test("inspect shows by digest what a shell would be given, by name what it would find, and what would be refused", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "bundle.json");
    const script = "rm -rf everything\n";
    const given = { argv: ["sh", "-s", "x"], stdin: script, env: { API_TOKEN: "hush" } };
    const document = bundle()
      .started("clean", { route: "subprocess", subprocess: given })
      .started("other", exec(["git", "push"]))
      .document();
    await Bun.write(file, JSON.stringify(document));
    const sha256 = new Bun.CryptoHasher("sha256").update(script).digest("hex");
    const text = await akc(["bundle", "inspect", file]);
    expect(text.exit).toBe(0);
    expect(text.stdout).toMatch(new RegExp(`^clean +stdin +18 bytes, sha256 ${sha256}$`, "m"));
    expect(text.stdout).toMatch(/^clean +env +API_TOKEN$/m);
    expect(text.stdout).toMatch(/^other +SUBPROCESS_NOT_ALLOWED /m);
    expect(text.stdout).toContain("network    processes that events start may not use it\n");
    const json = JSON.parse((await akc(["bundle", "inspect", file, "-o", "json"])).stdout);
    expect(json).toMatchObject({
      kind: "BundleInspection",
      adapter_id: "local_depth",
      roles: [],
      event_nodes: [
        {
          node_id: "clean",
          route: { argv: ["sh", "-s", "x"], stdin: { size_bytes: 18, sha256 }, env: ["API_TOKEN"] },
          permission: { allowed: true },
        },
        { node_id: "other", permission: { allowed: false, code: "SUBPROCESS_NOT_ALLOWED" } },
      ],
    });
    expect(text.stdout + JSON.stringify(json)).not.toContain("hush");
  });
});

test("inspect says of each role whether it may use the network", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "bundle.json");
    const roles = { builder: ["a"], courier: ["b"], reader: ["c"] };
    const builder = bundle()
      .step("a", noop)
      .step("b", noop)
      .step("c", noop)
      .with({ runtime_policy_envelope: { allow_network: true } })
      .coordination({
        agent_roles: Object.keys(roles).map((name) => ({ name, tools: [] })),
        orchestration_bindings: Object.entries(roles).map(([role_name, orchestration_step_ids]) => ({
          role_name,
          agent_name: "a",
          orchestration_step_ids,
        })),
        governance: {
          role_profiles: {
            builder: { execution_allow_network: false },
            courier: { execution_allow_network: true },
            reader: { execution_allow_network: false },
          },
        },
      });
    const steps = Object.entries(roles).map(([role, [step_id]]) => ({
      step_id,
      role,
      inputs: { ir_node_id: `node-${step_id}` },
    }));
    const document = { ...builder.document() };
    document["spec_hashes"] = {
      ...Object(document["spec_hashes"]),
      orchestration_spec_sha256: sha256Of({ steps }),
    };
    await Bun.write(file, JSON.stringify(document));
    await Bun.write(
      join(folder, `.akc/orchestration/${runId}.orchestration.json`),
      JSON.stringify({ steps }),
    );
    const { stdout, stderr } = await akc(["bundle", "inspect", file]);
    expect(stderr).toBe("");
    expect(stdout).toContain("network    courier may use it; builder and reader may not use it\n");
  });
});

test.each([40, 80])("on a terminal of %p columns no row of a table wraps", async (columns) => {
  await inFolder(async (folder) => {
    const file = join(folder, "bundle.json");
    const script = { argv: ["sh", "-s", "a-longer-argument-than-there-is-room-for"], stdin: "true\n" };
    const builder = bundle()
      .started("a-node-with-a-long-name-of-its-own", { route: "subprocess", subprocess: script })
      .started("denied", exec(["git"]), "a-node-with-a-long-name-of-its-own");
    await Bun.write(file, JSON.stringify(builder.document()));
    await akc(["runtime", "start", "--bundle", file, "--mode", "simulate"]);
    for (const args of [
      ["bundle", "inspect", file],
      ["runtime", "list", "--outputs-root", folder],
      ["policy", "explain", "--bundle", file, "--action", "runtime.action.dispatch"],
    ]) {
      const { exit, screen } = await onTerminal(args, { columns });
      expect(exit).toBe(0);
      const lines = Bun.stripANSI(screen).split("\r\n");
      const head = lines.findIndex((line) => /^[A-Z ]{20,}$/.test(line));
      expect(head).toBeGreaterThanOrEqual(0);
      expect(Math.max(...lines.slice(head).map((line) => Bun.stringWidth(line)))).toBeLessThanOrEqual(
        columns,
      );
    }
  });
});

test("a fault in a bundle's text is told with its file, line and column", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "bundle.json");
    await Bun.write(file, '{"schema_version": 4,\n "tenant_id": }');
    for (const args of [
      ["bundle", "inspect", file],
      ["bundle", "validate", file],
      ["bundle", "hash", file],
      ["runtime", "start", "--bundle", file, "--mode", "simulate"],
      ["runtime", "coordination-plan", "--bundle", file],
      ["policy", "explain", "--bundle", file, "--action", "x"],
    ]) {
      const { exit, stdout } = await akc([...args, "-o", "json"]);
      const { code, details } = JSON.parse(stdout);
      expect({ args, exit, code, details }).toEqual({
        args,
        exit: 2,
        code: "JSON_SYNTAX",
        details: { path: file, line: 2, column: 15 },
      });
    }
  });
});

test("asking about an action that the policy does not know is answered, with what was probably meant", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "bundle.json");
    await Bun.write(file, JSON.stringify(bundle().started("a", noop).document()));
    const words = ["policy", "explain", "--bundle", file, "--action"];
    const slip = await akc([...words, "runtime.action.execute.subproces"]);
    expect(slip.exit).toBe(0);
    expect(slip.stdout).toStartWith("denied ");
    expect(slip.stderr).toContain("Did you mean runtime.action.execute.subprocess?");
    expect((await akc([...words, "runtime.action.execute.subprocess"])).stderr).toBe("");
  });
});

test("a bundle without coordination is drawn as nothing, in the language asked for", async () => {
  await inFolder(async (folder) => {
    const file = join(folder, "bundle.json");
    await Bun.write(file, JSON.stringify(bundle().started("a", noop).document()));
    const drawn = (format: string) =>
      akc(["runtime", "coordination-plan", "--bundle", file, "--format", format]);
    expect((await drawn("dot")).stdout).toMatch(/^digraph plan \{\n[\s\S]*\}\n$/);
    expect((await drawn("mermaid")).stdout).toBe("flowchart TD\n");
    const tree = await drawn("tree");
    expect(tree).toEqual({
      exit: 0,
      stdout: "no steps\n",
      stderr: expect.stringContaining("no coordination"),
    });
    expect((await drawn("json")).stdout).toBe('{\n  "coordination": null\n}\n');
  });
});

test("runs are looked for where the project file keeps them, unless flag or environment say otherwise", async () => {
  await inFolder(async (cwd) => {
    const file = join(cwd, "bundle.json");
    await Bun.write(file, JSON.stringify(bundle().started("a", noop).document()));
    await Bun.write(join(cwd, ".akc/project.yaml"), "outputs_root: kept\n");
    await akc(["runtime", "start", "--bundle", file, "--mode", "simulate"], { cwd });
    const count = async (flags: readonly string[], env = {}) =>
      JSON.parse((await akc(["runtime", "list", "-o", "json", ...flags], { cwd, env })).stdout).total;
    expect(await count([])).toBe(1);
    expect(await count(["--outputs-root", "."])).toBe(0);
    expect(await count([], { AKC_OUTPUTS_ROOT: "elsewhere" })).toBe(0);
    expect(await count([], { AKC_OUTPUTS_ROOT: "kept" })).toBe(1);
  });
});

test("a reader that goes away is a quiet end", async () => {
  const { stdout, stderr } = await shell(
    '(for i in 1 2 3 4 5 6 7 8; do "$AKC" --help; done; "$AKC" --help; echo "exit $?" >&2) | head -n 1',
  );
  expect(stdout).toStartWith("akc: ");
  expect(stderr).toBe("exit 0\n");
});

test("a full disk under stdout is an error, not silence", async () => {
  const { exit, stderr } = await shell('"$AKC" --help >/dev/full');
  expect({ exit, code: /\[(\w+)\]/.exec(stderr)?.[1] }).toEqual({ exit: 1, code: "DISK_FULL" });
});

test("colours only on a terminal, and never with NO_COLOR or --no-color", async () => {
  const plain = await akc(["--help"]);
  expect(plain.stdout).not.toContain(esc);
  expect((await onTerminal(["--help"])).screen).toContain(esc);
  for (const options of [{ env: { NO_COLOR: "1" } }, { env: { TERM: "dumb" } }]) {
    expect((await onTerminal(["--help"], options)).screen).not.toContain(esc);
  }
  expect((await onTerminal(["--help", "--no-color"])).screen).not.toContain(esc);
});

test("control characters in what akc was given never reach the terminal", async () => {
  const { stderr } = await akc(["bundle", "hash", `evil${esc}[2Jname\nerror: forged`]);
  expect(stderr).not.toContain(esc);
  expect(stderr.split("\n").filter((line) => line.startsWith("error:")).length).toBe(1);
});

test("in an empty folder the list of runs is empty, in every format", async () => {
  await inFolder(async (cwd) => {
    const text = await akc(["runtime", "list"], { cwd });
    expect({ exit: text.exit, stdout: text.stdout }).toEqual({ exit: 0, stdout: "" });
    expect(text.stderr).toContain(`no runs below ${cwd}`);
    const elsewhere = await akc(["runtime", "list", "--tenant-id", "acme", "--repo-id", "shop"], { cwd });
    expect(elsewhere.stderr).toContain(`no runs of tenant acme and repository shop below ${cwd}`);
    const json = await akc(["runtime", "list", "-o", "json"], { cwd });
    expect(JSON.parse(json.stdout)).toEqual({ kind: "RunList", items: [], total: 0 });
    const missing = await akc(["runtime", "status", "0193abcd"], { cwd });
    expect(missing.exit).toBe(2);
    expect(missing.stderr).toContain("[RUN_NOT_FOUND]");
  });
});

test("a fault shows its stack only when asked, and never minified source", async () => {
  const quiet = await akc(["bundle", "hash", "nope"]);
  expect(quiet.stderr).not.toContain("at ");
  const loud = await akc(["bundle", "hash", "nope", "--verbose"]);
  expect(loud.stderr).toContain("at: ");
  const debug = await akc(["bundle", "hash", "nope"], { env: { AKC_DEBUG: "1" } });
  expect(debug.stderr).toContain("at: ");
  for (const { stderr } of [quiet, loud, debug]) {
    expect(Math.max(...stderr.split("\n").map((line) => line.length))).toBeLessThan(300);
  }
});

test("the binary reads no .env and runs no bunfig.toml of the working directory", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
    await Bun.write(join(cwd, "evil.ts"), 'console.log("EVIL");');
    await Bun.write(join(cwd, "package.json"), '{"imports": {"#x": "./evil.ts"}}');
    await Bun.write(join(cwd, ".env"), "AKC_OUTPUTS_ROOT=from-dotenv\nAKC_DEBUG=1\n");
    const { exit, stdout, stderr } = await akc(["runtime", "status", "0193abcd"], { cwd });
    expect(exit).toBe(2);
    expect(stdout + stderr).not.toContain("EVIL");
    expect(stderr).not.toContain("from-dotenv");
    expect(stderr).not.toContain("at: ");
  });
});

test("code cannot be put into the process through the environment", async () => {
  await inFolder(async (cwd) => {
    await Bun.write(join(cwd, "evil.ts"), 'console.log("EVIL");');
    const preload = await akc(["--help"], { cwd, env: { BUN_OPTIONS: "--preload ./evil.ts" } });
    expect(preload.exit).not.toBe(0);
    expect(preload.stdout).not.toContain("EVIL");
    const harmless = await akc(["--help"], { cwd, env: { BUN_OPTIONS: "--smol" } });
    expect(harmless.exit).toBe(2);
    expect(harmless.stderr).toContain("[ENVIRONMENT_REFUSED]");
    const inspected = await akc(["--help"], { cwd, env: { BUN_INSPECT: "ws://127.0.0.1:1/" } });
    expect(inspected.exit).not.toBe(0);
    const unchecked = await akc(["--help"], { cwd, env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
    expect(unchecked.stderr).toContain("[ENVIRONMENT_REFUSED]");
  });
});

test("the binary holds nothing of the environment that it was built in", async () => {
  const artefact = Buffer.from(await Bun.file(binary).arrayBuffer());
  // scripts/test.ts builds with this variable set; the folder is what every build of this machine could leak.
  const marker = process.env["AKC_TEST_BUILD_MARKER"];
  for (const secret of [marker, root, process.env["PATH"]].filter((text) => (text?.length ?? 0) > 8)) {
    expect(artefact.includes(secret ?? "")).toBe(false);
  }
});

test("docs/exit-codes.md says what the codes mean", async () => {
  const { exitCodes } = await import("../../src/cli/exit-codes.ts");
  const page = await Bun.file(join(root, "docs/exit-codes.md")).text();
  for (const [code, meaning] of Object.entries(exitCodes)) expect(page).toContain(`| ${code} | ${meaning}`);
});

function leafPaths(group: Group, path: readonly string[]): string[][] {
  return Object.entries(group.nodes).flatMap(([name, node]) =>
    node.kind === "leaf" ? [[...path, name]] : leafPaths(node, [...path, name]),
  );
}

/** An example is copied as it stands; breaking it over two lines would spoil it. */
function isExample(line: string): boolean {
  return /^ {2}(akc|curl) /.test(line);
}
