/**
 * A real adb for tests, with a server of its own and no device, ended when it is released. A machine that can have none is told
 * so loudly, never silently.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Adb {
  /** ANDROID_ADB_SERVER_PORT and HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** Must be called at the end. */
  release(): Promise<void>;
}

/** @returns undefined where none can be had */
export async function acquireAdb(): Promise<Adb | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "akc-adb-"));
  const release = async () => {
    await run(folder, "down");
    rmSync(folder, { recursive: true, force: true });
  };
  const up = await run(folder, "up");
  if (up.exitCode !== 0) {
    console.error(`SKIPPED: no adb here: ${up.stderr.trim()}`);
    await release();
    return undefined;
  }
  const { stdout } = await run(folder, "env");
  const env = Object.fromEntries(
    [...stdout.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
  return { env, release };
}

async function run(folder: string, verb: string) {
  const child = Bun.spawn([join(import.meta.dir, "adb.sh"), verb], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      AKC_ENV_DIR: folder,
      AKC_TEST_INSTALL: process.env["AKC_TEST_INSTALL"] ?? "",
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}
