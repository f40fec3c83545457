/**
 * Reads a plugin's archive: a gzipped tar of plain files and folders, and nothing else.
 * Works in memory and writes nothing; every size and count is bounded before it is believed, and what could lead out of
 * the folder, or mean two things, refuses the whole archive.
 *
 * Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar, type L.
 */
import { gunzipSync } from "node:zlib";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { manifestFile } from "./contract.ts";

export interface ArchivedFile {
  readonly bytes: Uint8Array;
  readonly executable: boolean;
}

/** Path with `/` → file. Folders are what the paths say. */
export type Archive = ReadonlyMap<string, ArchivedFile>;

/** @throws AkcError PLUGIN_ARCHIVE_INVALID */
export function readArchive(bytes: Uint8Array): Archive {
  const tar = isGzip(bytes) ? unzipped(bytes) : bytes;
  const files = entriesOf(tar);
  if (files.size === 0) throw invalid("it holds no files");
  return withoutTopFolder(files);
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unzipped(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: limits.pluginUnpackedBytesMax });
  } catch (cause) {
    throw invalid("it cannot be unzipped, or becomes too large", cause);
  }
}

const blockBytes = 512;

interface Header {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly mode: number;
}

function entriesOf(tar: Uint8Array): Map<string, ArchivedFile> {
  const files = new Map<string, ArchivedFile>();
  const folders = new Set<string>();
  let longName: string | undefined;
  for (let at = 0; ; ) {
    if (at + blockBytes > tar.length) throw invalid("it ends in the middle");
    const block = tar.subarray(at, at + blockBytes);
    if (block.every((byte) => byte === 0)) {
      if (longName !== undefined) throw invalid("a long name belongs to no file");
      return files;
    }
    const header = headerOf(block);
    const start = at + blockBytes;
    const end = start + header.sizeBytes;
    at = start + Math.ceil(header.sizeBytes / blockBytes) * blockBytes;
    if (end > tar.length) throw invalid("it ends in the middle");
    const content = tar.subarray(start, end);
    switch (header.type) {
      case "g":
        // git and others put a comment there; a name for all files would be nonsense.
        if (paxNames(content).size > 0) throw invalid("a global header names a file");
        break;
      case "x":
      case "L":
        if (longName !== undefined) throw invalid("a file has two long names");
        longName = header.type === "L" ? textOf(content).replace(/\0+$/, "") : paxNames(content).get("path");
        break;
      case "0":
      case "\0":
      case "5": {
        add(files, folders, longName ?? header.name, header, content);
        longName = undefined;
        break;
      }
      default:
        throw invalid(`it holds ${kinds[header.type] ?? `an entry of type ${JSON.stringify(header.type)}`}`);
    }
  }
}

const kinds: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a device",
  "4": "a device",
  "6": "a pipe",
  "7": "a contiguous file",
  K: "a link with a long target",
  S: "a sparse file",
};

function add(
  files: Map<string, ArchivedFile>,
  folders: Set<string>,
  name: string,
  { type, mode, sizeBytes }: Header,
  bytes: Uint8Array,
): void {
  const folder = type === "5";
  if (folder && sizeBytes > 0) throw invalid("a folder has content");
  const path = safePath(name, folder);
  if (path === "") return;
  if (files.has(path) || (!folder && folders.has(path))) throw invalid(`it holds ${shown(path)} twice`);
  const above = path.split("/").slice(0, -1);
  for (let depth = 1; depth <= above.length; depth++) {
    const parent = above.slice(0, depth).join("/");
    if (files.has(parent)) throw invalid(`${shown(parent)} is a file and a folder`);
    folders.add(parent);
  }
  if (folder) folders.add(path);
  else files.set(path, { bytes, executable: (mode & 0o100) !== 0 });
  if (files.size + folders.size > limits.pluginFilesMax) {
    throw invalid(`it holds more than ${limits.pluginFilesMax} files`);
  }
}

