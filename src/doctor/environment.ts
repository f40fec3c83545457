/**
 * Variables that change what akc or what it starts does behind its back, and names that are nearly one of ours. Never shows a value.
 *
 * Source: docs/decisions/0003-environment-of-the-binary.md; ld.so(8).
 */
import { isAbsolute } from "node:path";
import { nearestWord } from "../spelling.ts";
import type { Host } from "./host.ts";
import type { Finding, Severity } from "./model.ts";

const check = "environment";

interface Biting {
  readonly name: RegExp;
  readonly severity: Severity;
  readonly says: string;
}

/** BUN_OPTIONS, BUN_INSPECT… are refused before any command runs: ENVIRONMENT_REFUSED. */
const biting: readonly Biting[] = [
  {
    name: /^LD_(PRELOAD|LIBRARY_PATH|AUDIT)$/,
    severity: "warning",
    says: "foreign code is loaded into akc itself",
  },
  {
    name: /^NODE_OPTIONS$/,
    severity: "warning",
    says: "it steers every Node program that a plan starts with it",
  },
  {
    name: /^NODE_EXTRA_CA_CERTS$/,
    severity: "warning",
    says: "certificates of more authorities are believed than of those of the host",
  },
  { name: /^BUN_(?!INSTALL$)/, severity: "warning", says: "it steers the runtime below akc" },
  {
    name: /^(https?|all)_proxy$/i,
    severity: "note",
    says: "requests of programs that a plan starts may go through it; those of akc do not",
  },
];

export async function environment({ env, knownVariables }: Host): Promise<readonly Finding[]> {
  const set = Object.keys(env)
    .filter((name) => (env[name] ?? "") !== "")
    .sort();
  const findings = set.flatMap((name): Finding[] => {
    const found = biting.find((one) => one.name.test(name));
    if (found !== undefined)
      return [
        { check, severity: found.severity, says: `${name} is set: ${found.says}`, fix: unsetting(name) },
      ];
    return mistyped(name, knownVariables);
  });
  const temporary = env["TMPDIR"] ?? "";
  if (temporary !== "" && !isAbsolute(temporary)) {
    findings.push({
      check,
      severity: "warning",
      says: "TMPDIR is a relative path: temporary files land wherever a program stands",
      fix: "export TMPDIR=/tmp",
    });
  }
  return findings.length > 0
    ? findings
    : [{ check, severity: "ok", says: "no variable steers akc from behind" }];
}

function mistyped(name: string, known: readonly string[]): Finding[] {
  if (!name.startsWith("AKC_") || known.includes(name)) return [];
  const meant = nearestWord(name, known);
  return meant === undefined
    ? []
    : [
        {
          check,
          severity: "warning",
          says: `${name} is set, and no command reads it; ${meant} is one that is read`,
          fix: isPlain(name) ? `export ${meant}="$${name}"; unset ${name}` : unsetting(name),
        },
      ];
}

/** A name may hold anything but `=`; what is printed to be typed must not do something else. */
function isPlain(name: string): boolean {
  return /^\w+$/.test(name);
}

function unsetting(name: string): string {
  return isPlain(name) ? `unset ${name}` : "Take it out where it is set: no shell can unset such a name.";
}
