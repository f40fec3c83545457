/**
 * What loading needs from the outside: the bundle's own text and a way to read the files it refers to. An interface
 * only; `run/bundle-files.ts` stands behind it on a disk, a map of values in a test.
 */
import type { JsonValue } from "../json/value.ts";

export interface BundleFiles {
  /**
   * Reads a JSON file below the repository root; undefined when there is none.
   * @throws AkcError PATH_UNSAFE, FILE_UNREADABLE, or a code of the JSON reader
   */
  read(relative: string): Promise<JsonValue | undefined>;
}

export interface BundleSource {
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  /** Absolute; `path` lies below it. Files are read below it and nowhere else. */
  readonly repoRoot: string;
  readonly text: string | Uint8Array;
  readonly files: BundleFiles;
}

/** The bundle's folder relative to the repository root, with `/` between its parts; empty when it is the root. */
export function bundleFolder(source: BundleSource): string {
  const path = source.path.replaceAll("\\", "/");
  const root = `${source.repoRoot.replaceAll("\\", "/").replace(/\/+$/, "")}/`;
  const relative = path.startsWith(root) ? path.slice(root.length) : (path.split("/").at(-1) ?? "");
  return relative.includes("/") ? relative.slice(0, relative.lastIndexOf("/")) : "";
}
