/**
 * The files that say what is to stand: read once, held against their pinned digest, kept as text, and laid out in a private folder
 * for as long as one command needs them. It never applies a file of the repository itself: that may change in between.
 *
 * Source: spec reconcile §4.4, §4.6.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { AkcError } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import { limits } from "../../limits.ts";
import { readFileBounded, resolveConfined } from "../../system/files.ts";
import type { ComposeSettings, PinnedManifest } from "./settings.ts";
import type { ComposeFile } from "./snapshot.ts";

/**
 * The manifest, if there is one, and the other files behind it, in the order in which Compose merges them.
 * @throws AkcError DESIRED_STATE_INVALID, PATH_UNSAFE, FILE_NOT_FOUND, FILE_UNREADABLE, JSON_TOO_LARGE
 */
export async function readComposeFiles(
  repoRoot: string,
  { composeFiles }: ComposeSettings,
  manifest: PinnedManifest | undefined,
): Promise<readonly ComposeFile[]> {
  const read = new Map<string, ComposeFile>();
  const paths = [...(manifest === undefined ? [] : [manifest.path]), ...composeFiles];
  for (const path of paths) {
    const place = await resolveConfined(repoRoot, path);
    if (read.has(place)) continue;
    const bytes = await readFileBounded(place, limits.yamlTextBytesMax);
    if (path === manifest?.path) refuseOtherBytes(bytes, manifest);
    const content = textOf(bytes, path);
    refuseOtherFiles(content, path);
    read.set(place, { path, content });
  }
  return [...read.values()];
}

function refuseOtherBytes(bytes: Uint8Array, { path, sha256 }: PinnedManifest): void {
  const found = sha256Hex(bytes);
  if (found === sha256) return;
  throw new AkcError("DESIRED_STATE_INVALID", {
    message: `the manifest ${path} is not the one that the bundle pins`,
    hint: "Compile the bundle anew, or bring back the file whose SHA-256 is apply_manifest_sha256.",
    details: { path, found, pinned: sha256, gate: "manifest_sha256" },
  });
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AkcError("DESIRED_STATE_INVALID", {
      message: `the Compose file ${path} is not UTF-8`,
      details: { path },
      cause,
    });
  }
}

/** What `include` and `extends` name is not pinned, and a revision that was kept could not be made again without it. */
function refuseOtherFiles(content: string, path: string): void {
  const named = otherFilesIn(content);
  if (named.length === 0) return;
  throw new AkcError("DESIRED_STATE_INVALID", {
    message: `the Compose file ${path} refers to other files (${named.join(", ")}) that no digest pins`,
    hint: "Write it out with `docker compose config --no-interpolate`, and pin the result.",
    details: { path, named },
  });
}

/** Where `content` draws in other Compose files, e.g. `services.web.extends.file`. Text that is no YAML draws in none. */
export function otherFilesIn(content: string): readonly string[] {
  let document: unknown;
  try {
    document = parse(content, { merge: true, logLevel: "silent" });
  } catch {
    // Compose says what is wrong with it, with line and column.
    return [];
  }
  const found = memberOf(document, "include") === undefined ? [] : ["include"];
  const services = memberOf(document, "services");
  if (typeof services !== "object" || services === null) return found;
  for (const [name, service] of Object.entries(services)) {
    if (memberOf(memberOf(service, "extends"), "file") !== undefined)
      found.push(`services.${name}.extends.file`);
  }
  return found;
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

export interface LaidOut {
  readonly folder: string;
  /** Arguments of `docker compose`: project, folder, files. */
  readonly args: readonly string[];
}

export interface Layout {
  readonly project: string;
  /** Absolute. */
  readonly workingDir: string;
  readonly files: readonly ComposeFile[];
  /** Behind the files. */
  readonly override?: string;
}

/** Gives `use` the files in a folder that only this user can read, and takes it away however that ends. */
export async function withLaidOut<Answer>(
  layout: Layout,
  use: (laidOut: LaidOut) => Promise<Answer>,
): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), "akc-compose-"));
  try {
    const texts = layout.files.map(({ content }) => content);
    if (layout.override !== undefined) texts.push(layout.override);
    const names: string[] = [];
    for (const [index, text] of texts.entries()) {
      const name = join(folder, fileName(index));
      await writeFile(name, text, { mode: 0o600, flag: "wx" });
      names.push(name);
    }
    return await use({ folder, args: [...argsOf(layout), ...names.flatMap((name) => ["-f", name])] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The name under which docker speaks of the file at `index`. */
export function fileName(index: number): string {
  return `compose-${index + 1}.yaml`;
}

function argsOf({ project, workingDir }: Layout): readonly string[] {
  return [
    "compose",
    "--ansi=never",
    `--project-name=${project}`,
    `--project-directory=${workingDir}`,
    // A file `.env` beside the manifest would be filled in and is pinned by nothing.
    "--env-file=/dev/null",
    // A service behind a profile is as good as any other: it was asked for by name.
    "--profile=*",
  ];
}
