/** `akc validate bindings` and `akc validate schema`, from the built binary. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { root } from "../e2e/akc.ts";
import { inWorld, type World } from "../e2e/world.ts";

const example = join(root, "examples/validation/validator_bindings.yaml");
const plugins = join(root, "examples/plugins");

/** Writes a file beside the outputs. Returns its path. */
async function beside({ side }: World, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(side, name);
  await Bun.write(path, content);
  return path;
}

const one = (id: string) => `bindings:\n  ${id}: {kind: command, argv: ["true"]}\n`;

test("each binding is printed with what it needs and what of that is missing here", async () => {
  await inWorld(async ({ akc }) => {
    const { code, stdout, stderr } = await akc(["validate", "bindings", example, "-o", "json"]);
    expect([code, stderr]).toEqual([0, ""]);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ kind: "ValidatorBindings", valid: true, path: example });
    expect(report.items.length).toBe(12);
    expect(report.items[0]).toMatchObject({
      id: "checkout.errors",
      kind: "promql_query",
      target: "prometheus-eu",
      needs: { hosts: ["prometheus.acme.test:443"], secrets: ["prometheus_token"], tools: [] },
      settings: { secret_headers: { Authorization: { secret: "prometheus_token", prefix: "Bearer " } } },
    });
    expect(report.items[0].missing).toContainEqual({
      what: "secret",
      name: "prometheus_token",
      why: "the operator's policy does not say where it is",
    });
    const simulator = report.items.find(({ id }: { readonly id: string }) => id === "pay.ios.screen");
    if (process.platform !== "darwin") {
      expect(simulator.missing).toContainEqual({ what: "tool", name: "xcrun", why: "not on this host" });
    }
    const yaml = await akc(["validate", "bindings", example, "-o", "yaml"]);
    expect(Bun.YAML.parse(yaml.stdout)).toEqual(report);
    const text = await akc(["validate", "bindings", example]);
    expect(text.stdout).toContain("bindings  12");
    for (const { id } of report.items) expect(text.stdout).toContain(`\n${id} `);
    expect(text.stdout).not.toContain("\u001b");
  });
});

test("a secret that the operator's policy can give is not missing, and its value is shown nowhere", async () => {
  await inWorld(async (world) => {
    await beside(world, "token", "s3cr3t-of-mine\n");
    const told = async (sendTo: string) => {
      const source = `{file: ${join(world.side, "token")}, send_to: [${sendTo}]}`;
      const text = `schema: akc.policy/v1\nplugins:\n  secrets:\n    prometheus_token: ${source}\n`;
      const policy = await beside(world, "policy.yaml", text);
      const asked = ["validate", "bindings", example, "--policy", policy, "-o", "json"];
      const { code, stdout } = await world.akc(asked);
      expect(code).toBe(0);
      expect(stdout).not.toContain("s3cr3t");
      const { missing } = JSON.parse(stdout).items[0];
      return missing.filter(({ what }: { readonly what: string }) => what === "secret");
    };
    expect(await told("https://prometheus.acme.test")).toEqual([]);
    expect(await told("https://elsewhere.example.com")).toMatchObject([{ name: "prometheus_token" }]);
  });
});

test("a file that a binding names and that is not there is missing, and the registry valid", async () => {
  await inWorld(async (world) => {
    const path = await beside(
      world,
      "r.yaml",
      "bindings:\n  f: {kind: maestro_flow, platform: ios, flow_path: none.yaml}\n",
    );
    const { code, stdout } = await world.akc(["validate", "bindings", path, "-o", "json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).items[0].missing).toContainEqual({
      what: "file",
      name: join(world.side, "none.yaml"),
      why: "not there",
    });
  });
});

