/**
 * Which bindings of a run were asked since it ended, was last judged or was last changed, read back from its history. Asks nobody and
 * records nothing.
 *
 * Source: spec reconcile §6.4; reconcile:W-07.
 */
import { member } from "../../bundle/member.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject } from "../../json/value.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import type { RunReader, StoredEvent } from "../../store/contract.ts";
import { isOwn } from "../continuation/own-end.ts";

/** Those that were asked since the last word that makes them old: an end, a judgement, a change of what stands. */
export function askedAlready(
  reader: Pick<RunReader, "events">,
  lastSeq: number,
): Promise<ReadonlySet<string>> {
  return askedAfter(reader, lastSeq, ({ type }) => type !== eventTypes.validationObserved);
}

/** Those that were asked since the run came to its end, whatever was done on its behalf meanwhile. */
export function askedSinceEnd(
  reader: Pick<RunReader, "events">,
  lastSeq: number,
): Promise<ReadonlySet<string>> {
  return askedAfter(reader, lastSeq, isOwn);
}

/** @param makesOld of an event: what was said before it does not count */
async function askedAfter(
  reader: Pick<RunReader, "events">,
  lastSeq: number,
  makesOld: (event: StoredEvent) => boolean,
): Promise<ReadonlySet<string>> {
  const asked = new Set<string>();
  for (let until = lastSeq; until > 0; ) {
    const after = Math.max(0, until - limits.storePageRows);
    const page = await reader.events(after, until - after);
    for (const event of page.toReversed()) {
      const { type, payload } = event;
      // That some evidence is missing changes nothing of what was said.
      if (type === eventTypes.evidenceMissing) continue;
      if (type === eventTypes.validationObserved) asked.add(bindingIdOf(payload));
      else if (makesOld(event)) return asked;
    }
    until = after;
  }
  return asked;
}

/** As it stands there: an id may have spaces. */
function bindingIdOf(payload: string): string {
  const told = parseJson(payload);
  const id = isJsonObject(told) ? member(told, "binding_id") : undefined;
  return typeof id === "string" ? id : "";
}
