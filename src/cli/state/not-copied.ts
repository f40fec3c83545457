/** What a backup or an archive lacks, for people and for programs. */
import type { NotCopied } from "../../store/sqlite/backup.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";

const shownMax = 20;

export function notCopiedData(notCopied: readonly NotCopied[]): Plain {
  return notCopied.map(({ what, name, why }) => ({ what, name, why }));
}

/** Lines for stderr; nothing when all was copied. */
export function notCopiedWords(notCopied: readonly NotCopied[]): string {
  const lines = notCopied.slice(0, shownMax).map(({ what, name, why }) => {
    const fault = why === "missing" ? "is missing" : "is not what the state says";
    return `warning: ${what} ${printable(name)} ${fault}\n`;
  });
  const more = notCopied.length - lines.length;
  return lines.join("") + (more > 0 ? `warning: and ${more} more\n` : "");
}
