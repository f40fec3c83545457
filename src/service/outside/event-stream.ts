/**
 * One reader of server-sent events as the body of an HTTP response: what it has not taken is bounded, a comment now and then keeps the
 * connection, and one that does not read is cut off.
 *
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import type { EventReader } from "./event-log.ts";

export const eventStreamType = "text/event-stream; charset=utf-8";

export interface EventStreamInput {
  /** Begins to tell the reader; returns how to stop it. */
  begin(reader: EventReader): () => void;
  /** It is over, by either side. Called once. */
  ended(cut: boolean): void;
  /** Ends the stream, as a server that stops does. */
  readonly signal: AbortSignal;
  readonly heartbeatMs: number;
  /** Messages that it may leave untaken before it is cut off. */
  readonly queueMax: number;
}

export function eventStream({
  begin,
  ended,
  signal,
  heartbeatMs,
  queueMax,
}: EventStreamInput): ReadableStream<string> {
  let stop: () => void = () => undefined;
  let over = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = (cut: boolean) => {
    if (over) return;
    over = true;
    clearInterval(timer);
    signal.removeEventListener("abort", close);
    stop();
    ended(cut);
  };
  let close = () => end(false);
  return new ReadableStream<string>(
    {
      start(stream) {
        const cut = () => {
          if (over) return;
          end(true);
          // Not closed: that would keep all that it has not taken until it does.
          stream.error("too slow");
        };
        const take = (text: string) => {
          if (over) return false;
          if ((stream.desiredSize ?? 0) <= 0) {
            cut();
            return false;
          }
          stream.enqueue(text);
          return true;
        };
        close = () => {
          if (over) return;
          end(false);
          stream.close();
        };
        signal.addEventListener("abort", close, { once: true });
        take(`retry: ${retryMs}\n\n`);
        timer = setInterval(() => take(": still there\n\n"), heartbeatMs);
        timer.unref();
        stop = begin({ take, cut });
        if (over) stop();
      },
      cancel: () => end(false),
    },
    new CountQueuingStrategy({ highWaterMark: queueMax }),
  );
}

/** How long a reader waits before it comes back. */
const retryMs = 2_000;
