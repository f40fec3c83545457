import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { prettyJson } from "../../src/json/canonical.ts";
import { compiled, head, loaded } from "./compiled.ts";

interface AnyStep {
  readonly id: string;
  /** Of an earlier step, by its position; each with the kind of its edge. */
  readonly needs: readonly (readonly [number, string])[];
  readonly values: readonly string[];
  readonly work: "run" | "http" | "wait" | "agent";
  readonly takes: boolean;
  readonly retries: number;
}

const kinds = ["depends_on", "handoff", "parallel", "barrier", ""];
const anyStep = fc.record({
  needs: fc.uniqueArray(fc.tuple(fc.nat(11), fc.constantFrom(...kinds)), {
    maxLength: 3,
    selector: ([at]) => at,
  }),
  values: fc.uniqueArray(fc.constantFrom("a", "b", "c.1", "x/y"), {
    maxLength: 3,
    selector: (value) => value.replaceAll(/[^a-z0-9]/g, "-"),
  }),
  work: fc.constantFrom("run", "http", "wait", "agent"),
  takes: fc.boolean(),
  retries: fc.nat(5),
});

const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 12 }).map((steps): readonly AnyStep[] =>
  steps.map((step, index) => ({
    ...step,
    id: `s${index}`,
    needs: [...new Map(step.needs.filter(() => index > 0).map(([at, kind]) => [at % index, kind]))],
  })),
);

const slug = (value: string) => value.replaceAll(/[^A-Za-z0-9_-]/g, "-");
const idsOf = ({ id, values }: AnyStep) =>
  values.length === 0 ? [id] : values.map((value) => `${id}-${slug(value)}`);

/** What stands for the value in a text. */
const value = ["$", "{{ matrix.value }}"].join("");

function planOf(steps: readonly AnyStep[]): Record<string, unknown> {
  const written = steps.map((step) => {
    const { id, needs, values, work, takes, retries } = step;
    const runs = work === "run";
    const [first] = needs;
    const from = first === undefined ? undefined : steps[first[0]];
    const given =
      runs && takes && from?.work === "run" && ["handoff", ""].includes(first?.[1] ?? "x") ? from : undefined;
    return [
      id,
      {
        needs: needs.map(([at, as]) => (as === "" ? `s${at}` : { step: `s${at}`, as })),
        ...(values.length === 0 ? {} : { matrix: { value: values } }),
        ...(runs
          ? {
              run: ["sh", "-c", `echo ${values.length === 0 ? "one" : value} > out.txt`],
              outputs: ["out.txt"],
              ...(given === undefined
                ? {}
                : { inputs: idsOf(given).map((one) => ({ file: `${one}/out.txt`, as: `from-${one}.txt` })) }),
            }
          : {}),
        ...(work === "http" ? { http: { url: "http://127.0.0.1:4870/x" } } : {}),
        ...(work === "wait" ? { wait: { for: "1s" } } : { retries }),
        ...(work === "agent" ? { agent: { task: `do ${id}` } } : {}),
      },
    ] as const;
  });
  return {
    steps: Object.fromEntries(written),
    policy: { programs: ["sh"], http: ["http://127.0.0.1:4870"] },
  };
}

/** Every pair "this step before that one" that the arcs amount to. */
function order(arcs: readonly (readonly [from: string, to: string])[]): ReadonlySet<string> {
  const before = new Map<string, Set<string>>();
  for (const [from, to] of arcs) before.set(to, (before.get(to) ?? new Set()).add(from));
  for (let grew = true; grew; ) {
    grew = false;
    for (const set of before.values()) {
      for (const from of [...set]) {
        for (const earlier of before.get(from) ?? []) {
          grew ||= !set.has(earlier);
          set.add(earlier);
        }
      }
    }
  }
  return new Set([...before].flatMap(([to, set]) => [...set].map((from) => `${from} < ${to}`)));
}

test("any plan loads without a warning, with exactly its steps and its precedence", async () => {
  await fc.assert(
    fc.asyncProperty(anySteps, async (steps) => {
      const built = compiled(`${head}${stringify(planOf(steps))}`);
      const bundle = await loaded(built);
      expect(bundle.warnings).toEqual([]);
      expect(bundle.sha256).toBe(built.sha256);
      const ids = steps.flatMap(idsOf);
      expect([...(bundle.coordination?.plan.stepOrder ?? [])].sort()).toEqual([...ids].sort());
      expect(new Set(bundle.coordination?.nodeOfStep.keys())).toEqual(new Set(ids));
      const written = steps.flatMap((step) =>
        step.needs.flatMap(([at]) => {
          const earlier = steps[at];
          return earlier === undefined
            ? []
            : idsOf(earlier).flatMap((from) => idsOf(step).map((to) => [from, to] as const));
        }),
      );
      const lowered = (bundle.coordination?.plan.precedence ?? []).map(({ src, dst }) => [src, dst] as const);
      expect(order(lowered)).toEqual(order(written));
    }),
    { numRuns: 40 },
  );
});

test("neither the order of keys nor comments, blanks and quoting change a byte", () => {
  const shuffled = (value: unknown, at: readonly string[] = []): unknown => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    // The order of steps, and of the axes of a matrix, is said by the author.
    const kept = at.at(-1) === "steps" || at.at(-1) === "matrix";
    const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item, [...at, key])] as const);
    return Object.fromEntries(kept ? entries : entries.reverse());
  };
  fc.assert(
    fc.property(anySteps, (steps) => {
      const plan = { version: 1, scope: "acme/shop", name: "release", ...planOf(steps) };
      const plain = compiled(stringify(plan));
      const other = stringify(shuffled(plan), {
        defaultStringType: "QUOTE_DOUBLE",
        defaultKeyType: "PLAIN",
        indent: 4,
      }).replaceAll(/\n/g, " # said\n");
      expect(prettyJson(compiled(other).bundle)).toBe(prettyJson(plain.bundle));
      expect(JSON.stringify(compiled(stringify(plan)).bundle)).toBe(JSON.stringify(plain.bundle));
    }),
    { numRuns: 20 },
  );
});
