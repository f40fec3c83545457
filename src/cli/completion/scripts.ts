/**
 * The scripts that a shell reads to complete command lines of akc. Each asks the binary that is being typed what may stand at the
 * cursor, and shows the answer in the shell's own way; what is asked and answered is the same for all (complete.ts).
 *
 * Source: bash(1) "Programmable Completion"; zshcompwid(1), zshcompsys(1); fish-completions(7).
 */

import type { Example } from "../command.ts";
import bash from "./bash.txt" with { type: "text" };
import fish from "./fish.txt" with { type: "text" };
import zsh from "./zsh.txt" with { type: "text" };

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** As they are read by each shell; they end with a newline. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };

/** What to do once so that every new shell has it. */
export const enabling: Readonly<Record<Shell, Example>> = {
  bash: { command: "echo 'source <(akc completion bash)' >> ~/.bashrc", says: "In every bash." },
  zsh: {
    command: "mkdir -p ~/.zfunc && akc completion zsh > ~/.zfunc/_akc",
    says: "In every zsh, with fpath+=~/.zfunc before compinit in ~/.zshrc.",
  },
  fish: { command: "akc completion fish > ~/.config/fish/completions/akc.fish", says: "In every fish." },
};
