import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { ask, rawServer, refusal, response } from "./servers.ts";

const text = (body: Uint8Array) => new TextDecoder().decode(body);

describe("what goes on the wire", () => {
  test("is the request, the host that was asked for, and nothing packed", async () => {
    await using server = await rawServer(response("200 OK", { "X-A": "1" }, "hello"));
    const answer = await ask(`http://service.test:${server.port}/a/b?c=d#e`, {
      method: "POST",
      headers: [["X-Trace", "7"]],
      body: "ping",
      resolve: async () => ["127.0.0.1"],
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-a")).toBe("1");
    expect(text(answer.body)).toBe("hello");
    const [head = ""] = server.received;
    expect(head).toStartWith("POST /a/b?c=d HTTP/1.1\r\n");
    expect(head).toEndWith("\r\n\r\nping");
    expect(head).toContain(`\r\nHost: service.test:${server.port}\r\n`);
    expect(head.toLowerCase()).toContain("\r\nx-trace: 7\r\n");
    expect(head.toLowerCase()).toContain("\r\naccept-encoding: identity\r\n");
    expect(head.toLowerCase()).not.toContain("content-type");
  });

  test.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "%s goes out as itself",
    async (method) => {
      await using server = await rawServer(response("200 OK"));
      await ask(`http://127.0.0.1:${server.port}/`, { method });
      expect(server.received[0]).toStartWith(`${method} / HTTP/1.1\r\n`);
    },
  );

  test.each(["FOO", "get", "TRACE", "CONNECT", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", ""])(
    "a method akc cannot send goes nowhere, and is not turned into another: %p",
    async (method) => {
      await using server = await rawServer(response("200 OK"));
      await refusal(ask(`http://127.0.0.1:${server.port}/`, { method }), "ROUTE_MALFORMED");
      expect(server.received).toEqual([]);
    },
  );

  test("no proxy of the environment sees anything", async () => {
    await using proxy = await rawServer(response("200 OK", {}, "proxied"));
    await using server = await rawServer(response("200 OK", {}, "direct"));
    const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
    try {
      expect(text((await ask(`http://127.0.0.1:${server.port}/`)).body)).toBe("direct");
      expect(proxy.received).toEqual([]);
      // The variables do steer a plain fetch; otherwise this test would prove nothing.
      expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe("proxied");
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  test("every request has a connection of its own, closed when it is done", async () => {
    await using server = await rawServer((socket) => socket.write(response("200 OK", {}, "kept open")));
    await ask(`http://127.0.0.1:${server.port}/`);
    await ask(`http://127.0.0.1:${server.port}/`);
    expect(server.received).toHaveLength(2);
    await server.allClosed();
  });
});

describe("the request's body", () => {
  test("is counted in bytes of UTF-8, and one too many stops it before anything is sent", async () => {
    await using server = await rawServer(response("200 OK"));
    const url = `http://127.0.0.1:${server.port}/`;
    await ask(url, { method: "POST", body: "éé", bodyBytesMax: 4 });
    const error = await refusal(
      ask(url, { method: "POST", body: "éé!", bodyBytesMax: 4 }),
      "HTTP_BODY_TOO_LARGE",
    );
    expect(error.details).toEqual({ sizeBytes: 5, limitBytes: 4 });
    await refusal(ask(url, { method: "POST", body: "x", bodyBytesMax: 0 }), "HTTP_BODY_TOO_LARGE");
    await ask(url, { method: "POST", body: "", bodyBytesMax: 0 });
    await refusal(ask(url, { method: "GET", body: "x" }), "ROUTE_MALFORMED");
    expect(server.received).toHaveLength(2);
  });
});

describe("addresses", () => {
  test("a name is resolved once, and only the address that was checked is connected to", async () => {
    await using checked = await rawServer(response("200 OK", {}, "checked"), { host: "127.0.0.2" });
    await using inside = await rawServer(response("200 OK", {}, "inside"), { port: checked.port });
    // The first answer is what a checker would see, the second what a second look-up would connect to.
    const answers = [["127.0.0.2"], ["127.0.0.1"]];
    let lookUps = 0;
    const resolve = async () => answers[lookUps++] ?? [];
    const addressAllowed = (_: URL, address: string) => address === "127.0.0.2";
    const url = `http://rebind.test:${checked.port}/`;
    const answer = await ask(url, { resolve, addressAllowed });
    expect(text(answer.body)).toBe("checked");
    expect(lookUps).toBe(1);
    await refusal(ask(url, { resolve, addressAllowed }), "HTTP_ADDRESS_DENIED");
    expect(inside.received).toEqual([]);
  });

  test.each(["localhost", "fe80::1%lo", "", "127.0.0.1.evil.test"])(
    "a resolver that answers with what is no address (%p) leads nowhere, whoever allows it",
    async (answer) => {
      await using server = await rawServer(response("200 OK"));
      const url = `http://localhost:${server.port}/`;
      const careless = { resolve: async () => [answer], addressAllowed: () => true };
      await refusal(ask(url, careless), "HTTP_UNREACHABLE");
      expect(server.received).toEqual([]);
    },
  );

  test("one refused address among several refuses the host", async () => {
    await using server = await rawServer(response("200 OK"), { host: "127.0.0.2" });
    const error = await refusal(
      ask(`http://mixed.test:${server.port}/x?secret=1`, {
        resolve: async () => ["127.0.0.2", "10.0.0.1"],
        addressAllowed: (_, address) => address === "127.0.0.2",
      }),
      "HTTP_ADDRESS_DENIED",
    );
    expect(error.details).toEqual({ url: `http://mixed.test:${server.port}/x`, address: "10.0.0.1" });
    expect(server.received).toEqual([]);
  });

  test.each([
    "http://0x7f.1",
    "http://2130706433",
    "http://0177.0.0.1",
    "http://127.1",
    "http://[::ffff:7f00:1]",
  ])("%s is asked about as the address it is", async (origin) => {
    const asked: string[] = [];
    const addressAllowed = (_: URL, address: string) => {
      asked.push(address);
      return false;
    };
    const resolve = () => Promise.reject(new Error("an address is not resolved"));
    await refusal(ask(`${origin}/`, { addressAllowed, resolve }), "HTTP_ADDRESS_DENIED");
    expect(asked).toEqual([origin.includes("[") ? "::ffff:7f00:1" : "127.0.0.1"]);
  });

  test("another checked address is tried when nothing listens on the first, IPv4 before IPv6", async () => {
    await using server = await rawServer(response("200 OK", {}, "second"), { host: "127.0.0.2" });
    const resolve = async () => ["::1", "127.0.0.3", "127.0.0.2"];
    const answer = await ask(`http://two.test:${server.port}/`, { resolve });
    expect(text(answer.body)).toBe("second");
  });

  test("localhost is found by the system's own resolver", async () => {
    await using server = await rawServer(response("200 OK", {}, "here"));
    expect(text((await ask(`http://localhost:${server.port}/`)).body)).toBe("here");
  });

  test.each([
    [
      "fails",
      () => Promise.reject(Object.assign(new Error("no such host: x?secret"), { code: "ENOTFOUND" })),
    ],
    ["finds nothing", async () => []],
  ])("a resolver that %s is a host that cannot be reached", async (_, resolve) => {
    const error = await refusal(ask("http://nowhere.test/?secret", { resolve }), "HTTP_UNREACHABLE");
    expect(JSON.stringify([error.message, error.details, error.cause])).not.toContain("secret");
  });

  test("a URL that is not allowed is not even resolved", async () => {
    const resolve = () => Promise.reject(new Error("resolved"));
    const error = await refusal(
      ask("http://user:word@h.test/p?q=1#f", { allowed: () => false, resolve }),
      "HTTP_URL_DENIED",
    );
    expect(error.details).toEqual({ url: "http://h.test/p" });
  });
});

describe("the response", () => {
  const many = (bytes: number) => "x".repeat(bytes);

  test("may be exactly as large as allowed, and not a byte more", async () => {
    await using exact = await rawServer(response("200 OK", {}, many(1_000)));
    await using over = await rawServer(response("200 OK", {}, many(1_001)));
    await using unannounced = await rawServer(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${many(1_001)}`);
    const answer = await ask(`http://127.0.0.1:${exact.port}/`, { responseBytesMax: 1_000 });
    expect(answer.body).toHaveLength(1_000);
    for (const server of [over, unannounced]) {
      const error = await refusal(
        ask(`http://127.0.0.1:${server.port}/?q`, { responseBytesMax: 1_000 }),
        "HTTP_RESPONSE_TOO_LARGE",
      );
      expect(error.details).toEqual({
        url: `http://127.0.0.1:${server.port}/`,
        status: 200,
        limitBytes: 1_000,
      });
    }
  });

  test("that never ends is cut off at the limit and its connection closed", async () => {
    await using server = await rawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      const chunk = `4000\r\n${many(0x4000)}\r\n`;
      const flood = () => {
        if (!socket.destroyed && socket.write(chunk)) setImmediate(flood);
        else socket.once("drain", flood);
      };
      flood();
    });
    await refusal(ask(`http://127.0.0.1:${server.port}/`), "HTTP_RESPONSE_TOO_LARGE");
    await server.allClosed();
  });

  test("that is a decompression bomb stays packed", async () => {
    const packed = Bun.gzipSync(Buffer.alloc(10_000_000));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
    await using server = await rawServer((socket) => {
      socket.write(head);
      socket.end(packed);
    });
    const answer = await ask(`http://127.0.0.1:${server.port}/`);
    expect(Buffer.from(answer.body).equals(packed)).toBe(true);
  });

  test("to HEAD may announce a body that does not come", async () => {
    await using server = await rawServer("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    const answer = await ask(`http://127.0.0.1:${server.port}/`, { method: "HEAD" });
    expect(answer.body).toHaveLength(0);
  });

  test.each([
    ["is no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["is cut short", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"],
    ["has a broken chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n"],
    ["is an upgrade nobody asked for", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ["is nothing", ""],
  ])("that %s is a server that cannot be reached", async (_, answer) => {
    await using server = await rawServer(answer);
    const error = await refusal(ask(`http://127.0.0.1:${server.port}/?secret`), "HTTP_UNREACHABLE");
    expect(JSON.stringify([error.message, error.details, error.cause])).not.toContain("secret");
  });

  test("with endless headers is refused", async () => {
    await using server = await rawServer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nX-A: ${many(2_000_000)}`);
    });
    await refusal(ask(`http://127.0.0.1:${server.port}/`), "HTTP_RESPONSE_TOO_LARGE");
  });
});

describe("the deadline is one, for everything", () => {
  const slow = { timeoutMs: 150 };

  test.each([
    ["never answers", () => undefined],
    [
      "sends its body a byte at a time",
      (socket: Socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        const drip = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(drip));
      },
    ],
    [
      "sends its headers a byte at a time",
      (socket: Socket) => {
        socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
        const drip = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(drip));
      },
    ],
  ])("a server that %s is hung up on", async (_, answer) => {
    await using server = await rawServer(answer);
    await refusal(ask(`http://127.0.0.1:${server.port}/`, slow), "HTTP_TIMEOUT");
    await server.allClosed();
  });

  test("redirects do not restart it", async () => {
    await using server = await rawServer((socket) => {
      setTimeout(() => socket.end(response("302 Found", { Location: "/again" })), 60);
    });
    await refusal(ask(`http://127.0.0.1:${server.port}/`, { ...slow, redirectsMax: 50 }), "HTTP_TIMEOUT");
    expect(server.received.length).toBeLessThan(10);
  });

  test("a resolver that hangs does not hold it up", async () => {
    const resolve = () => new Promise<never>(() => undefined);
    await refusal(ask("http://slow.test/", { ...slow, resolve }), "HTTP_TIMEOUT");
  });

  test("an abort from outside ends it at once, also when it came before", async () => {
    const stop = new AbortController();
    await using server = await rawServer(() => stop.abort());
    const url = `http://127.0.0.1:${server.port}/`;
    await refusal(ask(url, { signal: stop.signal }), "CANCELLED");
    await server.allClosed();
    await refusal(ask(url, { signal: stop.signal }), "CANCELLED");
    expect(server.received).toHaveLength(1);
  });
});
