import { expect, test } from "bun:test";
import { netAllows } from "./net-grant.ts";

test("a grant opens its host and port, and nothing that looks like it", () => {
  const rows: readonly (readonly [grant: string, url: string, allowed: boolean])[] = [
    ["api.example.com:443", "https://api.example.com/x?y#z", true],
    ["api.example.com:443", "https://API.example.com./", true],
    ["api.example.com:443", "https://api.example.com:8443/", false],
    ["api.example.com:443", "http://api.example.com/", false],
    ["api.example.com:443", "https://api.example.com.evil.org/", false],
    ["api.example.com:443", "https://evil.org/?api.example.com:443", false],
    ["api.example.com:443", "https://api.example.com:443@evil.org/", false],
    ["api.example.com:443", "ftp://api.example.com:443/", false],
    ["*.example.com:*", "http://a.b.example.com:81/", true],
    ["*.example.com:*", "http://example.com/", false],
    ["*.example.com:*", "http://notexample.com/", false],
    ["*:80", "http://anything/", true],
    ["[::1]:8080", "http://[::1]:8080/", true],
    ["127.0.0.1:80", "http://2130706433/", true],
    ["localhost:80", "http://127.0.0.1/", false],
    ["api.example.com", "https://api.example.com/", false],
    ["*:*", "not a url", false],
  ];
  for (const [grant, url, allowed] of rows) {
    expect([grant, url, netAllows([grant], url)]).toEqual([grant, url, allowed]);
  }
});
