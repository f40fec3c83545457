/** Programs that only some hosts have: shells to complete in, and checkers of manual pages. Says loudly what is not there. */
import { tmpdir } from "node:os";
import { join } from "node:path";

let tried: Promise<void> | undefined;

/** Absolute path, or undefined where it cannot be had. */
export async function installed(
  name: "bash" | "zsh" | "fish" | "mandoc" | "man",
): Promise<string | undefined> {
  if (Bun.which(name) === null) {
    tried ??= install();
    await tried;
  }
  const found = Bun.which(name);
  if (found === null) console.error(`SKIPPED: no ${name} here; AKC_TEST_INSTALL=1 lets it be installed`);
  return found ?? undefined;
}

async function install(): Promise<void> {
  if (process.env["AKC_TEST_INSTALL"] !== "1") return;
  const child = Bun.spawn([join(import.meta.dir, "shells.sh"), "up"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? tmpdir(),
      AKC_ENV_DIR: process.env["AKC_ENV_DIR"] ?? join(process.env["HOME"] ?? tmpdir(), ".cache", "akc-env"),
      AKC_TEST_INSTALL: "1",
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  await child.exited;
}
