/**
 * What is said of a scope whose memory is not as it was written. Nothing is mended here and nothing is reset: the scope is held
 * until a person has looked (cli:W-03).
 */
import { AkcError } from "../../errors.ts";
import { type ScopeId, scopeName } from "../model.ts";

export function damaged(scope: ScopeId, seq: number, message: string, cause?: unknown): AkcError {
  return new AkcError("AUTOPILOT_STATE_DAMAGED", {
    message: `what the autopilot remembers of ${scopeName(scope)} is not as it was written: ${message}`,
    details: { tenantId: scope.tenantId, repoId: scope.repoId, seq },
    cause,
  });
}
