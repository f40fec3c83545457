/** Plugin folders for tests: real ones, below a temporary directory that the test owns. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface Written {
  readonly id?: string;
  readonly version?: string;
  readonly runtime?: string;
  /** Lines at the end of the manifest. */
  readonly more?: string;
  /** Path → content; an executable's begins with `#!`. */
  readonly files?: Readonly<Record<string, string>>;
}

export function manifestText({
  id = "acme/probe",
  version = "1.0.0",
  runtime,
  more = "",
}: Written = {}): string {
  return `schema: akc.plugin/v1
id: ${id}
version: ${version}
kind: validator
api: 1
${runtime ?? "runtime: bun\nentry: index.ts"}
capabilities:
  validator: { probe: [http_slo] }
${more}`;
}

/** Writes a plugin's folder at `root`. */
export function writePlugin(root: string, written: Written = {}): string {
  const files = { "index.ts": "export {};\n", ...written.files, "plugin.yaml": manifestText(written) };
  writeFiles(root, written.files?.["plugin.yaml"] === undefined ? files : { ...files, ...written.files });
  return root;
}

export function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(root, { recursive: true, mode: 0o755 });
  for (const [path, content] of Object.entries(files)) {
    const place = join(root, path);
    mkdirSync(dirname(place), { recursive: true, mode: 0o755 });
    writeFileSync(place, content, { mode: 0o644 });
    chmodSync(place, content.startsWith("#!") ? 0o755 : 0o644);
  }
}

/** A temporary directory that is gone when the test is over: `using place = temporary()`. */
export function temporary(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "akc-plugins-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
