/** A shell on a terminal of its own, as a person has it: lines are typed key by key, and what they become is read back. */
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { binary } from "../e2e/akc.ts";

const begin: Readonly<Record<string, readonly string[]>> = {
  bash: ["--norc", "--noprofile", "-i"],
  zsh: ["-f", "-i"],
  fish: ["--no-config", "-i"],
};
const enable: Readonly<Record<string, string>> = {
  bash: "source <(akc completion bash)",
  zsh: "autoload -U compinit; compinit -u -D; source <(akc completion zsh)",
  fish: "akc completion fish | source",
};
/** However slow the machine is; nothing is judged by it. */
const patienceMs = 60_000;
const lookMs = 20;
const againMs = 2_000;

export class Terminal {
  readonly #child: Bun.Subprocess;
  #screen = "";
  #asked = 0;

  private constructor(path: string, name: string, env: Readonly<Record<string, string>>) {
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([path, ...(begin[name] ?? [])], {
      cwd: env["HOME"] ?? tmpdir(),
      env: {
        PATH: `${dirname(binary)}:/usr/bin:/bin`,
        LANG: "C.UTF-8",
        TERM: "xterm",
        PS1: "$ ",
        ...env,
      },
      terminal: {
        cols: 200,
        rows: 50,
        data: (_terminal, chunk) => {
          this.#screen += decoder.decode(chunk, { stream: true });
        },
      },
    });
  }

  /** With completion of akc switched on as the help says. */
  static async open(path: string, env: Readonly<Record<string, string>>): Promise<Terminal> {
    const name = path.replace(/^.*\//, "");
    const terminal = new Terminal(path, name, env);
    // A shell that is only starting may throw away what was typed before.
    await terminal.#answers("echo rea''dy", "ready");
    terminal.#screen = "";
    await terminal.#answers(`${enable[name]}; echo on''ly now`, "only now");
    return terminal;
  }

  /**
   * What the line is after a press of the tabulator at its end, and what was shown for it. All keys are typed at once: a shell takes
   * them one after the other, so nothing here waits for a time.
   */
  async completed(line: string): Promise<{ readonly line: string; readonly shown: string }> {
    this.#screen = "";
    this.#asked += 1;
    const mark = `said${this.#asked}`;
    // To the beginning, to the end, and off: the line becomes a text that is printed.
    this.#child.terminal?.write(`${line}\t\u0001echo '${mark}<\u0005>${mark}'\r`);
    const found = await this.#until(new RegExp(`^${mark}<(.*?)>${mark}`, "m"), patienceMs);
    return { line: (found ?? "").trimEnd(), shown: plain(this.#screen) };
  }

  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#child.terminal?.close();
  }

  /** Says it again until it is answered. */
  async #answers(line: string, answer: string): Promise<void> {
    const endMs = performance.now() + patienceMs;
    while (performance.now() < endMs) {
      this.#child.terminal?.write(`${line}\r`);
      if ((await this.#until(new RegExp(`^(${answer})`, "m"), againMs)) !== undefined) return;
    }
    throw new Error(`the shell does not answer:\n${plain(this.#screen)}`);
  }

  async #until(pattern: RegExp, withinMs: number): Promise<string | undefined> {
    const endMs = performance.now() + withinMs;
    while (performance.now() < endMs) {
      const found = pattern.exec(plain(this.#screen));
      if (found?.[1] !== undefined) return found[1];
      await Bun.sleep(lookMs);
    }
    if (withinMs < patienceMs) return undefined;
    throw new Error(`the terminal never showed ${pattern}:\n${plain(this.#screen)}`);
  }
}

/** Without the sequences that steer a terminal. */
function plain(screen: string): string {
  return (
    screen
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replaceAll(/\x1b(\[[0-9;?>=]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[=>])/g, "")
      .replaceAll("\r", "\n")
  );
}
