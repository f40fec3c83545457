/** Whether the operator's policy is there, can be read, is valid, and cannot be changed by others. Shows nothing of what it allows. */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { AkcError } from "../errors.ts";
import { foreignHand, ownIdentity } from "../plugin-host/folder.ts";
import { shellWord } from "../policy/shell-word.ts";
import type { Host } from "./host.ts";
import type { Finding } from "./model.ts";

const check = "policy_file";
const issuesShownMax = 3;

export async function policyFile({ policy }: Host): Promise<readonly Finding[]> {
  const { path, named } = policy;
  try {
    const read = await policy.read();
    if (read === undefined && !named) {
      return [
        {
          check,
          severity: "note",
          says: `there is no operator's policy at ${path}: a bundle alone says what it may do here`,
          fix: "docs/policy.md has files to start from.",
        },
      ];
    }
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return [faultOf(path, cause)];
  }
  return [
    whoMayWrite(path) ?? {
      check,
      severity: "ok",
      says: `${path} is valid, and only its owner may change it`,
    },
  ];
}

function faultOf(path: string, { code, message, hint, issues }: AkcError): Finding {
  const places = issues.slice(0, issuesShownMax).map(({ message: what, line, column }) => {
    return line === undefined ? what : `${line}:${column ?? 1}: ${what}`;
  });
  const more = issues.length > issuesShownMax ? `, and ${issues.length - issuesShownMax} more` : "";
  return {
    check,
    severity: "fault",
    says: `${path}: ${message}${places.length === 0 ? "" : `: ${places.join("; ")}${more}`} [${code}]`,
    fix: `${hint} Until then nothing is started with it.`,
    details: { code, issues: issues.length },
  };
}

/** Whoever can write the file, or put another in its place, decides what this host does. */
function whoMayWrite(path: string): Finding | undefined {
  const who = ownIdentity();
  for (const place of [path, dirname(path)]) {
    const why = foreignHand(statSync(place), who);
    if (why === undefined || (place !== path && (statSync(place).mode & 0o1000) !== 0)) continue;
    return {
      check,
      severity: why.startsWith("everybody") ? "fault" : "warning",
      says: `${place}: ${why}, and so what may be done here`,
      fix: `chmod go-w ${shellWord(place)}, and let it belong to root or to this user`,
    };
  }
  return undefined;
}
