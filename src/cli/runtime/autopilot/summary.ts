/** What came of some passes over all scopes: the result of `--once` and `--max-iterations`. Shows, and judges nothing. */

import type { ControllerStatus, ScopeStatus } from "../../../autopilot/contract.ts";
import type { ControllerEnd } from "../../../autopilot/controller.ts";
import { scopeName } from "../../../autopilot/model.ts";
import type { Plain, Report } from "../../render/output.ts";
import { table } from "../../render/table.ts";
import { counted, printable } from "../../render/text.ts";

/** The shape `AutopilotSummary` of docs/json-output.md. */
export function summaryReport(status: ControllerStatus, end: ControllerEnd): Report {
  const { holder, turns, observedAtMs, scopes } = status;
  return {
    data: {
      kind: "AutopilotSummary",
      holder,
      ended_by: end.by,
      turns,
      observed_at_ms: observedAtMs,
      scopes: scopes.map(scopeData),
    },
    text: () =>
      scopes.length === 0
        ? "no scope is watched: none was found below the outputs root in which akc has run something, or the registry names none"
        : `${counted(scopes.length, "scope")}\n\n${table<ScopeStatus>(
            scopes,
            [
              { title: "SCOPE", value: ({ scope }) => printable(scopeName(scope)) },
              { title: "MODE", value: ({ mode }) => mode },
              { title: "SEEN", value: ({ sighting }) => sighting ?? "-" },
              { title: "NEXT", value: ({ next }) => next?.do ?? "-" },
              { title: "WHY", value: (scope) => printable(whyText(scope)) },
            ],
            undefined,
          )}`,
  };
}

function scopeData({ scope, mode, heldBy, visits, next, sighting, state }: ScopeStatus): Plain {
  return {
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    mode,
    held_by: heldBy ?? null,
    visits,
    next: next?.do ?? null,
    why: next?.why ?? null,
    sighting: sighting ?? null,
    deployed_bundle_sha256: state.deployed?.bundleSha256 ?? null,
    open_triggers: state.openTriggers.length,
    paused: state.paused !== undefined,
    escalated: state.escalated?.reason ?? null,
    error_code: state.fault?.code ?? null,
  };
}

function whyText({ state, next, heldBy }: ScopeStatus): string {
  if (state.fault !== undefined) return `${state.fault.code}: ${state.fault.message}`;
  if (heldBy !== undefined) return `${heldBy} has it`;
  return next?.why ?? "-";
}
