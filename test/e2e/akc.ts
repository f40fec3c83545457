/** Runs the built binary as a user would: a real process, with a clean environment and a working directory of its own. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const root = join(import.meta.dir, "../..");
export const binary = join(root, "dist/akc");

if (!existsSync(binary))
  throw new Error("dist/akc is not there: run `npm test`, or `npm run build` before `bun test`");

export interface Ended {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
}

/** What a shell gives every process; nothing of the test's own environment. */
export const plainEnv = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: tmpdir(), LANG: "C.UTF-8" };

export async function akc(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = Bun.spawn([binary, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...plainEnv, ...options.env },
    stdin: options.stdin === undefined ? "ignore" : bytes(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [exit, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit, stdout, stderr };
}

/** Through `sh`, for pipes and redirections; `$AKC` is the binary. */
export async function shell(script: string, options: RunOptions = {}): Promise<Ended> {
  const child = Bun.spawn(["bash", "-c", script], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...plainEnv, ...options.env, AKC: binary },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [exit, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit, stdout, stderr };
}

/** On a terminal of its own; what a person would see, escapes included. */
export async function onTerminal(
  args: readonly string[],
  options: RunOptions & { readonly columns?: number; readonly rows?: number } = {},
): Promise<{ readonly exit: number; readonly screen: string }> {
  const decoder = new TextDecoder();
  let screen = "";
  const child = Bun.spawn([binary, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...plainEnv, TERM: "xterm-256color", ...options.env },
    terminal: {
      cols: options.columns ?? 80,
      rows: options.rows ?? 24,
      data: (_terminal, chunk) => {
        screen += decoder.decode(chunk, { stream: true });
      },
    },
  });
  const exit = await child.exited;
  child.terminal?.close();
  return { exit, screen };
}

export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "akc-e2e-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function bytes(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? new TextEncoder().encode(text) : text;
}
