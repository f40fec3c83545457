/** A lease as the commands show it: the shape `Lease` of docs/json-output.md. */

import { standing } from "../../store/sqlite/standing.ts";
import type { Plain } from "../render/output.ts";
import type { FoundRun } from "../runtime/locate.ts";
import { holderData } from "./liveness.ts";

export function leaseData({ row, scopeRoot }: FoundRun, nowMs: number): { readonly [key: string]: Plain } {
  const { context } = row;
  return {
    kind: "Lease",
    runtime_run_id: context.runtimeRunId,
    tenant_id: context.scope.tenantId,
    repo_id: context.scope.repoId,
    standing: standing(row, nowMs),
    scope_root: scopeRoot,
    holder: row.lease === null ? null : holderData(row.lease, nowMs),
  };
}
