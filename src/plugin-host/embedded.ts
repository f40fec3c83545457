/**
 * The plugins that akc brings along, on disk: a private folder named after their content, made whole or not at all. What
 * stands there is compared with what akc holds each time; it is never trusted for being there.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";

/** Path below the plugins' folder, with `/` → text. */
export type PluginTexts = Readonly<Record<string, string>>;

/** What the build put into the binary; not there when akc runs from source. */
declare const AKC_EMBEDDED_PLUGINS: PluginTexts;

/** All files of a folder of plugins but their tests. */
export function pluginTexts(folder: string): PluginTexts {
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Object.fromEntries(
    names.map((path) => [path.slice(folder.length).replace(/^\/+/, ""), readFileSync(path, "utf8")]),
  );
}

/** The folder that holds them, absolute; undefined when there are none. @throws AkcError PLUGIN_START_FAILED */
export function embeddedPlugins(cacheRoot: string): string | undefined {
  const texts =
    typeof AKC_EMBEDDED_PLUGINS === "undefined"
      ? pluginTexts(join(import.meta.dir, "../../plugins"))
      : AKC_EMBEDDED_PLUGINS;
  if (Object.keys(texts).length === 0) return undefined;
  const folder = join(cacheRoot, `embedded-${sha256Hex(JSON.stringify(texts)).slice(0, 32)}`);
  try {
    if (!isExactly(folder, texts)) unpack(folder, texts);
    return folder;
  } catch (cause) {
    throw new AkcError("PLUGIN_START_FAILED", {
      message: `cannot write ${folder}`,
      hint: "Choose another cache folder with XDG_CACHE_HOME.",
      cause,
    });
  }
}

function isExactly(folder: string, texts: PluginTexts): boolean {
  if (!existsSync(folder)) return false;
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return (
    there.length === Object.keys(texts).length &&
    there.every(
      (name) => Object.hasOwn(texts, name) && readFileSync(join(folder, name), "utf8") === texts[name],
    )
  );
}

function unpack(folder: string, texts: PluginTexts): void {
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  const temporary = mkdtempSync(`${folder}.`);
  try {
    for (const [name, text] of Object.entries(texts)) {
      const path = join(temporary, name);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(path, text, { mode: 0o600 });
    }
    if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    // Another akc was as quick.
    if (!isExactly(folder, texts)) throw cause;
  }
}
