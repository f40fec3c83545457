/** No text can become more than text: whatever stands in a page, it is read back as it was. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { printable } from "../render/text.ts";
import type { ManualPage } from "./page.ts";
import { escaped, literal, roffOf } from "./roff.ts";

const glyphs: Readonly<Record<string, string>> = { rs: "\\", dq: '"', aq: "'", ga: "`", ha: "^", ti: "~" };

/** As troff reads it. */
function read(text: string): string {
  return text.replaceAll(/\\(?:\((..)|\[u([0-9A-F]+)\]|(-)|f[BR]|&)/g, (_whole, glyph, code, hyphen) => {
    if (glyph !== undefined) return glyphs[String(glyph)] ?? "?";
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(String(code), 16));
    return hyphen === undefined ? "" : "-";
  });
}

const nasty = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc
    .array(
      fc.constantFrom("\\", ".", "'", '"', "-", "`", "^", "~", "\n", "\t", "\u001b", "…", "→", " ", "x", "B"),
    )
    .map((chars) => chars.join("")),
);

test("every text is read back as it was, printable", () => {
  fc.assert(
    fc.property(nasty, (text) => {
      for (const written of [escaped(text), literal(text)]) {
        expect(read(written)).toBe(printable(text));
        expect(written).toMatch(/^[ -~]*$/);
      }
    }),
  );
});

const requests = /^\.(?:\\"|TH |SH |PP$|TP$|RS 4$|RE$|nf$|fi$)/;

test("no line of a page is a request that nobody meant", () => {
  fc.assert(
    fc.property(nasty, nasty, (one, other) => {
      const page: ManualPage = {
        name: "akc-x",
        path: "x",
        summary: one,
        sections: [
          {
            title: "DESCRIPTION",
            blocks: [
              { kind: "paragraph", text: other },
              { kind: "literal", text: one },
              { kind: "rows", rows: [[one, other]] },
              { kind: "examples", examples: [{ command: one, says: other }] },
            ],
          },
        ],
      };
      const wrong = roffOf(page, "1.0.0")
        .split("\n")
        .filter((line) => /^[.']/.test(line) && !requests.test(line));
      expect(wrong).toEqual([]);
    }),
  );
});

test("a line that begins with a dot or an apostrophe is text", async () => {
  const page: ManualPage = {
    name: "akc-x",
    path: "x",
    summary: ".so /etc/passwd",
    sections: [
      { title: "DESCRIPTION", blocks: [{ kind: "paragraph", text: "'br \\fIx\\fP .\\\" y `--a-b`" }] },
    ],
  };
  expect(roffOf(page, "1.0.0")).toBe(await Bun.file(join(import.meta.dir, "roff.fixture.1")).text());
});