/** The path below the plugin's folder; empty for the folder itself. */
function safePath(name: string, folder: boolean): string {
  const path = name.replace(/^(?:\.\/)+/, "").replace(folder ? /\/+$/ : /$^/, "");
  if (path === "." || path === "") {
    if (folder) return "";
    throw invalid("a file has no name");
  }
  const parts = path.split("/");
  const unsafe =
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    /[\0-\x1f\x7f\\\ufffd]/.test(path) ||
    parts.some((part) => part === "" || part === "." || part === "..") ||
    path.length > limits.pluginPathCharsMax ||
    parts.length > limits.pluginPathDepthMax ||
    parts.some((part) => new TextEncoder().encode(part).length > 255);
  if (unsafe) throw invalid(`the path ${shown(path)} is not one below a plugin's folder`);
  return path;
}

function headerOf(block: Uint8Array): Header {
  const sum = numberIn(block.subarray(148, 156));
  const counted = block.reduce(
    (total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte),
    0,
  );
  if (sum !== counted) throw invalid("a header's checksum is wrong: it is no tar, or it is damaged");
  const name = textOf(upToNul(block.subarray(0, 100)));
  const isUstar = textOf(block.subarray(257, 263)) === "ustar\0";
  const prefix = isUstar ? textOf(upToNul(block.subarray(345, 500))) : "";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[156] ?? 0),
    sizeBytes: sizeOf(block.subarray(124, 136)),
    mode: octal(block.subarray(100, 108)),
  };
}

function sizeOf(field: Uint8Array): number {
  const size = octal(field);
  if (size > limits.pluginUnpackedBytesMax) throw invalid("a file in it is too large");
  return size;
}

/** Digits, then blanks or NULs. The binary form of GNU tar is for sizes that are refused anyway. */
function octal(field: Uint8Array): number {
  const number = numberIn(field);
  if (number === undefined) throw invalid("a number in a header cannot be read");
  return number;
}

function numberIn(field: Uint8Array): number | undefined {
  const [, digits] = /^ *([0-7]{1,12})[ \0]*$/.exec(String.fromCharCode(...field)) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

/** The members of a pax header that say what a file is called or how long it is; the rest does not matter here. */
function paxNames(content: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const length = Number(space < 0 ? Number.NaN : textOf(content.subarray(at, space)));
    const end = at + length;
    if (
      !Number.isSafeInteger(length) ||
      length <= space - at + 2 ||
      end > content.length ||
      content[end - 1] !== 0x0a
    ) {
      throw invalid("an extended header cannot be read");
    }
    const record = textOf(content.subarray(space + 1, end - 1));
    const equals = record.indexOf("=");
    const key = record.slice(0, equals);
    if (equals < 1) throw invalid("an extended header cannot be read");
    if (key === "size" || key === "linkpath" || key.startsWith("GNU.sparse")) {
      throw invalid(`an extended header sets ${shown(key)}`);
    }
    if (key === "path") found.set(key, record.slice(equals + 1));
    at = end;
  }
  return found;
}

/** An archive of a folder, as `tar czf x.tar.gz x` and code hosts make it. */
function withoutTopFolder(files: ReadonlyMap<string, ArchivedFile>): Archive {
  if (files.has(manifestFile)) return files;
  const tops = new Set([...files.keys()].map((path) => path.slice(0, path.indexOf("/") + 1)));
  const [top = ""] = tops;
  if (tops.size !== 1 || !files.has(`${top}${manifestFile}`)) {
    throw invalid(`it has no ${manifestFile} at its top`);
  }
  return new Map([...files].map(([path, file]) => [path.slice(top.length), file]));
}

function upToNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function invalid(why: string, cause?: unknown): AkcError {
  return new AkcError("PLUGIN_ARCHIVE_INVALID", {
    message: `the file is not a plugin's archive: ${why}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
