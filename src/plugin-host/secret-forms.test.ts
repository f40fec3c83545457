import { expect, test } from "bun:test";
import fc from "fast-check";
import { HandedOver } from "./secrets.ts";

const value = `tok/a+b&c<d=e"é~ 'f`;

/** As they are written elsewhere: by what is used where akc runs, and by hand what is not. */
const written: Readonly<Record<string, string>> = {
  "JSON of JavaScript": JSON.stringify(value),
  "JSON of PHP": "tok\\/a+b&c<d=e\\\"\\u00e9~ 'f",
  "JSON of Python": "tok/a+b&c<d=e\\\"\\u00e9~ 'f",
  "JSON of .NET": "tok/a+b&c<d=e\\\"\\u00E9~ 'f",
  "JSON of Go": "tok/a+b\\u0026c\\u003cd=e\\\"é~ 'f",
  "JSON of Gson": 'tok/a+b\\u0026c\\u003cd\\u003de\\"é~ \\u0027f',
  "JSON of nothing but escapes": [...value]
    .map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join(""),
  "a part of a URL": encodeURIComponent(value),
  "a part of a URL in lower case": "tok%2fa%2bb%26c%3cd%3de%22%c3%a9~%20'f",
  "a part of a URL by the letter": "tok%2Fa%2Bb%26c%3Cd%3De%22%C3%A9~%20%27f",
  "a form": new URLSearchParams({ key: value }).toString(),
  HTML: Bun.escapeHTML(value),
  "HTML of Go": "tok/a+b&amp;c&lt;d=e&#34;é~ &#39;f",
  hexadecimal: Buffer.from(value).toString("hex"),
  "hexadecimal in upper case": Buffer.from(value).toString("hex").toUpperCase(),
  base64: btoa(String.fromCharCode(...Buffer.from(value))),
  "UTF-8 read as Latin-1": Buffer.from(value).toString("latin1"),
};

test.each(Object.entries(written))("a secret is found as %s", (_, form) => {
  const secrets = new HandedOver();
  secrets.add(value);
  expect(secrets.text(`<${form}>`)).toMatch(/^<(?:"|key=)?\[REDACTED\]"?>$/);
  const bytes = Buffer.from(secrets.bytes(Buffer.from(`<${form}>`)));
  expect(bytes.toString()).toMatch(/^<(?:"|key=)?\[REDACTED\]"?>$/);
});

test("a secret is found in base64 whatever stands around it", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 9 }),
      fc.string({ minLength: 8, maxLength: 40 }),
      fc.uint8Array({ maxLength: 9 }),
      (before, secret, after) => {
        const secrets = new HandedOver();
        secrets.add(secret);
        const base64 = Buffer.concat([before, Buffer.from(secret), after]).toString("base64");
        expect(secrets.text(base64)).toContain("[REDACTED]");
        expect(secrets.text(base64.replaceAll("+", "-").replaceAll("/", "_"))).toContain("[REDACTED]");
      },
    ),
  );
});

test("a secret is found in Latin-1, and without the blanks that a header drops", () => {
  const secrets = new HandedOver();
  secrets.add(` ${value}\t`);
  expect(secrets.text(value)).toBe("[REDACTED]");
  expect(Buffer.from(secrets.bytes(Buffer.from(value, "latin1"))).toString()).toBe("[REDACTED]");
});

test("blanks alone are no secret", () => {
  const secrets = new HandedOver();
  secrets.add("a    ");
  expect(secrets.text("a a a")).toBe("a a a");
});
