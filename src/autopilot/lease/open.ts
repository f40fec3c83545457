/**
 * The lease backend that the configuration asks for. Nothing is taken here, and nothing outside is touched before the first question.
 *
 * Source: spec cli §14.2, §14.6.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { LeaseConfig } from "../config/model.ts";
import { autopilotStatePath } from "../state/file.ts";
import type { LeaseBackend } from "./contract.ts";
import { createFileLeases } from "./filesystem.ts";
import { findLeaseKubectl } from "./kubectl.ts";
import { createKubernetesLeases } from "./kubernetes.ts";
import type { Identity } from "./name.ts";
import { createSqliteLeases } from "./sqlite.ts";

export interface LeaseBackendParts {
  /** Absolute. For `sqlite` the state below it must have been opened once. */
  readonly outputsRoot: string;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws AkcError AUTOPILOT_CONFIG_INVALID for `k8s` without a namespace, TOOL_MISSING without kubectl */
export function createLeaseBackend(
  config: Pick<LeaseConfig, "backend" | "namespace" | "kubeconfig" | "ttlMs">,
  { outputsRoot, identity, clock, env }: LeaseBackendParts,
): LeaseBackend {
  const { ttlMs } = config;
  const monotonicMs = () => clock.monotonicMs();
  const { holder } = identity;
  switch (config.backend) {
    case "sqlite":
      return createSqliteLeases({ path: autopilotStatePath(outputsRoot), identity, ttlMs, monotonicMs });
    case "filesystem":
      return createFileLeases({ outputsRoot, holder, ttlMs, monotonicMs });
    case "k8s": {
      const { namespace, kubeconfig } = config;
      if (namespace === undefined || namespace === "") {
        throw new AkcError("AUTOPILOT_CONFIG_INVALID", {
          message: "the k8s lease backend needs a namespace",
          hint: "Give --lease-namespace, or lease.namespace in the configuration.",
        });
      }
      const timeoutMs = Math.min(ttlMs / 3, limits.leaseKubectlMsMax);
      const kubectl = findLeaseKubectl({ namespace, kubeconfig, env, timeoutMs });
      return createKubernetesLeases({
        kubectl,
        namespace,
        holder,
        ttlMs,
        nowMs: () => clock.nowMs(),
        monotonicMs,
      });
    }
  }
}
