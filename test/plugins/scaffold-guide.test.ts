/** docs/plugin-guide.md from top to bottom, as a reader would type it: its files written, its commands run, in one folder. */
import { afterAll, expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { scaffoldFiles } from "../../src/cli/plugin/scaffold.ts";
import { parseManifest } from "../../src/plugin-host/manifest.ts";

const root = join(import.meta.dir, "../..");
const guide = readFileSync(join(root, "docs/plugin-guide.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "akc-test-guide-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Block {
  readonly language: string;
  readonly note: string;
  readonly text: string;
}

const blocks: readonly Block[] = [...guide.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = "", note = "", text = ""]) => ({ language, note, text }),
);

/** What the shell keeps from one block to the next. */
let variables: Record<string, string> = {
  HOME: folder,
  PATH: process.env["PATH"] ?? "",
  AKC: `${process.execPath} ${join(root, "src/main.ts")}`,
};

async function type(text: string, signal: string | undefined): Promise<{ code: number; said: string }> {
  const script = `akc() { $AKC "$@"; }\nset -e\n${text}\necho "PLUGINS=\${AKC_PLUGINS_DIR:-}"`;
  const ended = signal === undefined ? script : `exec ${variables["AKC"]} ${text.replace(/^akc /, "")}`;
  const shell = Bun.spawn(["sh", "-c", ended], {
    cwd: folder,
    env: variables,
    stdout: "pipe",
    stderr: "pipe",
  });
  if (signal === "SIGINT") {
    const reader = shell.stdout.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toContain("ready    acme/greeter 0.1.0");
    shell.kill("SIGINT");
    return { code: await shell.exited, said: "" };
  }
  const [said, complaint, code] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
    shell.exited,
  ]);
  const plugins = /^PLUGINS=(.+)$/m.exec(said)?.[1];
  if (plugins !== undefined) variables = { ...variables, AKC_PLUGINS_DIR: plugins };
  return { code, said: said + complaint };
}

test("every command of the guide does what it says, in the order in which it stands there", async () => {
  cpSync(join(root, "examples/plugins/greet.runtime_bundle.json"), join(folder, "greet.runtime_bundle.json"));
  let commands = 0;
  let said = "";
  for (const { language, note, text } of blocks) {
    const file = /^file=(.+)$/.exec(note)?.[1];
    if (file !== undefined) writeFileSync(join(folder, file), text);
    if (language !== "sh") continue;
    const signal = /^ends-by=(.+)$/.exec(note)?.[1];
    const ran = await type(text.trim(), signal);
    expect({ text, ...ran }).toMatchObject({ code: signal === undefined ? 0 : 130 });
    said += ran.said;
    commands += text.split("\n").filter((line) => line.startsWith("akc ")).length;
  }
  expect(commands).toBeGreaterThan(12);
  expect(said).not.toContain("FAIL");
  expect(said).toContain("1 of 1 done");
}, 180_000);

test("the permissions in the guide are ones that a manifest may ask for", () => {
  const permissions = blocks.find(({ text }) => text.startsWith("permissions:"))?.text ?? "";
  const [manifest] = scaffoldFiles({ id: "acme/greeter", kind: "adapter", language: "ts", directory: "." });
  const read = parseManifest(`${manifest?.text}${permissions}`, "plugin.yaml");
  expect(read.manifest.permissions.run).toEqual(["git"]);
  expect(Object.keys(parse(permissions).permissions)).toHaveLength(6);
});

test("every page and folder that the guide leads to is there", () => {
  const links = [...guide.matchAll(/\]\(([^)#]+)\)/g)].map((found) => found[1] ?? "");
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !existsSync(join(root, "docs", link)))).toEqual([]);
});
