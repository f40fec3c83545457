import { expect, test } from "bun:test";
import fc from "fast-check";
import { markedText, markSection, readMark } from "./mark.ts";
import { commandLine, lastValue, quotedWord, readUnitText, unitFields } from "./unit-text.ts";

test("comments, blank lines, spaces and continued lines are read as systemd reads them", () => {
  const unit = readUnitText(
    [
      "# about",
      "[Service]",
      "  ExecStart = /bin/a \\",
      "# in between",
      "; and this",
      "   b  ",
      "",
      "Environment=A=1",
      "Environment=B=2\r",
      "[Unit]",
      "Description=x = y",
    ].join("\n"),
  );
  expect(unit.faults).toEqual([]);
  expect(unitFields(unit)).toEqual({
    Service: { ExecStart: "/bin/a     b", Environment: ["A=1", "B=2"] },
    Unit: { Description: "x = y" },
  });
});

test("an escaped backslash at the end of a line does not continue it", () => {
  expect(unitFields(readUnitText("[A]\nk=a\\\\\nl=b"))).toEqual({ A: { k: "a\\\\", l: "b" } });
});

test("what systemd would skip is a fault with its line", () => {
  const { faults } = readUnitText("k=1\n[A\n[B]\nnothing\nx=1 \\");
  expect(faults.map(({ line }) => line)).toEqual([1, 2, 4, 5]);
});

const words = fc.string({ unit: "binary" }).filter((word) => !word.includes("\0"));

test("whatever a word holds, it stays on its line and in its quotes", () => {
  fc.assert(
    fc.property(fc.array(words, { minLength: 1 }), (argv) => {
      const text = `[Service]\nExecStart=${commandLine(argv)}\nEnvironment=${quotedWord(argv.join())}\nNice=1\n`;
      const { assignments, faults } = readUnitText(text);
      expect(faults).toEqual([]);
      expect(assignments.map(({ key }) => key)).toEqual(["ExecStart", "Environment", "Nice"]);
      // Specifiers are doubled, always.
      expect(text.replaceAll("%%", "")).not.toContain("%");
    }),
  );
});

test("a mark comes back as it was, whatever its names are, and leaves the unit's own text as it is", () => {
  fc.assert(
    fc.property(words, words, (scope, resourceId) => {
      fc.pre(scope !== "" && resourceId !== "" && scope.isWellFormed() && resourceId.isWellFormed());
      const mark = { scope, resourceId, resourceClass: "service", desiredHash: "ab", change: "cd" };
      const text = "[Service]\nExecStart=/bin/true";
      const unit = readUnitText(markedText(text, mark));
      expect(unit.faults).toEqual([]);
      expect(readMark(unit)).toEqual(mark);
      expect(unitFields(unit, [markSection])).toEqual(unitFields(readUnitText(text)));
      expect(lastValue(unit, "Service", "ExecStart")).toBe("/bin/true");
    }),
  );
});

test("half a mark is none", () => {
  expect(readMark(readUnitText("[X-Akc]\nX-Akc-Scope=a/b\nX-Akc-Resource=c\n"))).toBeUndefined();
  expect(
    readMark(readUnitText("[X-Akc]\nX-Akc-Scope=%\nX-Akc-Resource=c\nX-Akc-Desired-Hash=d\n")),
  ).toBeUndefined();
});
