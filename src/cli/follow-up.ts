/**
 * Commands that are printed to be typed next. Each works as it is printed, in the folder and the shell in which it is
 * read: it names this binary as that shell would find it, and every place that is not the default one.
 */
import { realpathSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { shellWord } from "../policy/shell-word.ts";
import type { Environment, Io } from "./io.ts";
import { outputsRootOf } from "./outputs-root.ts";

/** `akc runtime events 0193f2c1 --outputs-root out`, for a run below `outputsRoot`. */
export async function followUpOnRun(
  io: Io,
  words: readonly string[],
  { outputsRoot }: { readonly outputsRoot: string },
): Promise<string> {
  // Where even the working directory is gone, the place is named.
  const usual = await outputsRootOf(io, undefined).catch(() => undefined);
  return followUp(
    io,
    usual === outputsRoot ? words : [...words, "--outputs-root", seenFromHere(outputsRoot)],
  );
}

/** `akc policy explain --bundle release.json` */
export function followUp(io: Io, words: readonly string[]): string {
  return [programName(io.env), ...words].map(shellWord).join(" ");
}

/** A path as short as it is safe: relative to the working directory when it lies there. */
export function seenFromHere(path: string): string {
  const near = relativeTo(workingDirectory(), path);
  if (near === undefined) return path;
  if (near === "") return ".";
  const outside = isAbsolute(near) || near === ".." || near.startsWith(`..${sep}`);
  // A name that begins with a dash would be read as a flag.
  return outside ? resolve(path) : near.startsWith("-") ? `./${near}` : near;
}

function relativeTo(folder: string | undefined, path: string): string | undefined {
  return folder === undefined ? undefined : relative(folder, resolve(path));
}

/** Undefined when somebody removed it meanwhile. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/** What a shell must be told to start this binary again. */
function programName(env: Environment): string {
  if (!Bun.isStandaloneExecutable) return "akc";
  const found = Bun.which("akc", { PATH: env["PATH"] ?? "" });
  if (found !== null && isSameFile(found, process.execPath)) return "akc";
  const near = seenFromHere(process.execPath);
  // A shell looks a bare name up in PATH, not in the folder where it stands.
  return near.includes("/") ? near : `./${near}`;
}

function isSameFile(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}
