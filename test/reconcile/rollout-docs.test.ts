/** What docs/rollouts.md says of `runtime_rollout` is what is read: its example, its keys, its reasons. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseJson } from "../../src/json/read.ts";
import { isJsonObject } from "../../src/json/value.ts";
import { rolloutPhases } from "../../src/reconciler/rollout/model.ts";
import { AnalysisSection, RolloutSection } from "../../src/reconciler/rollout/strategy/section.ts";
import { strategyOf } from "../../src/reconciler/rollout/strategy.ts";

const text = await Bun.file(join(import.meta.dir, "../../docs/rollouts.md")).text();

test("the example is valid", () => {
  const example = /```json\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const bundle = parseJson(example);
  if (!isJsonObject(bundle)) throw new Error("no example");
  const { steps } = strategyOf(bundle, { mode: "enforce", resources: 3 });
  expect(steps.map(({ amount }) => amount)).toEqual([
    { count: 1 },
    { share: 0.25 },
    { share: 0.5 },
    { share: 1 },
  ]);
});

test("every key and every phase is told", () => {
  const keys = [
    ...Object.keys(RolloutSection.entries),
    ...Object.keys(AnalysisSection.entries),
    ...rolloutPhases,
  ];
  const silent = keys.filter((key) => !text.includes(`\`${key}\``) && !text.includes(`\`${key}.`));
  expect(silent).toEqual([]);
});