test("the kind of a plugin is known where the plugin is found", async () => {
  await inWorld(async ({ akc }) => {
    const registry = join(root, "examples/validation/with-plugin.yaml");
    const known = await akc(["validate", "bindings", registry, "--plugins-dir", plugins, "-o", "json"]);
    expect(known.code).toBe(0);
    expect(JSON.parse(known.stdout).items[0].needs.plugins).toEqual(["akc-examples/disk-space"]);
    const unknown = await akc(["validate", "bindings", registry]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("nothing judges bindings of the kind `disk-space`");
  });
});

test("a registry with faults is refused with each of them, in text and for programs", async () => {
  await inWorld(async (world) => {
    const path = await beside(
      world,
      "r.yaml",
      "bindings:\n  a:\n    kind: promql_query\n    url: https://h/\n    query: up\n    timeut_ms: 5\n  b: {kind: comand}\n",
    );
    const text = await world.akc(["validate", "bindings", path]);
    expect([text.code, text.stdout]).toEqual([2, ""]);
    expect(text.stderr).toContain(
      "/bindings/a/timeut_ms (line 6, column 5): unknown key `timeut_ms`; did you mean `timeout_ms`?",
    );
    expect(text.stderr).toContain("/bindings/b/kind (line 7, column 13): ");
    const json = await world.akc(["validate", "bindings", path, "-o", "json"]);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({
      kind: "Error",
      code: "BINDINGS_INVALID",
      issue_count: 2,
    });
  });
});

test("the file named goes before the project's, that before the default, and none is no fault", async () => {
  await inWorld(async (world) => {
    const ids = async (...args: readonly string[]) => {
      const { code, stdout } = await world.akc(["validate", "bindings", ...args, "-o", "json"]);
      expect(code).toBe(0);
      return JSON.parse(stdout).items.map(({ id }: { readonly id: string }) => id);
    };
    expect(await ids()).toEqual([]);
    await beside(world, "configs/validation/validator_bindings.v1.yaml", one("by-default"));
    expect(await ids()).toEqual(["by-default"]);
    await beside(world, "flat.yaml", one("by-flat"));
    await beside(world, ".akc/project.json", '{"validation_bindings_path": "flat.yaml"}');
    expect(await ids()).toEqual(["by-flat"]);
    await beside(world, "nested.yaml", one("by-nested"));
    await beside(
      world,
      ".akc/project.json",
      '{"validation": {"bindings_path": "nested.yaml"}, "validation_bindings_path": "flat.yaml"}',
    );
    expect(await ids()).toEqual(["by-nested"]);
    await beside(world, "named.yaml", one("named"));
    expect(await ids("named.yaml")).toEqual(["named"]);
    await beside(world, ".akc/project.json", '{"validation": {"bindings_path": "gone.yaml"}}');
    const gone = await world.akc(["validate", "bindings"]);
    expect(gone.code).toBe(2);
    expect(gone.stderr).toContain("[BINDINGS_NOT_FOUND]");
  });
});

test("odd files end in one typed error each", async () => {
  await inWorld(async (world) => {
    const cases: readonly (readonly [string, string | Uint8Array, string])[] = [
      ["empty.yaml", "", "the file is empty"],
      ["empty.json", "", "the text is not JSON"],
      ["bom.yaml", "\uFEFFbindings: {}", "byte-order mark"],
      ["latin.yaml", Uint8Array.of(0x62, 0xe9, 0x0a), "not valid UTF-8"],
      ["tab.yaml", "bindings:\n\ta: 1\n", "Tabs are not allowed"],
      ["long.yaml", `bindings: {}\n#${"x".repeat(5_000_000)}`, "[JSON_TOO_LARGE]"],
    ];
    for (const [name, content, says] of cases) {
      const { code, stderr } = await world.akc(["validate", "bindings", await beside(world, name, content)]);
      expect([name, code, stderr.includes(says)]).toEqual([name, 2, true]);
    }
    const folder = await world.akc(["validate", "bindings", world.side]);
    expect([folder.code, folder.stderr.includes("[FILE_UNREADABLE]")]).toEqual([2, true]);
    const none = await world.akc(["validate", "bindings", "none.yaml"]);
    expect([none.code, none.stderr.includes("[BINDINGS_NOT_FOUND]")]).toEqual([2, true]);
    const crlf = await beside(world, "crlf.yaml", one("a").replaceAll("\n", "\r\n"));
    expect((await world.akc(["validate", "bindings", crlf])).code).toBe(0);
    const bare = await beside(world, "bare.yaml", "bindings: {}\n");
    expect((await world.akc(["validate", "bindings", bare])).stdout).toContain("bindings  0\n");
  });
});

test("on a narrow terminal no line of the table is wider than it, and NO_COLOR is heeded", async () => {
  if (Bun.which("script") === null) return;
  await inWorld(async ({ shell }) => {
    const on = (columns: number, before = "") =>
      shell(`${before} script -qec "stty cols ${columns}; $AKC validate bindings ${example}" /dev/null`);
    for (const columns of [48, 80, 160]) {
      const { stdout } = await on(columns);
      const [, table = ""] = Bun.stripANSI(stdout).replaceAll("\r", "").split("\n\n");
      expect(table.split("\n").length).toBe(13);
      expect(table.split("\n").filter((line) => Bun.stringWidth(line) > columns)).toEqual([]);
    }
    expect((await on(80, "NO_COLOR=1")).stdout).not.toContain("\u001b[");
  });
});

test("the schema that is printed is the one that is published", async () => {
  await inWorld(async ({ akc }) => {
    const published = await Bun.file(join(root, "docs/validator_bindings.schema.json")).json();
    for (const flags of [[], ["-o", "json"]]) {
      const printed = await akc(["validate", "schema", ...flags]);
      expect([printed.code, JSON.parse(printed.stdout)]).toEqual([0, published]);
    }
  });
});
