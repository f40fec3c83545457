import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { globMatches, parseHostGlob } from "./host-glob.ts";
import type { HttpLane } from "./model.ts";
import { namedLiterally, urlAllowed } from "./url-pattern.ts";

function lane(allowlist: readonly string[], ...narrowedBy: readonly string[][]): HttpLane {
  return { enabled: true, allowlist, narrowedBy, methods: ["GET"], bodyBytesMax: 1, responseBytesMax: 1 };
}

const allows = (pattern: string, url: string) => urlAllowed(lane([pattern]), url);

describe("the documented table (spec bundle §22)", () => {
  test.each([
    ["example.com", "http://example.com:8080/x", true],
    ["example.com", "https://api.example.com/", true],
    ["example.com", "https://notexample.com/", false],
    ["*.example.com", "https://example.com/", false],
    ["*.example.com", "https://a.b.example.com/", true],
    ["https://api.example.com", "https://api.example.com.evil/v1", false],
    ["::1", "http://[::1]:80/", true],
    ["example.com", "https://example.com@evil.com/", false],
  ])("%s and %s: %p, as ever", (pattern, url, match) => {
    expect(allows(pattern, url)).toBe(match);
  });

  test.each([
    // The same URL as https://api.example.com/?x=1, which always matched.
    ["https://api.example.com", "https://api.example.com?x=1", true],
    // The server would be asked for /admin.
    ["https://api.example.com/v1", "https://api.example.com/v1/../admin", false],
    // Hosts have no case.
    ["https://api.example.com/v1", "https://API.example.com/v1/x", true],
    // A pattern with a port means that port.
    ["127.0.0.1:8080", "http://127.0.0.1:8080/x", true],
  ])("%s and %s: %p, deliberately unlike the old runtime", (pattern, url, match) => {
    expect(allows(pattern, url)).toBe(match);
  });
});

describe("a prefix pattern names one origin and one path", () => {
  test.each([
    ["https://h.test/v1", "https://h.test/v1", true],
    ["https://h.test/v1/", "https://h.test/v1", true],
    ["https://h.test/v1", "https://h.test/v1?x=/../..", true],
    ["https://h.test/v1", "https://h.test/v1#/../..", true],
    ["https://h.test/v1", "https://h.test/v10", false],
    ["https://h.test/v1", "https://h.test/V1", false],
    ["https://h.test/v1", "https://h.test:443/v1/x", true],
    ["https://h.test/v1", "https://h.test:8443/v1/x", false],
    ["https://h.test/v1", "http://h.test/v1/x", false],
    ["https://h.test/v1", "https://sub.h.test/v1/x", false],
    ["https://H.test./v1", "https://h.TEST/v1", true],
    ["https://h.test/v1", "https://h.test/v1/%2e%2e/admin", false],
    ["https://h.test/v1", "https://h.test/v1\\..\\admin", false],
    ["https://h.test/v1", "https://h.test/v1/x%2f..%2f..%2fadmin", false],
    ["https://h.test/v1", "https://h.test/v1/%252e%252e%252fadmin", false],
    ["https://h.test/v1", "https://h.test/v1/..;/admin", false],
    ["https://h.test/v1", "https://h.test/v1/.hidden/..data", true],
    ["https://h.test", "https://h.test/a/..%2fb", true],
    ["https://h.test/q?a=1", "https://h.test/q?a=1", true],
    ["https://h.test/q?a=1", "https://h.test/q?a=12", false],
    ["https://user@h.test/", "https://h.test/", false],
    ["ftp://h.test/", "ftp://h.test/x", false],
    ["https://*.h.test/", "https://a.h.test/", false],
    ["://", "https://h.test/", false],
  ])("%s and %s: %p", (pattern, url, match) => {
    expect(allows(pattern, url)).toBe(match);
  });
});

describe("a host pattern names a host, its sub-domains, and a port when it has one", () => {
  test.each([
    [" Example.COM ", "https://example.com/", true],
    [".example.com", "https://example.com/", true],
    ["example.com.", "https://example.com/", true],
    ["example.com", "https://example.com./", true],
    ["example.com:8080", "http://a.example.com:8080/", true],
    ["example.com:8080", "http://example.com/", false],
    ["example.com:443", "https://example.com/", true],
    ["example.com:443", "http://example.com/", false],
    ["*.example.com:8443", "https://a.example.com:8443/", true],
    ["*.example.com:8443", "https://a.example.com/", false],
    ["bücher.example", "https://xn--bcher-kva.example/", true],
    ["api-?.example.com", "https://api-1.example.com/", false],
    ["api-?.*.com", "https://api-1.example.com/", true],
    ["api-[0-3].*", "https://api-2.example.com/", true],
    ["api-[!0-3].*", "https://api-2.example.com/", false],
    ["example.com/v1", "https://example.com/v1", false],
    ["user@example.com", "https://example.com/", false],
    ["", "https://example.com/", false],
    ["example.com", "ftp://example.com/", false],
    ["example.com", "not a url", false],
  ])("%s and %s: %p", (pattern, url, match) => {
    expect(allows(pattern, url)).toBe(match);
  });

  test.each([
    ["127.0.0.1", "http://0x7f.1/", true],
    ["127.0.0.1", "http://2130706433/", true],
    ["127.0.0.1", "http://0177.0.0.01/", true],
    ["127.0.0.1", "http://127.0.0.1./", true],
    ["0x7f.1", "http://127.0.0.1/", true],
    ["127.0.0.1", "http://127.0.0.2/", false],
    ["[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", true],
    ["[::1]:8080", "http://[::1]:8081/", false],
    ["::ffff:127.0.0.1", "http://[::ffff:7f00:1]/", true],
    ["127.0.0.1", "http://[::ffff:127.0.0.1]/", false],
    ["localhost", "http://LOCALHOST.:3000/", true],
    ["localhost", "http://a.localhost/", false],
    ["com", "http://127.0.0.1/", false],
    ["1", "http://127.0.0.1/", false],
  ])("a literal is that literal, however it is written: %s and %s: %p", (pattern, url, match) => {
    expect(allows(pattern, url)).toBe(match);
  });

  test("no shell pattern reaches an IP literal or localhost, however the number is written", () => {
    const hosts = fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
      fc.nat(0xffffffff).map(String),
      fc.nat(0xffffffff).map((n) => `0x${n.toString(16)}`),
      fc.constantFrom("localhost", "LocalHost.", "a.localhost", "0", "127.1"),
    );
    const globs = fc.constantFrom("*", "**", "*.*", "1*", "*1", "*:*", "l*", "[0-9]*", "*localhost", "*?");
    fc.assert(
      fc.property(hosts, globs, (host, glob) => {
        expect(allows(glob, `http://${host}/`)).toBe(false);
      }),
    );
  });
});

