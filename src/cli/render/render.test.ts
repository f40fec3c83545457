import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse as parseYaml } from "yaml";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { asAkcError, errorData, errorText } from "./error.ts";
import { encode } from "./output.ts";
import { table } from "./table.ts";
import { fit, printable, width, wrap } from "./text.ts";
import { elapsed, instant } from "./time.ts";

const anyText = fc.string({ unit: "binary", maxLength: 60 });

test("printable text holds nothing that steers a terminal, and no line end", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const steers = (char: string) => /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(char);
      expect([...printable(text)].filter(steers)).toEqual([]);
    }),
  );
});

test("text is cut to the width, and left alone when it fits", () => {
  fc.assert(
    fc.property(anyText.map(printable), fc.integer({ min: 0, max: 40 }), (text, columns) => {
      const cut = fit(text, columns);
      expect(width(cut)).toBeLessThanOrEqual(columns);
      if (width(text) <= columns && columns > 0) expect(cut).toBe(text);
    }),
  );
  expect(fit("漢字漢字", 5)).toBe("漢字…");
});

test("wrapping loses no word", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
      fc.integer({ min: 1, max: 40 }),
      (words, columns) => {
        const lines = wrap(words.join(" "), columns);
        expect(lines.join(" ")).toBe(words.join(" "));
        for (const line of lines) if (line.includes(" ")) expect(width(line)).toBeLessThanOrEqual(columns);
      },
    ),
  );
});

test("a table is aligned, fits a terminal, and is whole in a pipe", () => {
  const rows = [
    { name: "a", about: "short", size: 1 },
    { name: "a-longer-name", about: "a text that is long enough to be cut on a narrow terminal", size: 100 },
  ];
  const columns = [
    { title: "NAME", value: (row: (typeof rows)[number]) => row.name },
    { title: "SIZE", value: (row: (typeof rows)[number]) => String(row.size), align: "end" as const },
    { title: "ABOUT", value: (row: (typeof rows)[number]) => row.about, narrowest: 8 },
  ];
  expect(table(rows, columns, 40)).toBe(
    [
      "NAME           SIZE  ABOUT",
      "a                 1  short",
      "a-longer-name   100  a text that is lon…",
    ].join("\n"),
  );
  expect(table(rows, columns, undefined)).toContain("to be cut on a narrow terminal");
});

test("what does not fit at its narrowest is left out of a table, the last optional column first", () => {
  const columns = [
    { title: "NAME", value: (row: string) => row, narrowest: 6 },
    { title: "ONE", value: () => "1".repeat(10), optional: true as const },
    { title: "TWO", value: () => "2".repeat(10), optional: true as const },
  ];
  const heads = [40, 28, 20, 10, 3].map(
    (columnsMax) => table(["a-name"], columns, columnsMax).split("\n")[0],
  );
  expect(heads).toEqual(["NAME    ONE         TWO", "NAME    ONE", "NAME    ONE", "NAME", "NAME"]);
});

test.each([
  [0, "0 ms"],
  [99, "99 ms"],
  [100, "0.1 s"],
  [59_999, "59.9 s"],
  [60_000, "1 min 00 s"],
  [3_599_999, "59 min 59 s"],
  [11_220_000, "3 h 07 min"],
  [187_200_000, "2 d 04 h"],
])("%p ms is %s", (ms, text) => {
  expect(elapsed(ms)).toBe(text);
});

test("an instant that no calendar reaches is still shown", () => {
  expect(instant(0)).toBe("1970-01-01T00:00:00.000Z");
  expect(instant(1e300)).toBe("1e+300");
});

test("an error reads as code, aligned details, issues and hint", () => {
  const error = new AkcError("SUBPROCESS_NOT_ALLOWED", {
    hint: "Add it.",
    details: { action: "coordination:lint:0", argv0: "/usr/bin/eslint", allowed: ["sh", "true"] },
    issues: [
      { path: "", message: "whole" },
      { path: "/a/0", message: "part", line: 3, column: 7 },
    ],
  });
  expect(errorText(error, false)).toBe(
    [
      "error: the bundle does not allow this executable [SUBPROCESS_NOT_ALLOWED]",
      "  action   coordination:lint:0",
      "  argv0    /usr/bin/eslint",
      "  allowed  sh, true",
      "  /: whole",
      "  /a/0 (line 3, column 7): part",
      "hint: Add it.",
      "",
    ].join("\n"),
  );
});

test("a flood of issues is cut, and counted", () => {
  const issues = Array.from({ length: limits.issuesShownMax + 7 }, (_, index) => ({
    path: `/${index}`,
    message: "bad",
  }));
  const error = new AkcError("BUNDLE_INVALID", { issues });
  expect(errorText(error, false)).toContain("\n  … and 7 more\n");
  expect(errorData(error)).toMatchObject({ issue_count: issues.length });
});

test("whatever is thrown becomes an error that JSON can say", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  const thrown = fc.oneof(
    fc.anything(),
    fc.constant(
      new AkcError("INTERNAL", {
        details: { loop, big: 1n, fn: () => 1, map: new Map([["a", 1]]), nan: Number.NaN },
      }),
    ),
    fc.constant(Object.assign(new Error("no"), { code: "EACCES", syscall: "open", path: "/x" })),
  );
  fc.assert(
    fc.property(thrown, (value) => {
      const error = asAkcError(value);
      expect(JSON.parse(JSON.stringify(errorData(error))).code).toBe(error.code);
      expect(errorText(error, true)).toContain(error.code);
    }),
  );
  expect(asAkcError(Object.assign(new Error("no"), { code: "EACCES" })).code).toBe("SYSTEM_REFUSED");
  expect(asAkcError(new TypeError("x is not a function")).code).toBe("INTERNAL");
});

test("data in JSON and YAML steers no terminal either, and is read back as it was", async () => {
  const chars = Array.from({ length: 0x2070 }, (_, code) => String.fromCharCode(code)).filter((char) =>
    printable(char).startsWith("\\u"),
  );
  const texts = ["plain", "", "yes", "1", ...chars, ...chars.map((char) => `a: ${char}31m\n# b`)];
  const data = { list: texts, map: Object.fromEntries(texts.map((text) => [`k${text}`, text])) };
  for (const format of ["json", "yaml"] as const) {
    const written = await encode(format, data);
    for (const char of chars) expect(written).not.toContain(char);
    expect(format === "json" ? JSON.parse(written) : parseYaml(written)).toEqual(data);
  }
});
