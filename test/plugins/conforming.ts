/** The conformance kit as tests use it: on folders, with Deno where npm has one for this platform. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestResult, testPlugin } from "../../src/plugin-host/conformance/test-plugin.ts";

const root = join(import.meta.dir, "../..");
export const examples = join(root, "examples/plugins");

/** Deno's own program, or undefined with a word of why. */
export function denoProgram(): string | undefined {
  const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
  const path = join(root, "node_modules/@deno", platform, "deno");
  if (existsSync(path)) return path;
  console.warn(
    `SKIPPED on Deno: there is no ${path}; npm install brings it where there is one for the platform`,
  );
  return undefined;
}

export async function conformance(folder: string, more: Record<string, string> = {}): Promise<TestResult> {
  const deno = denoProgram();
  const env = { HOME: tmpdir(), ...(deno === undefined ? {} : { AKC_DENO: deno }), ...more };
  return testPlugin(folder, { env });
}

/** What did not hold, in words; empty when all did. */
export function faults({ rows }: TestResult): readonly string[] {
  return rows.filter(({ verdict }) => verdict === "fail").map(({ check, why }) => `${check}: ${why}`);
}

/** A copy of a plugin's folder with some files changed; gone with `remove`. */
export function copyOf(folder: string, changes: Readonly<Record<string, (text: string) => string>>) {
  const copy = mkdtempSync(join(tmpdir(), "akc-test-copy-"));
  cpSync(folder, copy, { recursive: true });
  for (const [name, change] of Object.entries(changes)) {
    const path = join(copy, name);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }
  return { folder: copy, remove: () => rmSync(copy, { recursive: true, force: true }) };
}
