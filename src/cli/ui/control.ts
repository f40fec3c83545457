/**
 * The words that may be said from the live page: each is the command of its name, carried out with the words that a person would have
 * typed, so that nothing can be said there that cannot be said here, and nothing is kept in another way. What it prints is handed back.
 */
import type { AkcError } from "../../errors.ts";
import type { Control, Told } from "../../ui/model.ts";
import type { Command } from "../command.ts";
import type { Io, Place } from "../io.ts";
import { asAkcError } from "../render/error.ts";
import { senderName } from "../sender.ts";

export function controlOf(io: Io, outputsRoot: string): Control {
  const where = ({ tenantId, repoId }: { readonly tenantId: string; readonly repoId: string }) => [
    `--outputs-root=${outputsRoot}`,
    `--tenant-id=${tenantId}`,
    `--repo-id=${repoId}`,
  ];
  return {
    sender: senderName(),
    async answer({ scope, runtimeRunId, signal, approved, reason, id }) {
      const { signal: command } = await import("../runtime/signal.ts");
      const answer = approved ? "--approve" : "--refuse";
      const words = [`--name=${signal}`, answer, `--reason=${reason}`, `--id=${id}`, ...where(scope)];
      return said(command, [...words, `--runtime-run-id=${runtimeRunId}`], io);
    },
    async sayToAutopilot({ scope, word, reason }) {
      const commands = await import("../autopilot/words.ts");
      return said(commands[word], [`--reason=${reason}`, ...where(scope)], io);
    },
    async sayToRollout({ scope, rolloutId, word }) {
      const commands = await import("../rollout/words.ts");
      return said(commands[word], ["--no-drive", ...where(scope), "--", rolloutId], io);
    },
  };
}

/** Carries the command out and keeps what it prints. Its refusals are answers, not faults. */
async function said(command: Command, argv: readonly string[], io: Io): Promise<Told> {
  const lines: string[] = [];
  const keep = (text: string) => {
    lines.push(...text.split("\n").filter((line) => line.trim() !== ""));
  };
  const nowhere: Place = { ...io.stdout, isTerminal: false, color: false, canRedraw: false };
  const kept: Io = {
    stdout: nowhere,
    stderr: nowhere,
    env: io.env,
    out: async (text) => keep(text),
    words: keep,
  };
  try {
    const exit = await command.execute(["--no-color", ...argv], kept);
    return { isDone: exit === 0, lines };
  } catch (cause) {
    const error: AkcError = asAkcError(cause);
    return { isDone: false, lines: [...lines, error.message, error.hint], code: error.code };
  }
}
