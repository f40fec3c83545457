/** One reader of a page's changes as the body of an HTTP response: each part that has changed is an event with its digest. */
import { limits } from "../../limits.ts";
import { eventStream } from "../../service/outside/event-stream.ts";
import type { Part } from "../model.ts";
import { sumOf } from "./sum.ts";

export interface ChangeStreamInput {
  /** Begins to tell; returns how to stop it. */
  begin(take: (changes: readonly Part[]) => boolean): () => void;
  /** It is over, by either side. Called once. */
  ended(): void;
  /** Ends the stream, as a server that stops does. */
  readonly signal: AbortSignal;
}

export function changeStream({ begin, ended, signal }: ChangeStreamInput): ReadableStream<string> {
  return eventStream({
    begin: ({ take }) => begin((changes) => take(changes.map(eventText).join(""))),
    ended,
    signal,
    heartbeatMs: limits.uiHeartbeatMs,
    queueMax: limits.uiStreamQueueMax,
  });
}

/** JSON of one line holds no line break, so one `data` field is all of it. */
function eventText({ id, body }: Part): string {
  return `event: part\ndata: ${JSON.stringify({ id, sum: sumOf(body), html: body.markup })}\n\n`;
}
