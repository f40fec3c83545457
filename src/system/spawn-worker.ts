/**
 * The worker thread that starts children: it takes on one profile for good, and everything it starts inherits that.
 * It starts nothing before it is confined, and nothing at all if it could not be.
 *
 * Bun forks from the thread that calls `Bun.spawn`; test/containment proves it for the Bun in use.
 */
import { type Child, startChild } from "./child.ts";
import { landlockAbi } from "./landlock.ts";
import { confineThisThread } from "./sandbox.ts";
import type { FromWorker, ToWorker } from "./spawn-protocol.ts";
import { TemporaryFolders } from "./temporary-folders.ts";

declare const self: Worker;

const children = new Map<string, Child>();
const folders = new TemporaryFolders();
let confined = false;

function send(message: FromWorker): void {
  if (message.kind === "ended") children.delete(message.id);
  postMessage(message);
}

self.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
  switch (message.kind) {
    case "confine":
      try {
        confineThisThread(message.profile, message.processId);
        confined = true;
        const { level } = message.profile;
        send({ kind: "confined", level, abi: level === "landlock" ? landlockAbi() : 0 });
      } catch (cause) {
        send({ kind: "refused", why: cause instanceof Error ? cause.message : String(cause) });
      }
      return;
    case "start": {
      const { order } = message;
      if (!confined) {
        send({ kind: "ended", id: order.id, end: { kind: "not-started", errno: "EPERM" } });
        return;
      }
      const child = startChild(order, folders, send);
      if (child !== undefined) children.set(order.id, child);
      return;
    }
    case "stop":
      children.get(message.id)?.end("stopped");
      return;
    case "taken":
      children.get(message.id)?.taken(message.bytes);
      return;
    case "close":
      folders.close();
      process.exit(0);
  }
};
