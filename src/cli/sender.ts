/** Who gives a word that is kept, for people: `user@host`. */
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";

export function senderName(): string {
  return `${userName()}@${hostname()}`;
}

/** By the user's number: what is kept of a word has to hold, and USER is set by nobody in services and by anybody elsewhere. */
function userName(): string {
  const uid = process.getuid?.();
  return uid === undefined ? userInfo().username : (nameOf(uid) ?? `uid-${uid}`);
}

/** A container may run as a user that no file names, and a directory's users are in none. */
function nameOf(uid: number): string | undefined {
  try {
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((entry) => entry.split(":")[2] === String(uid));
    return line?.split(":")[0];
  } catch {
    return undefined;
  }
}