describe("the lists of a lane", () => {
  test("every list must match, and an empty one allows nothing", () => {
    const url = "https://a.example.com/";
    expect(urlAllowed(lane([]), url)).toBe(false);
    expect(urlAllowed(lane(["example.com"], ["*.com"]), url)).toBe(true);
    expect(urlAllowed(lane(["example.com"], ["*.com"], ["other.test"]), url)).toBe(false);
    expect(urlAllowed(lane(["example.com"], []), url)).toBe(false);
  });

  test("adding a list never allows more, and no input makes it throw", () => {
    const text = fc.oneof(
      fc.string(),
      fc.webUrl({ withQueryParameters: true }),
      fc.stringMatching(/^[a-z*.?:[\]/@%;\\-]{0,20}$/),
    );
    const lists = fc.array(text, { maxLength: 3 });
    fc.assert(
      fc.property(lists, lists, text, fc.ipV6(), (bundle, operator, url, address) => {
        const narrow = urlAllowed(lane(bundle, operator), url);
        expect(!narrow || urlAllowed(lane(bundle), url)).toBe(true);
        namedLiterally(lane(bundle, operator), url, address);
      }),
    );
  });

  test("an allowed prefix stays allowed for whatever stands below it", () => {
    const segment = fc.stringMatching(/^[a-z0-9_-]{1,8}$/);
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ["http", "https"] }), fc.array(segment), (base, segments) => {
        fc.pre(!base.includes("?") && !base.includes("#"));
        expect(allows(base, [base.replace(/\/+$/, ""), ...segments].join("/"))).toBe(true);
      }),
    );
  });
});

describe("an address is named literally", () => {
  test.each([
    [["10.0.0.5", "ci.internal"], "http://ci.internal/", "10.0.0.5", true],
    [["10.0.0.5:80", "ci.internal"], "http://ci.internal/", "10.0.0.5", true],
    [["10.0.0.5:81", "ci.internal"], "http://ci.internal/", "10.0.0.5", false],
    [["http://10.0.0.5", "ci.internal"], "http://ci.internal/", "10.0.0.5", true],
    [["https://10.0.0.5", "ci.internal"], "http://ci.internal/", "10.0.0.5", false],
    [["ci.internal"], "http://ci.internal/", "10.0.0.5", false],
    [["*"], "http://ci.internal/", "10.0.0.5", false],
    [["localhost"], "http://localhost:3000/", "127.0.0.1", true],
    [["localhost"], "http://localhost:3000/", "::1", true],
    [["http://localhost:3000/hook"], "http://localhost:3000/hook", "::1", true],
    [["localhost"], "http://localhost:3000/", "10.0.0.5", false],
    [["localhost", "rebind.test"], "http://rebind.test/", "127.0.0.1", false],
    [["::1"], "http://[::1]/", "0:0:0:0:0:0:0:1", true],
    [["127.0.0.1"], "http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1", false],
    [["127.0.0.1"], "http://127.0.0.1/", "not an address", false],
  ])("%p for %s at %s: %p", (patterns, url, address, named) => {
    expect(namedLiterally(lane(patterns), url, address)).toBe(named);
  });

  test("by every list, so that a bundle cannot open what the operator did not", () => {
    const url = "http://ci.internal/";
    expect(namedLiterally(lane(["ci.internal", "10.0.0.5"], ["*.internal"]), url, "10.0.0.5")).toBe(false);
    expect(
      namedLiterally(lane(["ci.internal", "10.0.0.5"], ["*.internal", "10.0.0.5"]), url, "10.0.0.5"),
    ).toBe(true);
  });
});

test("a hostile shell pattern costs no more than pattern times name", () => {
  const glob = parseHostGlob(`${"*a".repeat(100)}b`);
  expect(globMatches(glob, "a".repeat(250))).toBe(false);
});
