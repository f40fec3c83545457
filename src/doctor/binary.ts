/** Whether the binary that runs can be changed by somebody else: whoever can, is akc. Looks at owners and modes only. */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { foreignHand, foreignHandAbove, ownIdentity } from "../plugin-host/folder.ts";
import { AKC_VERSION } from "../version.ts";
import type { Host } from "./host.ts";
import type { Finding } from "./model.ts";

const check = "binary";

export async function binary({ executable }: Host): Promise<readonly Finding[]> {
  const details = { version: AKC_VERSION };
  if (executable === undefined) {
    return [
      {
        check,
        severity: "note",
        says: `akc ${AKC_VERSION} runs from its source, not from a binary`,
        details,
      },
    ];
  }
  const who = ownIdentity();
  const stats = statSync(executable);
  const why = foreignHand(stats, who);
  const above = why === undefined ? foreignHandAbove(dirname(executable), who) : undefined;
  if (why !== undefined || above !== undefined) {
    return [
      {
        check,
        severity: "warning",
        says: `others can change what akc is: ${why === undefined ? above : `${executable}: ${why}`}`,
        fix: `install -o root -g root -m 755 ${executable} /usr/local/bin/akc`,
        details,
      },
    ];
  }
  if ((stats.mode & 0o6000) !== 0) {
    return [
      {
        check,
        severity: "fault",
        says: `${executable} runs with the rights of its owner (setuid or setgid): whoever starts it has them`,
        fix: `chmod ug-s ${executable}`,
        details,
      },
    ];
  }
  return [
    { check, severity: "ok", says: `akc ${AKC_VERSION} at ${executable}, changed by nobody else`, details },
  ];
}
