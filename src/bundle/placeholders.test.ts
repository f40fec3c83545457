import { expect, test } from "bun:test";
import fc from "fast-check";
import type { HttpRoute, SubprocessRoute } from "./model.ts";
import {
  filledRoute,
  parseTemplate,
  placeholderName,
  placeholdersOf,
  urlTemplateFault,
} from "./placeholders.ts";

const of = (key: string, step = "one") => `\${{ steps.${step}.outputs.${key} }}`;

function process(...argv: readonly string[]): SubprocessRoute {
  return { kind: "subprocess", argv: ["program", ...argv], timeoutMs: 1, placeholders: true };
}

function request(url: string, more: Partial<HttpRoute> = {}): HttpRoute {
  return { kind: "http", url, method: "POST", headers: [], timeoutMs: 1, placeholders: true, ...more };
}

test("a template is its literal parts and its placeholders, in order", () => {
  expect(parseTemplate(`a ${of("stdout")}b${of("payload.x.0", "a.b c")}`)).toEqual({
    kind: "template",
    parts: ["a ", { stepId: "one", key: ["stdout"] }, "b", { stepId: "a.b c", key: ["payload", "x", "0"] }],
  });
  expect(parseTemplate(`\${{steps.one.outputs.stdout}}}}`)).toMatchObject({
    parts: [{ stepId: "one" }, "}}"],
  });
  for (const faulty of [
    "steps.one.stdout",
    "env.HOME",
    "steps..outputs.x",
    "steps.a.outputs.",
    "",
    "steps.a.outputs.x..",
  ]) {
    expect(parseTemplate(`\${{ ${faulty} }}`).kind).toBe("faulty");
  }
  expect(parseTemplate(`x \${{ steps.one.outputs.stdout }`).kind).toBe("faulty");
});

test("an escaped placeholder is the characters, and a text without one is itself", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const escaped = text.replaceAll(/\$\{\{/g, () => `$\${{`);
      const { argv } = Object(filledRoute(process(escaped), () => "wrong"));
      // Several dollars in a row are one mark and what stands before it.
      expect(argv[1]).toBe(text);
    }),
  );
});

test("whatever a value holds, it is one argument and is not read again", () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom("", of("stdout"), "; rm -rf /", " "), (value, more) => {
      const given = value + more;
      const filled = Object(filledRoute(process(`a${of("stdout")}`, of("stdout"), "b"), () => given));
      expect(filled.argv).toEqual(["program", `a${given}`, given, "b"]);
    }),
  );
});

test("the program stays as it is written", () => {
  const route: SubprocessRoute = { ...process(), argv: [of("stdout"), of("stdout")] };
  expect(filledRoute(route, () => "x")).toMatchObject({ argv: [of("stdout"), "x"] });
});

test("a value never leads a URL to another origin, folder or query member", () => {
  const route = request(`https://h.example/api/${of("body.id")}/items?of=${of("body.id")}&end=1`);
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.constantFrom("..", "../..", "a/../..", "?x=1", "#", "@evil", "%2e%2e", "\\")),
      (value) => {
        let url: URL;
        try {
          url = new URL(Object(filledRoute(route, () => value)).url);
        } catch (cause) {
          expect(cause).toMatchObject({ code: "PLACEHOLDER_VALUE_REFUSED" });
          expect(value).toMatch(/^\.*$/);
          return;
        }
        expect(url.origin).toBe("https://h.example");
        expect(url.pathname.split("/").map(decodeURIComponent)).toEqual(["", "api", value, "items"]);
        expect([...url.searchParams]).toEqual([
          ["of", value],
          ["end", "1"],
        ]);
        expect(url.hash).toBe("");
      },
    ),
  );
});

test("placeholders may stand in the path and the query of a URL and nowhere else", () => {
  for (const url of [
    `https://${of("x")}/`,
    `https://u${of("x")}@h/`,
    `https://h:${of("x")}/`,
    `${of("x")}://h/`,
  ]) {
    expect(urlTemplateFault(url)).toBeDefined();
  }
  expect(urlTemplateFault(`https://h/${of("x")}?q=${of("x")}`)).toBeUndefined();
});

test("a value goes into the texts of a JSON body, not into its JSON and not into its keys", () => {
  const body = { [of("x")]: [1, true, { deep: `a ${of("x")}` }] };
  const route = request("https://h/", { body: JSON.stringify(body), bodyValue: body });
  const filled = Object(filledRoute(route, () => 'b", "c": "d'));
  expect(JSON.parse(filled.body)).toEqual({ [of("x")]: [1, true, { deep: 'a b", "c": "d' }] });
});

test("what has become too long, or no header, is refused", () => {
  const refused = (route: SubprocessRoute | HttpRoute, value: string) =>
    expect(() => filledRoute(route, () => value)).toThrow(
      expect.objectContaining({ code: "PLACEHOLDER_VALUE_REFUSED" }),
    );
  refused(process(of("x"), of("x"), of("x")), "x".repeat(60_000));
  refused({ ...process(), env: { V: of("x"), W: of("x"), X: of("x") } }, "x".repeat(60_000));
  refused({ ...process(), stdin: of("x").repeat(20) }, "x".repeat(60_000));
  refused(request("https://h/", { headers: [["x-id", of("x")]] }), "a\r\nx-evil: 1");
});

test("a short template never becomes more than the runtime can hold, and nothing is put together before that is known", () => {
  let taken = 0;
  const value = "x".repeat(64 * 1024);
  const given = () => {
    taken += 1;
    return value;
  };
  const refused = expect.objectContaining({ code: "PLACEHOLDER_VALUE_REFUSED" });
  expect(() => filledRoute({ ...process(), stdin: of("x").repeat(30_000) }, given)).toThrow(refused);
  const body = { list: Array.from({ length: 30_000 }, () => of("x")) };
  const route = request("https://h/", { body: JSON.stringify(body), bodyValue: body });
  expect(() => filledRoute(route, given)).toThrow(refused);
  expect(taken).toBeLessThan(1_000);
});

test("every place of a route is looked at", () => {
  const route: SubprocessRoute = { ...process(of("a")), stdin: of("b"), env: { V: of("c") } };
  expect(placeholdersOf(route).map(placeholderName)).toEqual(
    ["c", "a", "b"].map((key) => `steps.one.outputs.${key}`),
  );
});
