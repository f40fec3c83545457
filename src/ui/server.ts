/**
 * The server of the live page: on loopback or at a unix socket of the user's own, bounded in requests, bodies, times and readers. It only
 * reads, unless it was given words that may be said; and it never listens where another host could ask.
 *
 * Source: docs/ui.md
 */
import { limits } from "../limits.ts";
import { atLoopback, type LoopbackWords, originOf } from "../service/outside/loopback.ts";
import { atUnixSocket } from "../service/outside/unix-socket.ts";
import type { Clock } from "../system/clock.ts";
import { createAccess } from "./access.ts";
import { refusalAnswer } from "./answer.ts";
import { createWatching } from "./live/watch.ts";
import type { Control, UiListen, Words } from "./model.ts";
import { openOutputs } from "./reading/outputs.ts";
import { createPictures } from "./reading/pictures.ts";
import { answerTo, type RouteDeps } from "./routes.ts";

export interface UiDeps {
  readonly listen: UiListen;
  /** Absolute. */
  readonly outputsRoot: string;
  readonly words: Words;
  /** Absent: nothing may be said, and every method but GET and HEAD is refused. */
  readonly control?: Control | undefined;
  readonly clock: Clock;
  /** Told that a link was used, with the one that opens next. */
  onOpened(link: string): void;
  /** Told each word that was said. */
  said(line: string): void;
}

export interface Ui {
  /** `unix:/run/user/1000/akc-ui.sock`, `http://127.0.0.1:40123`. */
  readonly address: string;
  /** Opens once. Of a unix socket as whoever forwards port 8080 to it opens it. */
  link(): string;
  close(): Promise<void>;
}

/** @throws AkcError LISTEN_REFUSED when it is no loopback address, or taken */
export async function serveUi(deps: UiDeps): Promise<Ui> {
  const { listen, words, control, clock } = deps;
  const stopping = new AbortController();
  let origin = "";
  const link = () => `${origin}${access.base}open?token=${access.token()}`;
  const access = createAccess(() => deps.onOpened(link()));
  const watching = createWatching(clock, busyMs);
  const routes: RouteDeps = {
    desk: {
      outputs: openOutputs(deps.outputsRoot, clock),
      pictures: createPictures(clock, busyMs),
      words,
      clock,
      base: access.base,
      control,
      formWord: access.formWord,
    },
    access,
    watching,
    streams: { open: 0 },
    stopping: stopping.signal,
    said: deps.said,
  };
  const server = await listening(listen, routes);
  origin = originOf(
    listen.kind === "unix"
      ? { host: "localhost", port: 8080 }
      : { host: listen.host, port: server.port ?? 0 },
  );
  return {
    address: listen.kind === "unix" ? `unix:${listen.path}` : origin,
    link,
    async close() {
      stopping.abort();
      watching.close();
      await server.stop(true);
    },
  };
}

/** Of the processor, for this process alone. */
function busyMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

type HttpServer = Bun.Server<undefined>;

function listening(listen: UiListen, routes: RouteDeps): Promise<HttpServer> {
  const handlers = {
    maxRequestBodySize: limits.uiFormBytesMax,
    development: false,
    fetch: (request: Request, server: HttpServer) => served(request, server, routes),
    error: () => refusalAnswer(500, "internal"),
  } as const;
  if (listen.kind === "unix") {
    return atUnixSocket(listen.path, 0o600, () => Bun.serve({ ...handlers, unix: listen.path }));
  }
  const { host, port } = listen;
  const idleTimeout = limits.uiIdleMs / 1_000;
  return Promise.resolve(
    atLoopback(listen, loopbackAlone, () => Bun.serve({ ...handlers, idleTimeout, hostname: host, port })),
  );
}

const loopbackAlone: LoopbackWords = {
  elsewhere: {
    message: "the live page is served on loopback alone",
    hint: "Use 127.0.0.1, ::1 or --unix PATH. From another machine: ssh -L 8080:127.0.0.1:PORT HOST.",
  },
  taken: {
    message: "the live page cannot be served there",
    hint: "Name another port with --listen, or none: a free one is taken then.",
  },
};

async function served(request: Request, server: HttpServer, routes: RouteDeps): Promise<Response> {
  // One that streams is kept by its heartbeats.
  if (request.url.includes("/live?")) server.timeout(request, (2 * limits.uiHeartbeatMs) / 1_000);
  if (server.pendingRequests > limits.uiRequestsMax) return refusalAnswer(503, "too_many_requests_at_a_time");
  try {
    return await answerTo(request, routes);
  } catch {
    // Nobody outside learns the words of a fault of ours.
    return refusalAnswer(500, "internal");
  }
}
