/** What a validator can reach by the door over HTTP, and what it never learns. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { limits } from "../../src/limits.ts";
import { authority } from "../http/certificate.ts";
import { DoorWorld, get, never, operator, refusal, text } from "./door-world.ts";

let world: DoorWorld;
beforeAll(() => {
  world = new DoorWorld();
});
afterAll(() => world.close());

const secret = "s3cr3t/of+the operator";
const withSecret = {
  operator: operator({
    plugins: { secrets: new Map([["token", { env: "TOKEN", sendTo: ["localhost", "127.0.0.1"] }]]) },
  }),
  env: { TOKEN: secret },
};
const bearer = { secret_headers: { Authorization: { secret: "token", prefix: "Bearer " } } };

test("any status is an answer, and what passed is recorded with its bytes", async () => {
  const origin = world.serve(() => new Response("gone", { status: 503, headers: { "x-other": "1" } }));
  const door = await world.door({ url: `${origin}/base` });
  const answer = await door.fetch(
    { url: `${origin}/q?query=up#fragment`, method: "post", headers: {}, body: Buffer.from("sent") },
    never,
  );
  expect(answer).toMatchObject({ status: 503, truncated: false });
  // What is not recorded must not be judged.
  expect(answer.headers).toEqual({ "content-type": "text/plain;charset=utf-8" });
  expect(door.exchanges).toEqual([
    {
      kind: "http",
      method: "POST",
      url: `${origin}/q?query=up`,
      requestSha256: sha256Hex("sent"),
      startedMs: expect.any(Number),
      durationMs: expect.any(Number),
      answer: {
        kind: "response",
        status: 503,
        mediaType: "text/plain;charset=utf-8",
        truncated: false,
        body: { sha256: sha256Hex("gone"), sizeBytes: 4, bytes: Buffer.from("gone") },
      },
    },
  ]);
});

test("a secret goes only where the operator lets it go, whatever the registry says", async () => {
  let reached = 0;
  const origin = world.serve(() => {
    reached += 1;
    return new Response("");
  });
  for (const sendTo of [undefined, [], ["prom.example"], ["http://127.0.0.1:1"]]) {
    const secrets = new Map([["token", { env: "TOKEN", ...(sendTo === undefined ? {} : { sendTo }) }]]);
    const withheld = { ...withSecret, operator: operator({ plugins: { secrets } }) };
    const cause = await refusal(world.door({ url: origin, ...bearer }, withheld));
    expect(cause.code).toBe("SECRET_DENIED");
    expect(JSON.stringify([cause.message, cause.details])).not.toContain(secret);
  }
  expect(reached).toBe(0);
});

describe("a validator reaches its binding's own origin and nothing else", () => {
  test("not another port of the same host, not a URL with a password, not without a URL", async () => {
    const origin = world.serve(() => new Response("own"));
    let reached = 0;
    const other = world.serve(() => {
      reached += 1;
      return new Response("other");
    });
    const door = await world.door({ url: origin });
    expect((await refusal(get(door, other))).code).toBe("HTTP_URL_DENIED");
    expect((await refusal(get(door, origin.replace("//", "//user:pass@")))).code).toBe("HTTP_URL_DENIED");
    expect((await refusal(get(door, "file:///etc/passwd"))).code).toBe("HTTP_URL_DENIED");
    expect((await refusal(get(await world.door({}), origin))).code).toBe("HTTP_DISABLED");
    expect(reached).toBe(0);
    expect(door.exchanges.map(({ answer }) => answer.kind)).toEqual(["error", "error", "error"]);
    expect(JSON.stringify(door.exchanges)).not.toContain("user:pass");
  });

  test("a redirect within the origin is followed, one to elsewhere refused", async () => {
    let reached = 0;
    const other = world.serve(() => {
      reached += 1;
      return new Response("other");
    });
    const origin: string = world.serve(({ url }) => {
      const { pathname } = new URL(url);
      if (pathname === "/away") return Response.redirect(`${other}/`, 307);
      return pathname === "/near" ? Response.redirect(`${origin}/end`, 302) : new Response(pathname);
    });
    const door = await world.door({ url: origin });
    expect(text((await get(door, `${origin}/near`)).body)).toBe("/end");
    expect((await refusal(get(door, `${origin}/away`))).code).toBe("HTTP_REDIRECT_REFUSED");
    expect(reached).toBe(0);
  });

  test("the operator's list narrows, by URL", async () => {
    const origin = world.serve(() => new Response("here"));
    const narrowed = (http: string[]) => world.door({ url: origin }, { operator: operator({ http }) });
    expect((await get(await narrowed([origin]), `${origin}/x`)).status).toBe(200);
    const elsewhere = await narrowed(["example.com", `${origin}/api`]);
    expect((await refusal(get(elsewhere, `${origin}/x`))).code).toBe("HTTP_URL_DENIED");
    expect((await get(elsewhere, `${origin}/api/v1`)).status).toBe(200);
  });

  test("a name that leads inside is refused, unless the operator names the address", async () => {
    const origin = world.serve(() => new Response("inside"));
    const named = origin.replace("127.0.0.1", "metrics.example");
    const inside = { resolve: async () => ["127.0.0.1"] };
    expect((await refusal(get(await world.door({ url: named }, inside), named))).code).toBe(
      "HTTP_ADDRESS_DENIED",
    );
    const http = ["metrics.example", "127.0.0.1"];
    const opened = await world.door({ url: named }, { ...inside, operator: operator({ http }) });
    expect(text((await get(opened, named)).body)).toBe("inside");
  });

  test("it looks and changes nothing: other methods are refused", async () => {
    const origin = world.serve(() => new Response("changed"));
    const door = await world.door({ url: origin });
    for (const method of ["DELETE", "PUT", "patch", "CONNECT", "GET\r\nX: 1"]) {
      const use = door.fetch({ url: origin, method, headers: {} }, never);
      expect((await refusal(use)).code).toBe("HTTP_METHOD_DENIED");
    }
  });

  test("a header cannot end its line, frame the message or name another host", async () => {
    const origin = world.serve((request) => Response.json(Object.fromEntries(request.headers)));
    const door = await world.door({ url: origin });
    for (const headers of [{ "x-a": "1\r\nx-b: 2" }, { "x a": "1" }, { "x-a": "\0" }]) {
      expect((await refusal(get(door, origin, headers))).code).toBe("ROUTE_MALFORMED");
    }
    const { body } = await get(door, origin, { Host: "evil.example", "Content-Length": "7", "X-A": "fine" });
    expect(JSON.parse(text(body))).toMatchObject({ host: new URL(origin).host, "x-a": "fine" });
  });
});

describe("a secret", () => {
  test("goes to the binding's origin alone, replaces what the validator sent, and comes back as a mark", async () => {
    const origin: string = world.serve((request) => {
      if (new URL(request.url).pathname === "/away") return Response.redirect(other, 307);
      return new Response(
        `${request.headers.get("authorization")} ${btoa(secret)} ${encodeURIComponent(secret)} ${secret}`,
        { headers: { "content-type": `text/plain; x=${secret}` } },
      );
    });
    const leaked: (string | null)[] = [];
    const other: string = world.serve((request) => {
      leaked.push(request.headers.get("authorization"));
      return new Response("other");
    });
    const door = await world.door(
      { url: origin, ...bearer },
      { ...withSecret, operator: operator({ ...withSecret.operator, http: [origin, other] }) },
    );
    const answer = await get(door, origin, { authorization: "mine" });
    expect(text(answer.body)).toBe("Bearer [REDACTED] [REDACTED] [REDACTED] [REDACTED]");
    expect(answer.headers).toEqual({ "content-type": "text/plain; x=[REDACTED]" });
    await refusal(get(door, `${origin}/away`));
    await refusal(get(door, other));
    expect(leaked).toEqual([]);
    const recorded = door.exchanges.map((one) =>
      one.kind === "http" && one.answer.kind === "response" ? text(one.answer.body.bytes) : "",
    );
    expect(`${JSON.stringify(door.exchanges)}${recorded.join()}`).not.toContain(secret);
  });

  test("goes below the prefix that the operator names and nowhere else on the same server", async () => {
    const seen: string[] = [];
    const origin = world.serve((request) => {
      const { pathname } = new URL(request.url);
      seen.push(`${pathname} ${request.headers.has("authorization") ? "with" : "without"}`);
      const away = pathname === "/api/away" ? { status: 302, headers: { location: "/admin" } } : {};
      return new Response("", away);
    });
    const secrets = new Map([["token", { env: "TOKEN", sendTo: [`${origin}/api`] }]]);
    const parts = { ...withSecret, operator: operator({ plugins: { secrets } }) };
    const door = await world.door({ url: `${origin}/api/query`, ...bearer }, parts);
    await get(door, `${origin}/api/query`);
    await get(door, `${origin}/admin`);
    expect((await refusal(get(door, `${origin}/api/away`))).code).toBe("HTTP_REDIRECT_REFUSED");
    expect(seen).toEqual(["/api/query with", "/admin without", "/api/away with"]);
  });

  test("that holds a user and a password is found when the server tells them", async () => {
    const origin = world.serve((request) => {
      const [, encoded = ""] = (request.headers.get("authorization") ?? "").split(" ");
      return new Response(`no such user: ${atob(encoded)}; password ${atob(encoded).split(":")[1]}`);
    });
    const basic = { secret_headers: { Authorization: { secret: "token", prefix: "Basic " } } };
    const door = await world.door(
      { url: origin, ...basic },
      { ...withSecret, env: { TOKEN: btoa("robot:hunter22") } },
    );
    const answer = await get(door, origin);
    expect(text(answer.body)).toBe("no such user: [REDACTED]; password [REDACTED]");
  });

  test("that is cut in two by the bound leaves no half behind", async () => {
    const filler = "x".repeat(limits.validatorResponseBytesMax - 8);
    const origin = world.serve(() => new Response(filler + secret));
    const door = await world.door({ url: origin, ...bearer }, withSecret);
    const { body, truncated } = await get(door, origin);
    expect([truncated, text(body) === filler]).toEqual([true, true]);
  });

  test("that cannot be had opens no door, and its value is in no error", async () => {
    const parts = { ...withSecret, env: {} };
    const opening = world.door({ url: "http://127.0.0.1:9", ...bearer }, parts);
    expect((await refusal(opening)).code).toBe("PLUGIN_SECRET_UNAVAILABLE");
    const broken = await world.door(
      { url: "http://127.0.0.1:9", ...bearer },
      { ...withSecret, env: { TOKEN: `${secret}\r\nx: y` } },
    );
    const error = await refusal(get(broken, "http://127.0.0.1:9"));
    expect(error.code).toBe("ROUTE_MALFORMED");
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain(secret);
  });
});

test("the server's certificate must come from the authority that the binding names, and from no other", async () => {
  const [own, other] = [authority("own"), authority("other")];
  const { cert, key } = own.issue({ ip: ["127.0.0.1"] });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert, key },
    fetch: () => new Response("1"),
  });
  const url = `https://127.0.0.1:${server.port}/`;
  const file = join(world.folder, "authority.pem");
  const asked = async (authorities?: string) => {
    if (authorities !== undefined) writeFileSync(file, authorities);
    const door = await world.door({ url, ...(authorities === undefined ? {} : { tls_ca_file: file }) });
    return text((await get(door, url)).body);
  };
  try {
    expect(await asked(own.caPem)).toBe("1");
    for (const authorities of [undefined, other.caPem]) {
      expect((await refusal(asked(authorities))).code).toBe("HTTP_TLS_UNTRUSTED");
    }
    for (const authorities of [
      "",
      "none",
      key,
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ]) {
      expect((await refusal(asked(authorities))).code).toBe("FILE_UNREADABLE");
    }
  } finally {
    await server.stop(true);
  }
});

describe("what is large or slow", () => {
  test("a body of 50 MB is cut at the bound, and never held twice over", async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "door-memory.child.ts")], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdout: "pipe",
      stderr: "inherit",
    });
    const report: unknown = await new Response(child.stdout).json();
    expect(report).toMatchObject({ truncated: true, bytes: limits.validatorResponseBytesMax });
    const grown = Number(Object(report).grownBytes);
    expect(grown).toBeLessThan(2 * limits.validatorResponseBytesMax + slackBytes);
  }, 60_000);

  test("a body that is as large as the bound is whole", async () => {
    const origin = world.serve(() => new Response(new Uint8Array(limits.validatorResponseBytesMax)));
    const { truncated, body } = await get(await world.door({ url: origin }), origin);
    expect([truncated, body.length]).toEqual([false, limits.validatorResponseBytesMax]);
  });

  test("a body that comes a byte at a time ends with the binding's time", async () => {
    const origin = world.serve(
      () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              await Bun.sleep(50);
              controller.enqueue(new Uint8Array(1));
            },
          }),
        ),
    );
    const door = await world.door({ url: origin }, { timeoutMs: 300 });
    expect((await refusal(get(door, origin))).code).toBe("HTTP_TIMEOUT");
    expect(door.exchanges).toMatchObject([{ answer: { kind: "error", code: "HTTP_TIMEOUT" } }]);
    // The time is one for all uses.
    expect((await refusal(get(door, origin))).code).toBe("HTTP_TIMEOUT");
  });

  test("what is asked with too many words is refused, and not recorded", async () => {
    const origin = world.serve(() => new Response("1"));
    const door = await world.door({ url: origin });
    const long = "x".repeat(limits.validatorAskedCharsMax);
    expect((await refusal(get(door, `${origin}/${long}`))).code).toBe("DOOR_LIMIT");
    const run = door.run({ argv: ["true", long], timeoutMs: 1_000 }, never);
    expect((await refusal(run)).code).toBe("DOOR_LIMIT");
    expect((await refusal(door.readMade(`${long}x`, never))).code).toBe("DOOR_LIMIT");
    expect(door.exchanges).toEqual([]);
  });

  test("a judgement makes so many uses and no more", async () => {
    const origin = world.serve(() => new Response("x"));
    const door = await world.door({ url: origin });
    for (let use = 0; use < limits.exchangesMax; use += 1) await get(door, origin);
    expect((await refusal(get(door, origin))).code).toBe("DOOR_LIMIT");
    expect(door.exchanges).toHaveLength(limits.exchangesMax);
  });
});

/** Of the runtime itself while it reads: its buffers of a socket, pages that are not given back yet. */
const slackBytes = 8 * 1024 * 1024;

test("exchanges stand in the order in which they began, and one that is cancelled says so", async () => {
  const origin = world.serve(async ({ url }) => {
    await Bun.sleep(Number(new URL(url).searchParams.get("ms")));
    return new Response(url);
  });
  const door = await world.door({ url: origin });
  const control = new AbortController();
  const slow = get(door, `${origin}/?ms=120`);
  const quick = get(door, `${origin}/?ms=1`);
  const endless = refusal(
    door.fetch({ url: `${origin}/?ms=9000`, method: "GET", headers: {} }, control.signal),
  );
  await quick;
  expect(door.exchanges).toHaveLength(1);
  control.abort();
  expect((await endless).code).toBe("CANCELLED");
  await slow;
  expect(door.exchanges.map((one) => one.kind === "http" && one.url.split("=")[1])).toEqual([
    "120",
    "1",
    "9000",
  ]);
});
