/**
 * The rollouts of a run, for its picture: where each stands by its last event, and its units as the scope keeps them. Units are what
 * is kept now, also where the rollout went on after the run.
 */
import * as v from "valibot";
import { textAt } from "../../bundle/member.ts";
import type { JsonObject } from "../../json/value.ts";
import { reconcileEvents } from "../../reconciler/model.ts";
import type { DeploymentReader, NewEvent } from "../../store/contract.ts";
import type { PicturedRollout } from "../model.ts";
import { shownText } from "./shown-text.ts";

interface Told {
  readonly rolloutId: string;
  readonly startedAtMs: number;
  updatedAtMs: number;
  payload: JsonObject;
}

export class RolloutsFold {
  readonly #rollouts = new Map<string, Told>();

  event({ type, atMs }: Pick<NewEvent, "type" | "atMs">, payload: JsonObject): void {
    if (type !== reconcileEvents.rolloutChanged) return;
    const rolloutId = textAt(payload, "rollout_id");
    if (rolloutId === undefined) return;
    const known = this.#rollouts.get(rolloutId);
    if (known === undefined)
      this.#rollouts.set(rolloutId, { rolloutId, startedAtMs: atMs, updatedAtMs: atMs, payload });
    else {
      known.updatedAtMs = atMs;
      known.payload = payload;
    }
  }

  get told(): Iterable<Readonly<Told>> {
    return this.#rollouts.values();
  }
}

/** Of what the reconciler keeps, only what a picture shows. */
const Rollout = v.object({
  units: v.array(
    v.object({
      resourceId: v.string(),
      state: v.string(),
      reason: v.optional(v.string()),
      message: v.optional(v.string()),
    }),
  ),
});

const State = v.object({ rollout: Rollout });

export async function rolloutsOf(
  { told }: Pick<RolloutsFold, "told">,
  deployment: Pick<DeploymentReader, "rollout"> | undefined,
): Promise<readonly PicturedRollout[]> {
  const rollouts: PicturedRollout[] = [];
  for (const { rolloutId, startedAtMs, updatedAtMs, payload } of told) {
    const row = (await deployment?.rollout(rolloutId)) ?? null;
    const state = row === null ? undefined : v.safeParse(v.pipe(v.string(), v.parseJson(), State), row.state);
    const reason = shownText(wordsOf(textAt(payload, "reason"), textAt(payload, "message")));
    rollouts.push({
      rolloutId,
      phase: textAt(payload, "phase") ?? "",
      strategy: textAt(payload, "strategy") ?? "",
      ...(reason === undefined ? {} : { reason }),
      startedAtMs,
      updatedAtMs,
      units: state?.success === true ? state.output.rollout.units.map(unitOf) : [],
    });
  }
  return rollouts;
}

function unitOf({ resourceId, state, reason, message }: v.InferOutput<typeof Rollout>["units"][number]) {
  const words = shownText(wordsOf(reason, message));
  return { resourceId, phase: state, ...(words === undefined ? {} : { reason: words }) };
}

function wordsOf(reason: string | undefined, message: string | undefined): string | undefined {
  if (reason === undefined || message === undefined) return reason ?? message;
  return `${reason}: ${message}`;
}
