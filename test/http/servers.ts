/** Real servers on loopback addresses that behave well or badly on purpose, and remember what reached them. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { AkcError, type ErrorCode } from "../../src/errors.ts";
import { type GuardedRequest, guardedFetch } from "../../src/system/http.ts";

export interface RawServer extends AsyncDisposable {
  readonly port: number;
  /** The bytes of every request head and body, in order of arrival, one entry a connection. */
  readonly received: string[];
  /** Resolves once every connection that was opened has been closed. */
  allClosed(): Promise<void>;
}

/** Answers the first request of every connection with `answer`: a response as text, or what to do with the socket. */
export async function rawServer(
  answer: string | ((socket: Socket, head: string) => void),
  { host = "127.0.0.1", port = 0, tls }: RawServerOptions = {},
): Promise<RawServer> {
  const received: string[] = [];
  const open = new Set<Socket>();
  let whenClosed: (() => void)[] = [];
  const onConnection = (socket: Socket) => {
    const at = received.push("") - 1;
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      open.delete(socket);
      if (open.size > 0) return;
      for (const resolve of whenClosed) resolve();
      whenClosed = [];
    });
    let answered = false;
    socket.on("data", (chunk) => {
      received[at] += chunk.toString("latin1");
      if (answered || !isWhole(received[at] ?? "")) return;
      answered = true;
      if (typeof answer === "string") socket.end(answer);
      else answer(socket, received[at] ?? "");
    });
  };
  const server: Server = tls === undefined ? createServer(onConnection) : createTlsServer(tls, onConnection);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    received,
    allClosed: () =>
      new Promise((resolve) => {
        if (open.size === 0) resolve();
        else whenClosed.push(resolve);
      }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

interface RawServerOptions {
  readonly host?: string;
  readonly port?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

function isWhole(request: string): boolean {
  const headEnd = request.indexOf("\r\n\r\n");
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(request)?.[1] ?? 0);
  return headEnd >= 0 && request.length >= headEnd + 4 + length;
}

export function response(status: string, headers: Readonly<Record<string, string>> = {}, body = ""): string {
  const all = { "Content-Length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join("")}\r\n${body}`;
}

/** A guarded GET that allows every URL and the loopback network, with any part replaced. */
export function ask(url: string, more: Partial<GuardedRequest> = {}) {
  return guardedFetch({
    url,
    method: "GET",
    headers: [],
    timeoutMs: 10_000,
    bodyBytesMax: 4_096,
    responseBytesMax: 65_536,
    allowed: () => true,
    addressAllowed: (_, address) => address.startsWith("127.") || address === "::1",
    ...more,
  });
}

/** The error with which `promise` rejects; fails when it does not, or with another code. */
export async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<AkcError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AkcError && error.code === code) return error;
  throw new Error(`expected ${code}`, { cause: error });
}
