import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nextHop } from "../../src/system/http-redirect.ts";
import { ask, rawServer, refusal, response } from "./servers.ts";

const to = (location: string, status = "302 Found") => response(status, { Location: location });

describe("a redirect is followed", () => {
  test.each([
    ["GET", 301, "GET"],
    ["GET", 302, "GET"],
    ["GET", 303, "GET"],
    ["GET", 307, "GET"],
    ["GET", 308, "GET"],
    ["HEAD", 303, "HEAD"],
    ["HEAD", 308, "HEAD"],
    ["POST", 301, "GET"],
    ["POST", 302, "GET"],
    ["POST", 303, "GET"],
  ])("%s on %d goes on as %s", async (method, status, next) => {
    await using server = await rawServer((socket, head) => {
      socket.end(head.includes(" /end ") ? response("200 OK") : to("/end#x", `${status} Moved`));
    });
    const answer = await ask(`http://127.0.0.1:${server.port}/start`, {
      method,
      headers: [["X-Kept", "1"]],
      ...(method === "POST" ? { body: "secret body" } : {}),
    });
    expect(answer.redirects).toBe(1);
    expect(answer.url.href).toBe(`http://127.0.0.1:${server.port}/end`);
    expect(server.received[1]).toStartWith(`${next} /end HTTP/1.1\r\n`);
    expect(server.received[1]?.toLowerCase()).toContain("x-kept: 1");
    expect(server.received[1]).not.toContain("secret body");
  });

  test("five times and no more", async () => {
    await using server = await rawServer((socket, head) => {
      const step = Number(/ \/(\d+) /.exec(head)?.[1]);
      socket.end(step === 0 ? response("200 OK") : to(`/${step - 1}`));
    });
    const origin = `http://127.0.0.1:${server.port}`;
    expect((await ask(`${origin}/5`)).redirects).toBe(5);
    const error = await refusal(ask(`${origin}/6`), "HTTP_REDIRECT_REFUSED");
    expect(error.details).toEqual({
      url: `${origin}/1`,
      target: `${origin}/0`,
      why: "too many redirects",
      status: 302,
    });
  });
});

describe("a redirect that is not followed is a failure, never a success", () => {
  test.each([
    ["POST", 307],
    ["POST", 308],
    ["PUT", 301],
    ["PATCH", 302],
    ["DELETE", 303],
    ["OPTIONS", 301],
    ["GET", 300],
    ["GET", 305],
    ["GET", 399],
  ])("%s on %d with a target", async (method, status) => {
    await using server = await rawServer(to("/else", `${status} Moved`));
    const error = await refusal(ask(`http://127.0.0.1:${server.port}/`, { method }), "HTTP_REDIRECT_REFUSED");
    expect(error.details["status"]).toBe(status);
    expect(server.received).toHaveLength(1);
  });

  test("to a place that is not allowed, and nobody there hears of it", async () => {
    await using other = await rawServer(response("200 OK"), { host: "127.0.0.2" });
    const target = `http://user:word@127.0.0.2:${other.port}/hook?token=secret`;
    await using server = await rawServer(to(target));
    const error = await refusal(
      ask(`http://127.0.0.1:${server.port}/?mine=secret`, { allowed: (url) => url.hostname === "127.0.0.1" }),
      "HTTP_REDIRECT_REFUSED",
    );
    expect(error.details["target"]).toBe(`http://127.0.0.2:${other.port}/hook`);
    expect(JSON.stringify([error.message, error.details])).not.toMatch(/secret|word/);
    expect(other.received).toEqual([]);
  });

  test("to a name whose address is refused", async () => {
    await using server = await rawServer(to("http://metadata.test/latest/"));
    await refusal(
      ask(`http://127.0.0.1:${server.port}/`, { resolve: async () => ["169.254.169.254"] }),
      "HTTP_REDIRECT_REFUSED",
    );
  });

  test.each(["file:///etc/passwd", "data:text/plain,hi", "gopher://127.0.0.1/", "javascript:1"])(
    "to %s",
    async (target) => {
      await using server = await rawServer(to(target));
      const allowed = (url: URL) => url.protocol === "http:";
      await refusal(ask(`http://127.0.0.1:${server.port}/`, { allowed }), "HTTP_REDIRECT_REFUSED");
    },
  );

  test.each(["http://", "http://[::1", "http://a b/"])("to %s, which is no URL", async (target) => {
    await using server = await rawServer(to(target));
    await refusal(ask(`http://127.0.0.1:${server.port}/`), "HTTP_REDIRECT_REFUSED");
  });

  test("to nowhere", async () => {
    await using server = await rawServer(response("301 Moved"));
    await refusal(ask(`http://127.0.0.1:${server.port}/`), "HTTP_REDIRECT_REFUSED");
  });

  test("with a body that never ends: the connection is closed all the same", async () => {
    await using server = await rawServer((socket) => {
      socket.write("HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 99999999\r\n\r\nx");
    });
    const allowed = (url: URL) => url.protocol === "http:";
    await refusal(ask(`http://127.0.0.1:${server.port}/`, { allowed }), "HTTP_REDIRECT_REFUSED");
    await server.allClosed();
  });
});

