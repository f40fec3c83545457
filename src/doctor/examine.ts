/**
 * Looks a host over: every check beside every other, each in a bounded time, and a check that breaks is a finding and nothing more.
 * Changes nothing, but for one small database that is made and removed where runs are kept.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { binary } from "./binary.ts";
import { cgroups } from "./cgroups.ts";
import { clock } from "./clock.ts";
import { disk } from "./disk.ts";
import { environment } from "./environment.ts";
import type { Check, Host } from "./host.ts";
import { kernel, landlock, namespaces, seccomp } from "./kernel.ts";
import { type CheckName, checkNames, type Finding, type Severity, severities } from "./model.ts";
import { pluginFindings } from "./plugins.ts";
import { policyFile } from "./policy-file.ts";
import { docker, kubernetes, systemd } from "./programs.ts";
import { memory, openFiles } from "./resources.ts";
import { sqlite } from "./sqlite.ts";

export const everyCheck: Readonly<Record<CheckName, Check>> = {
  binary,
  environment,
  kernel,
  landlock,
  seccomp,
  namespaces,
  cgroups,
  sqlite,
  disk,
  memory,
  limits: openFiles,
  clock,
  policy_file: policyFile,
  plugins: pluginFindings,
  systemd,
  docker,
  kubernetes,
};

/** In the order of `checkNames`. @param only those to make; without any: all */
export async function examineHost(
  host: Host,
  only: readonly CheckName[] = checkNames,
  all: Readonly<Record<CheckName, Check>> = everyCheck,
): Promise<readonly Finding[]> {
  const names = checkNames.filter((name) => only.includes(name));
  const found = await Promise.all(names.map((name) => bounded(name, all[name], host)));
  return found.flat();
}

async function bounded(name: CheckName, check: Check, host: Host): Promise<readonly Finding[]> {
  const control = new AbortController();
  const end = () => control.abort();
  host.signal.addEventListener("abort", end, { once: true });
  const late = host.clock.sleep(limits.doctorCheckMs, control.signal).then((): readonly Finding[] => [
    {
      check: name,
      severity: "warning",
      says: `the check gave no answer within ${limits.doctorCheckMs / 1_000} s`,
      fix: "Something it asked hangs; `akc doctor --only` makes the others alone.",
    },
  ]);
  try {
    const findings = await Promise.race([check({ ...host, signal: control.signal }), late]);
    return findings.slice(0, limits.doctorFindingsPerCheckMax);
  } catch (cause) {
    return [broken(name, cause)];
  } finally {
    control.abort();
    host.signal.removeEventListener("abort", end);
  }
}

function broken(check: CheckName, cause: unknown): Finding {
  const says = cause instanceof Error ? cause.message : String(cause);
  return {
    check,
    severity: "warning",
    says: `the check could not be made: ${says}`,
    fix: cause instanceof AkcError ? cause.hint : "Run it as the user that akc runs as.",
  };
}

/** The worst of all; `ok` where there is nothing. */
export function worstOf(findings: readonly Finding[]): Severity {
  const found = severities.findLast((severity) => findings.some((finding) => finding.severity === severity));
  return found ?? "ok";
}
