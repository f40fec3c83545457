/** A systemd of the tests' own, and programs run inside of it: empty at the beginning, gone at the end. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const script = join(import.meta.dir, "systemd.sh");

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class SystemdHost {
  /** Short: sockets live in it. */
  readonly #folder = mkdtempSync(join(tmpdir(), "akc-sd-"));
  /** PID of its first process. */
  #leader = "";
  readonly env: Readonly<Record<string, string>>;

  private constructor(suite: string) {
    this.env = {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "/root",
      AKC_ENV_DIR: this.#folder,
      AKC_TEST_INSTALL: process.env["AKC_TEST_INSTALL"] ?? "",
      AKC_SYSTEMD_SUITE: suite,
    };
  }

  /**
   * Undefined where it cannot be had; says so loudly.
   * @param suite of Debian, to have that one's systemd; else this machine's
   */
  static up(suite = ""): SystemdHost | undefined {
    const host = new SystemdHost(suite);
    const { exitCode, stderr } = host.#script("up");
    host.#leader = /AKC_SYSTEMD_LEADER=(\d+)/.exec(host.#script("env").stdout)?.[1] ?? "";
    if (exitCode === 0) return host;
    console.warn(`SKIPPED: no systemd${suite === "" ? "" : ` of ${suite}`} here: ${stderr.trim()}`);
    host.down();
    return undefined;
  }

  /** The command inside, to its end. */
  run(...command: readonly string[]): Ended {
    return this.#spawn(this.argv(...command));
  }

  /** What a shell inside prints. @throws Error when it fails */
  sh(text: string): string {
    const { exitCode, stdout, stderr } = this.run("sh", "-ec", text);
    if (exitCode !== 0) throw new Error(`${text}: exit ${exitCode}\n${stderr}`);
    return stdout;
  }

  /** Puts a text into a file inside. */
  write(path: string, text: string, mode = 0o644): void {
    const here = join(this.#folder, "copied");
    writeFileSync(here, text, { mode });
    const { exitCode, stderr } = this.#script("copy", here, path);
    rmSync(here);
    if (exitCode !== 0) throw new Error(stderr);
  }

  /** Puts a file inside, wherever it is here: what lies in a temporary folder is not to be seen from there. @returns its path inside */
  bring(path: string): string {
    const inside = join("/opt/brought", basename(path));
    const { exitCode, stderr } = this.#script("copy", path, inside);
    if (exitCode !== 0) throw new Error(stderr);
    return inside;
  }

  /** argv that runs a command inside, for whoever wants to talk to it. */
  argv(...command: readonly string[]): string[] {
    // As `systemd.sh exec` does, which looks before each whether all is up: a test asks hundreds of times.
    const clean = ["env", "--unset=XDG_RUNTIME_DIR", "--unset=DBUS_SESSION_BUS_ADDRESS", "SYSTEMD_PAGER="];
    return ["nsenter", "--target", this.#leader, "--all", "--", ...clean, ...command];
  }

  down(): void {
    this.#script("down");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #script(...args: readonly string[]): Ended {
    return this.#spawn([script, ...args]);
  }

  #spawn(argv: string[]): Ended {
    const end = Bun.spawnSync(argv, { env: this.env, stdin: "ignore" });
    return { exitCode: end.exitCode, stdout: end.stdout.toString(), stderr: end.stderr.toString() };
  }
}
