/**
 * Says once when nobody can tell any more what stands in a scope, and once when somebody can again: a provider that is gone, or a gate
 * that is closed, changes nothing else that anybody would notice. It decides nothing.
 */
import { redactText } from "../../evidence/redact.ts";
import type { Sighting } from "../model.ts";
import { oneLine } from "../triggers/trigger.ts";
import { type Ground, note } from "./ground.ts";
import type { Watched } from "./watched.ts";

/** @param sighting of the last visit; undefined where there was nothing to look at */
export function tellSight(
  ground: Pick<Ground, "ports" | "clock">,
  scope: Pick<Watched, "id" | "unseenTold">,
  sighting: Sighting | undefined,
): void {
  // Somebody who works in the scope has the word for as long as he does.
  if (sighting === undefined || (sighting.kind === "unseen" && sighting.code === "SCOPE_HELD")) return;
  const code = sighting.kind === "unseen" ? sighting.code : undefined;
  if (code === scope.unseenTold) return;
  scope.unseenTold = code;
  const where = { tenant_id: scope.id.tenantId, repo_id: scope.id.repoId };
  if (sighting.kind !== "unseen") {
    note(ground, "info", "what stands can be seen again", where);
    return;
  }
  const error = oneLine(redactText(sighting.message, []));
  const keys = { ...where, error_code: sighting.code, error };
  note(ground, "warn", "nobody can tell what stands: nothing is taken for drift", keys);
}
