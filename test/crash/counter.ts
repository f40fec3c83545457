/**
 * A server that remembers what it was asked, with the Idempotency-Key of each request: a count that akc cannot touch. It
 * counts a request when it arrives, before anything that could be cut off.
 */

export interface Asked {
  readonly path: string;
  readonly key: string;
}

export interface Counter extends AsyncDisposable {
  /** Ends with a slash. */
  readonly url: string;
  /** What was asked in this folder of the server, in order. */
  asked(folder: string): readonly Asked[];
}

/**
 * `/<folder>/ok/<name>` answers; `/<folder>/slow/<name>` answers after a moment; `/<folder>/flaky/<name>` fails the first time
 * that it sees a key.
 */
export function startCounter(): Counter {
  const asked = new Map<string, Asked[]>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 30,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      const [, folder = "", how = "", name = ""] = path.split("/");
      const key = request.headers.get("idempotency-key") ?? "";
      const list = asked.get(folder) ?? [];
      const seen = list.some((one) => one.key === key);
      list.push({ path, key });
      asked.set(folder, list);
      if (how === "slow") await Bun.sleep(60);
      if (how === "flaky" && !seen) return new Response("not yet", { status: 503 });
      return new Response(`answer to ${name}`);
    },
  });
  return {
    url: server.url.href,
    asked: (folder) => asked.get(folder) ?? [],
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
