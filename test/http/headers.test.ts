import { expect, test } from "bun:test";
import fc from "fast-check";
import { isOwned } from "../../src/system/http-headers.ts";
import { ask, rawServer, refusal, response } from "./servers.ts";

test("whatever a bundle writes, only whole headers of its own reach the wire, or nothing does", async () => {
  await using server = await rawServer(response("200 OK"));
  const hostile = fc.constantFrom(
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\r\n\r\n",
    ": ",
    "X: y\r\nEvil: 1",
    "\u2028",
    "é",
    "→",
    "\t",
  );
  const text = fc
    .array(fc.oneof(hostile, fc.string({ maxLength: 6 })), { maxLength: 4 })
    .map((parts) => parts.join(""));
  const name = fc.oneof(fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/), text);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, text), { maxLength: 3 }), async (headers) => {
      const before = server.received.length;
      const sent = await ask(`http://127.0.0.1:${server.port}/`, { headers }).then(
        () => true,
        (error: { code?: string }) => {
          expect(error.code).toBe("ROUTE_MALFORMED");
          return false;
        },
      );
      expect(server.received.length).toBe(before + (sent ? 1 : 0));
      if (!sent) return;
      const [head = "", body] = (server.received.at(-1) ?? "").split("\r\n\r\n");
      expect(body).toBe("");
      expect(head).not.toMatch(/[^\r]\n|\r[^\n]|\0/);
      const fixed = ["host", "accept", "accept-encoding", "user-agent", "connection"];
      const asked = headers.map(([key]) => key.toLowerCase());
      for (const line of head.split("\r\n").slice(1)) {
        expect([...fixed, ...asked]).toContain(line.slice(0, line.indexOf(":")).toLowerCase());
      }
    }),
    { numRuns: 300 },
  );
});

test("a bundle chooses neither the host nor the framing", async () => {
  await using server = await rawServer(response("200 OK"));
  const theirs = [
    ["Host", "evil.test"],
    ["Content-Length", "3"],
    ["Transfer-Encoding", "chunked"],
    ["Connection", "upgrade"],
    ["Upgrade", "h2c"],
    ["Accept-Encoding", "gzip"],
    ["Proxy-Authorization", "Basic x"],
    ["Expect", "100-continue"],
  ] as const;
  await ask(`http://127.0.0.1:${server.port}/`, { method: "POST", headers: theirs, body: "hello" });
  const head = server.received[0]?.toLowerCase() ?? "";
  expect(head).toContain(`\r\nhost: 127.0.0.1:${server.port}\r\n`);
  expect(head).toContain("\r\ncontent-length: 5\r\n");
  expect(head).not.toMatch(/evil|chunked|upgrade|gzip|proxy|expect/);
  expect(theirs.every(([name]) => isOwned(name))).toBe(true);
});

test("a header that HTTP cannot carry is refused without its value", async () => {
  const error = await refusal(
    ask("http://127.0.0.1:1/", { headers: [["X-Token", "s3cret\r\nEvil: 1"]] }),
    "ROUTE_MALFORMED",
  );
  expect(JSON.stringify([error.message, error.details])).not.toContain("s3cret");
});
