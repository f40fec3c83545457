import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authority } from "./certificate.ts";
import { ask, type RawServer, rawServer, refusal, response } from "./servers.ts";

const trusted = authority("akc test authority");
const stranger = authority("another authority");
let server: RawServer;

beforeAll(async () => {
  const tls = trusted.issue({ dns: ["good.test"], ip: ["127.0.0.1"] });
  server = await rawServer(response("200 OK", {}, "over tls"), { host: "0.0.0.0", tls });
});
afterAll(() => server[Symbol.asyncDispose]());

const get = (host: string, tls: { ca?: string } = { ca: trusted.caPem }, address = "127.0.0.1") =>
  ask(`https://${host}:${server.port}/?secret`, { resolve: async () => [address], tls });

describe("the certificate must be for the name that was asked for, though the connection goes to an address", () => {
  test("the right name passes, with or without a trailing dot, and is what the server hears", async () => {
    for (const host of ["good.test", "GOOD.test."]) {
      const before = server.received.length;
      expect(new TextDecoder().decode((await get(host)).body)).toBe("over tls");
      expect(server.received.slice(before).join()).toContain(`\r\nHost: good.test:${server.port}\r\n`);
    }
  });

  test("an address passes when the certificate names it", async () => {
    expect((await get("127.0.0.1")).status).toBe(200);
  });

  test.each([
    ["another name", () => get("bad.test")],
    ["an address the certificate does not name", () => get("127.0.0.2", undefined, "127.0.0.2")],
    ["another authority", () => get("good.test", { ca: stranger.caPem })],
  ])("%s fails, and nothing is said to the server", async (_, attempt) => {
    const before = server.received.join();
    const error = await refusal(attempt(), "HTTP_TLS_UNTRUSTED");
    expect(server.received.join().replace(/,+$/, "")).toBe(before.replace(/,+$/, ""));
    expect(JSON.stringify([error.message, error.details])).not.toContain("secret");
  });

  test("the system's authorities do not know ours, and no variable switches the check off", async () => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      await refusal(get("good.test", {}), "HTTP_TLS_UNTRUSTED");
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });
});

test("a kept connection of one name is never used for another", async () => {
  await get("good.test");
  await refusal(get("bad.test"), "HTTP_TLS_UNTRUSTED");
  await get("good.test");
});

test("an authority of the operator is trusted through NODE_EXTRA_CA_CERTS", async () => {
  const file = join(tmpdir(), `akc-ca-${process.pid}.pem`);
  await Bun.write(file, trusted.caPem);
  const client = Bun.spawn([process.execPath, join(import.meta.dir, "get-good.ts"), String(server.port)], {
    env: { NODE_EXTRA_CA_CERTS: file },
    stdout: "pipe",
  });
  expect(await new Response(client.stdout).text()).toBe("200");
  await Bun.file(file).delete();
});