test("304 is an answer, whatever headers it has", async () => {
  await using server = await rawServer(response("304 Not Modified", { Location: "/else" }));
  expect((await ask(`http://127.0.0.1:${server.port}/`)).status).toBe(304);
});

describe("credentials", () => {
  const headers = [
    ["Authorization", "Bearer t0p"],
    ["Cookie", "id=t0p"],
    ["X-Api-Key", "t0p"],
    ["Accept", "text/plain"],
    ["Idempotency-Key", "k1"],
  ] as const;

  test.each([
    ["another host", "127.0.0.2", false],
    ["the same origin", "127.0.0.1", true],
  ])("to %s: kept only on the same origin, whatever their header is called", async (_, host, kept) => {
    await using end = await rawServer(response("200 OK"), { host });
    await using server = await rawServer((socket, head) =>
      socket.end(
        head.includes(" /end ") ? response("200 OK") : to(kept ? "/end" : `http://${host}:${end.port}/end`),
      ),
    );
    await ask(`http://127.0.0.1:${server.port}/`, { headers });
    const last = kept ? server.received[1] : end.received[0];
    expect(last?.includes("t0p")).toBe(kept);
    expect(last?.toLowerCase()).toContain("accept: text/plain");
    expect(last?.toLowerCase()).toContain("idempotency-key: k1");
  });

  test("do not come back when the chain does", async () => {
    await using away = await rawServer((socket) => socket.end(to(`http://127.0.0.1:${server.port}/back`)), {
      host: "127.0.0.2",
    });
    await using server = await rawServer((socket, head) =>
      socket.end(head.includes(" /back ") ? response("200 OK") : to(`http://127.0.0.2:${away.port}/`)),
    );
    expect((await ask(`http://127.0.0.1:${server.port}/`, { headers })).redirects).toBe(2);
    expect(server.received[0]).toContain("t0p");
    expect(server.received[1]).not.toContain("t0p");
  });

  test("another port of the same host is another origin", async () => {
    await using end = await rawServer(response("200 OK"));
    await using server = await rawServer(to(`http://127.0.0.1:${end.port}/`));
    await ask(`http://127.0.0.1:${server.port}/`, { headers });
    expect(end.received[0]).not.toContain("t0p");
  });
});

test("a status is an answer, a way on, or a refusal: never an exception, never a body sent twice", () => {
  const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");
  const location = fc.option(fc.oneof(fc.string(), fc.webUrl()));
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), location, method, (status, target, sent) => {
      const next = nextHop(status, target, sent, new URL("https://h.test/a"));
      if (status < 300 || status > 399) expect(next.kind).toBe("final");
      if (next.kind === "final" && status >= 300 && status <= 399 && status !== 304)
        expect(target || null).toBeNull();
      if (next.kind === "follow") expect(["GET", "HEAD"]).toContain(next.method);
    }),
  );
});
