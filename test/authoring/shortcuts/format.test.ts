/** The one form of a plan: it says the same, keeps every comment, and has nothing left to change. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { formatPlan } from "../../../src/authoring/format/plan.ts";
import { compiled } from "../compiled.ts";

const text = fc.constantFrom(
  "Get the sources",
  "a: b",
  "# no comment",
  "yes",
  "1e3",
  "  two  blanks",
  "ünïcode",
  '"quoted"',
);

const step = fc.record({
  title: fc.option(text, { nil: undefined }),
  run: fc.constantFrom<unknown>(["sh", "-c", "true"], { argv: ["sh"], stdin: "one\n\n\n# two\n  three\n" }),
  env: fc.option(fc.dictionary(fc.constantFrom("A", "B_C", "LANG"), text, { noNullPrototype: true }), {
    nil: undefined,
  }),
  timeout: fc.option(fc.constantFrom("5s", "500ms"), { nil: undefined }),
  retries: fc.option(fc.nat(3), { nil: undefined }),
  matrix: fc.option(fc.constant({ of: ["a", "b"], on: ["x", "y"] }), { nil: undefined }),
});

const plan = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  roles: fc.option(fc.constant({ worker: { reads: ["src"] }, other: { network: false } }), {
    nil: undefined,
  }),
});

interface Written {
  readonly text: string;
  readonly comments: readonly string[];
}

/** A plan with its members in any order, in any indentation, with comments above and behind any of its lines. */
const written: fc.Arbitrary<Written> = fc
  .record({
    plan,
    indent: fc.constantFrom(2, 4),
    flow: fc.boolean(),
    turned: fc.boolean(),
    places: fc.array(fc.tuple(fc.nat(60), fc.constantFrom("above", "behind", "apart")), { maxLength: 12 }),
  })
  .map(({ plan: { steps, roles }, indent, flow, turned, places }) => {
    const whole = {
      policy: { programs: ["sh"] },
      version: 1,
      steps: Object.fromEntries(
        steps.map((one, index) => [
          `s${index}`,
          turned ? Object.fromEntries(Object.entries(one).reverse()) : one,
        ]),
      ),
      ...(roles === undefined ? {} : { roles }),
      name: "release",
      scope: "acme/shop",
    };
    const options = flow ? { collectionStyle: "flow" as const, lineWidth: 40 } : {};
    const lines = stringify(JSON.parse(JSON.stringify(whole)), { indent, ...options })
      .trimEnd()
      .split("\n");
    const comments: string[] = [];
    const blockOf = (at: number) => lines.slice(0, at + 1).some((line) => /[|>][-+]?\d*$/.test(line));
    const out = lines.flatMap((line, at) => {
      const own = places.filter(([place]) => place % lines.length === at);
      // Behind the first block of text nothing is added: there a `#` is text. In braces and quotes as well.
      if (flow || blockOf(at) || /"[^"]*$/.test(line.replaceAll(/"[^"]*"/g, ""))) return [line];
      const margin = /^ */.exec(line)?.[0] ?? "";
      let behind = "";
      const above = own.flatMap(([, where]) => {
        const comment = `note ${comments.length}!`;
        if (where === "behind" && behind !== "") return [];
        comments.push(comment);
        if (where === "behind") {
          behind = ` # ${comment}`;
          return [];
        }
        return where === "apart" ? ["", `${margin}# ${comment}`, ""] : [`${margin}# ${comment}`];
      });
      return [...above, `${line}${behind}`];
    });
    return { text: `${out.join("\n")}\n`, comments };
  });

test("a plan that was formatted compiles to the same bytes, keeps each comment once, and is in its form", () => {
  fc.assert(
    fc.property(written, ({ text, comments }) => {
      const formed = formatPlan(text);
      expect(compiled(formed).sha256).toBe(compiled(text).sha256);
      expect(formatPlan(formed)).toBe(formed);
      for (const comment of comments) expect(formed.split(`# ${comment}`).length).toBe(2);
      expect(formed).not.toMatch(/[^\S\n]\n|\n\n\n(?!.*# two)|\p{Co}/su);
    }),
    { numRuns: 25 },
  );
});

test("members come into the order of the table, and steps keep theirs", () => {
  const formed = formatPlan(
    "policy: {programs: [sh]}\nsteps:\n    z: {run: [sh], needs: [a]}\n    a:\n        run: [sh]\n        title: first\nname: n\nscope: a/b\nversion: 1\n",
  );
  expect(formed).toBe(
    "version: 1\nscope: a/b\nname: n\n\nsteps:\n  z: {needs: [a], run: [sh]}\n  a:\n    title: first\n    run: [sh]\n\npolicy: {programs: [sh]}\n".replace(
      "\n\npolicy",
      "\npolicy",
    ),
  );
});

test("a comment stays with what it was written above, behind or below", () => {
  const plan = [
    "# yaml-language-server: $schema=.akc/akc.schema.json",
    "",
    "version: 1 # the form",
    "scope: a/b",
    "name: n",
    "",
    "# who",
    "roles:",
    "  worker: {} # nothing",
    "  # builder: {}",
    "",
    "# what",
    "steps:",
    "  one:",
    "    run: # long",
    "      argv: [sh]",
    "      # stdin: none",
    "",
    "  # two: later",
    "",
    "# may",
    "policy:",
    "  programs: [sh]",
    "",
    "# the end",
    "",
  ].join("\n");
  expect(formatPlan(plan)).toBe(plan);
});

test("an alias keeps its place behind its anchor", () => {
  const plan =
    "steps:\n  a: &one {run: [sh]}\n  b: *one\nversion: 1\nscope: a/b\nname: n\npolicy: {programs: [sh]}\n";
  expect(formatPlan(plan)).toBe(plan.replace("policy", "policy"));
  expect(compiled(formatPlan(plan)).sha256).toBe(compiled(plan).sha256);
});
