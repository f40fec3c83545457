/** Who gives a word that is kept, for people: `user@host`. */
import { hostname, userInfo } from "node:os";

export function senderName(): string {
  return `${userName()}@${hostname()}`;
}

/** A container may run as a user that no file names. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
