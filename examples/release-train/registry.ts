/**
 * The registry that the train reports to: gives releases their numbers and publishes them. It keeps everything in memory
 * and listens on the loopback address only. `bun examples/release-train/registry.ts [--busy N]` runs it by hand.
 */

export interface Release {
  readonly number: number;
  readonly name: string;
  readonly version: string;
  readonly published: boolean;
}

export interface Registry {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  releases(): readonly Release[];
  /** Every request in its order, with the key by which a repeated one is known, and what was answered. */
  requests(): readonly {
    readonly line: string;
    readonly idempotencyKey: string | null;
    readonly status: number;
  }[];
  /** The next `count` requests are answered 503. */
  beBusy(count: number): void;
  stop(): Promise<void>;
}

export function startRegistry(port: number): Registry {
  const releases = new Map<string, Release>();
  const requests: { line: string; idempotencyKey: string | null; status: number }[] = [];
  let busy = 0;

  async function answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const line = `${request.method} ${pathname}`;
    if (busy > 0) {
      busy -= 1;
      return Response.json({ error: "busy, come back in a second" }, { status: 503 });
    }
    const published = /^POST \/releases\/(?<name>[^/]+)\/(?<version>[^/]+)\/publish$/.exec(line)?.groups;
    if (published !== undefined) return publish(published["name"] ?? "", published["version"] ?? "");
    switch (line) {
      case "GET /health":
        return Response.json({ status: "up", releases: releases.size });
      case "GET /releases":
        return Response.json([...releases.values()]);
      case "POST /releases":
        return register(request);
      default:
        return Response.json({ error: "there is nothing here" }, { status: 404 });
    }
  }

  /** The same key gives the same number, however often it is asked: an answer that got lost costs no second number. */
  async function register(request: Request): Promise<Response> {
    const key = request.headers.get("Idempotency-Key");
    const { name, version } = textsOf(await request.json().catch(() => null));
    if (key === null || name === "" || version === "") {
      return Response.json({ error: "want a name, a version and an Idempotency-Key" }, { status: 400 });
    }
    const release = releases.get(key) ?? { number: releases.size + 1, name, version, published: false };
    releases.set(key, release);
    return Response.json(release);
  }

  /** Publishes the newest of this name and version. */
  function publish(name: string, version: string): Response {
    const found = [...releases].findLast(([, one]) => one.name === name && one.version === version);
    if (found === undefined) return Response.json({ error: "not registered" }, { status: 404 });
    const release = { ...found[1], published: true };
    releases.set(found[0], release);
    return Response.json(release);
  }

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    async fetch(request) {
      const response = await answer(request);
      requests.push({
        line: `${request.method} ${new URL(request.url).pathname}`,
        idempotencyKey: request.headers.get("Idempotency-Key"),
        status: response.status,
      });
      return response;
    },
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    releases: () => [...releases.values()],
    requests: () => requests,
    beBusy: (count) => {
      busy = count;
    },
    stop: () => server.stop(true),
  };
}

function textsOf(body: unknown): { readonly name: string; readonly version: string } {
  const text = (key: string): string => {
    if (typeof body !== "object" || body === null) return "";
    const value: unknown = Reflect.get(body, key);
    return typeof value === "string" ? value : "";
  };
  return { name: text("name"), version: text("version") };
}

if (import.meta.main) {
  const registry = startRegistry(4870);
  const flag = process.argv.indexOf("--busy");
  if (flag > 0) registry.beBusy(Number(process.argv[flag + 1]));
  console.log(`the registry listens on ${registry.origin}; end it with Ctrl-C`);
}
