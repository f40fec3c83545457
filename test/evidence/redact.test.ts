import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { redactText } from "../../src/evidence/redact.ts";

describe("what stands where secrets stand is taken out", () => {
  test.each([
    ["password=hunter2&user=x", "password=[redacted]&user=x"],
    ["Authorization: Bearer abc.def-123\nnext", "Authorization: [redacted]\nnext"],
    ["authorization: Basic dXNlcjpw", "authorization: [redacted]"],
    ['{"api_key": "a\\"b", "n": 1}', '{"api_key": "[redacted]", "n": 1}'],
    ['{\\"token\\": \\"xyz\\"}', '{\\"token\\": \\"[redacted]\\"}'],
    ["X-Api-Key: abc123", "X-Api-Key: [redacted]"],
    ["api key: foo bar", "api key: [redacted] bar"],
    ["AWS_SECRET_ACCESS_KEY=AKIA/x+y", "AWS_SECRET_ACCESS_KEY=[redacted]"],
    ["export TOKEN='a b c'", "export TOKEN='[redacted]'"],
    ["curl -H 'Authorization: Bearer abcdefgh12' https://h", "curl -H 'Authorization: [redacted]' https://h"],
    ["sent bearer abcdefgh12 to h", "sent bearer [redacted] to h"],
    ["https://user:pass@host/path", "https://[redacted]@host/path"],
    ["Set-Cookie: a=b; c=d", "Set-Cookie: [redacted]"],
    ["client_secret => s3cr3t", "client_secret => [redacted]"],
    ["-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nafter", "[redacted]\nafter"],
    [`secret: ${"a".repeat(64)}`, "secret: [redacted]"],
  ])("%p", (text, expected) => {
    expect(redactText(text, [])).toBe(expected);
  });
});

describe("what is none is left alone", () => {
  test.each([
    [`sha256:${"a".repeat(64)}`],
    [`{"token_sha256": "${"0".repeat(64)}", "max_tokens": 100, "idempotency_key": "k", "token_id": "t"}`],
    ["the bearer of news, a secret, a password"],
    ["https://host/path?x=1 a@b"],
    ['{"password": null, "token": true}'],
    ["secret:"],
    ["-----BEGIN CERTIFICATE-----\nMHc\n-----END CERTIFICATE-----"],
    ["time 12:30, ratio a=b"],
  ])("%p", (text) => {
    expect(redactText(text, [])).toBe(text);
  });
});

const text = fc
  .array(
    fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        "password",
        "token",
        "Authorization",
        "bearer ",
        "=",
        ":",
        " ",
        '"',
        "'",
        "\\",
        "\n",
        "://",
        "@",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "-----END ",
        "[redacted]",
        "aaaa",
      ),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));
const secret = fc.stringMatching(/^[a-m0-9]{4,12}$/);

test("no known secret is left, wherever it stands and however it overlaps with itself or another", () => {
  const overlapping = fc.constantFrom(["aaaa"], ["abab", "baba"], ["abcd", "cdef", "efab"]);
  fc.assert(
    fc.property(
      fc.oneof(fc.array(secret, { maxLength: 3 }), overlapping),
      fc.array(text, { minLength: 1, maxLength: 6 }),
      (secrets, parts) => {
        const full = parts
          .map((part, index) => part + (secrets[index % Math.max(1, secrets.length)] ?? ""))
          .join("");
        const result = redactText(full, secrets);
        for (const part of result.split("[redacted]")) {
          for (const one of secrets) expect(part.includes(one)).toBe(false);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test("every character of every occurrence of a known secret is taken out", () => {
  const ab = fc.stringMatching(/^[ab]{0,40}$/);
  fc.assert(
    fc.property(ab, fc.stringMatching(/^[ab]{4,7}$/), (given, one) => {
      const marks = [...given].map(() => false);
      for (let at = given.indexOf(one); at >= 0; at = given.indexOf(one, at + 1))
        marks.fill(true, at, at + one.length);
      const kept = [...given].map((unit, index) => (marks[index] === true ? "#" : unit)).join("");
      expect(redactText(given, [one])).toBe(kept.replace(/#+/g, "[redacted]"));
    }),
    { numRuns: 2_000 },
  );
});

test("redacting again changes nothing, and what is not redacted stays in its order", () => {
  fc.assert(
    fc.property(text, (given) => {
      const once = redactText(given, []);
      expect(redactText(once, [])).toBe(once);
      let at = 0;
      for (const part of once.split("[redacted]")) {
        const found = given.indexOf(part, at);
        expect(found).toBeGreaterThanOrEqual(at);
        at = found + part.length;
      }
    }),
    { numRuns: 5_000 },
  );
});

test("a value behind a sensitive key is never seen again, whatever surrounds it", () => {
  const key = fc.constantFrom(
    "password",
    "api_key",
    "X-Api-Key",
    "TOKEN",
    "client-secret",
    "db.password",
    "refresh_token",
  );
  const value = fc.stringMatching(/^[A-Z][A-Z0-9]{9,20}$/);
  const style = fc.constantFrom(
    (k: string, v: string) => `${k}=${v}`,
    (k: string, v: string) => `${k}: ${v}`,
    (k: string, v: string) => `"${k}": "${v}"`,
    (k: string, v: string) => `{\\"${k}\\":\\"${v}\\"}`,
    (k: string, v: string) => `${k} = '${v}'`,
    (k: string, v: string) => JSON.stringify({ [k]: `${v} "quoted" \n` }),
  );
  fc.assert(
    fc.property(text, key, value, style, (before, k, v, write) => {
      // A line of its own: what stands before must not open a quote that ends inside.
      expect(redactText(`${before}\n${write(k, v)}`, [])).not.toContain(v);
    }),
    { numRuns: 3_000 },
  );
});

test("time grows with the length of the text, not with its square: megabytes of what is worst end at once", () => {
  const worst = [
    "password ",
    ":",
    "=",
    "\\",
    "a://",
    'token="',
    'token="\\',
    "bearer ",
    "-----BEGIN ",
    "token='\"",
    "authorization:",
    "aaaaaaaa",
  ];
  for (const part of worst) redactText(part.repeat(2_000_000 / part.length), [`${"a".repeat(1_000)}b`]);
  expect(worst).not.toEqual([]);
});
