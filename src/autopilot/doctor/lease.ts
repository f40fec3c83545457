/**
 * Whether the leases fit how many controllers are meant to run and where. Pure, and never more than a warning: a lease that is kept
 * nowhere else still keeps two processes of one host apart.
 *
 * Source: spec cli §15.6, §14.6; docs/autopilot.md.
 */
import { type Finding, ok, warn } from "./finding.ts";

const check = "lease";

export interface LeaseInput {
  /** As it was said, before it was understood. */
  readonly backend: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly replicas: string;
  readonly scopes: number;
  readonly ttlMs: number;
  /** Whether this is a container of Kubernetes. */
  readonly inKubernetes: boolean;
  /** Of the outputs root's file system, e.g. `nfs`; undefined where nobody knows. */
  readonly sharedFileSystem?: string | undefined;
}

/** More scopes than this, each with a lease of its own, are a load that an API server's operator notices. */
const leasesManyScopes = 50;

export function leaseFindings(input: LeaseInput): readonly Finding[] {
  const { backend, namespace, name, replicas, scopes, ttlMs, inKubernetes, sharedFileSystem } = input;
  const findings: Finding[] = [];
  if (!["sqlite", "filesystem", "k8s"].includes(backend)) {
    findings.push(warn(check, `"${backend}" is no backend of leases`, "It is sqlite, filesystem or k8s."));
  }
  const count = /^\s*[1-9]\d{0,5}\s*$/.test(replicas) ? Number(replicas) : undefined;
  if (count === undefined) {
    findings.push(warn(check, `"${replicas}" is no number of replicas`, "It is a whole number from 1."));
  }
  const isFile = backend === "sqlite" || backend === "filesystem";
  if (inKubernetes && isFile) {
    findings.push(
      warn(
        check,
        `it runs in Kubernetes, and leases are kept in files (${backend}): a new pod may not see them`,
        "Use --lease-backend k8s --lease-namespace NAME, and strategy Recreate.",
      ),
    );
  }
  if ((count ?? 1) > 1 && isFile) {
    findings.push(
      warn(
        check,
        `${count} controllers are meant to run, and leases are kept in files (${backend}): they must all be on one host`,
        "Use --lease-backend k8s for controllers on several hosts.",
      ),
    );
  }
  if (isFile && sharedFileSystem !== undefined) {
    findings.push(
      warn(
        check,
        `leases are kept on ${sharedFileSystem}, where locks of files do not reliably keep hosts apart`,
        "Keep the outputs root on a local disk, or use --lease-backend k8s.",
      ),
    );
  }
  if (backend === "k8s" && (namespace ?? "").trim() === "") {
    findings.push(
      warn(check, "leases are kept in Kubernetes, and no namespace is named", "Set --lease-namespace."),
    );
  }
  if (backend === "k8s" && name === undefined && scopes > leasesManyScopes) {
    const every = Math.round(ttlMs / 3_000);
    findings.push(
      warn(
        check,
        `each of ${scopes} scopes has a lease of its own in Kubernetes: ${scopes} writes every ${every} s`,
        "Set --lease-name: one lease for all scopes.",
      ),
    );
  }
  return findings.length > 0
    ? findings
    : [ok(check, `${backend} fits ${count === 1 ? "one controller" : `${count} controllers`}`)];
}
