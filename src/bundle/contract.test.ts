import { describe, expect, test } from "bun:test";
import { parseJson } from "../json/read.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { chooseTransition, missingInputs, missingOutputs, triggerMatches } from "./contract.ts";
import { readContract } from "./ir/contract.ts";
import type { Contract } from "./model.ts";
import { contractDocument, json } from "./source.fixture.ts";

function contract(members: Record<string, unknown> = {}): Contract {
  const document = json(contractDocument("c", members));
  if (!isJsonObject(document)) throw new Error("no object");
  return readContract(document);
}

function object(text: string): JsonObject {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw new Error("no object");
  return value;
}

describe("a trigger", () => {
  const trigger = { triggerId: "t", source: "ci", eventType: "build.done" };

  test("waits for its event type, or for its source when it names none", () => {
    const [named, plain] = contract({
      triggers: [
        { trigger_id: "a", source: "ci", details: { event_type: " build.done " } },
        { trigger_id: "b", source: "ci", details: { event_type: "" } },
      ],
    }).triggers;
    expect(named?.eventType).toBe("build.done");
    expect(plain?.eventType).toBe("ci");
  });

  test("is met by an event of its type from its source, or from no source at all", () => {
    expect(triggerMatches(trigger, " build.done ", {})).toBe(true);
    for (const source of [null, "", " ", "ci", " ci "]) {
      expect(triggerMatches(trigger, "build.done", { source })).toBe(true);
    }
    for (const source of ["cd", 1, true, ["ci"]]) {
      expect(triggerMatches(trigger, "build.done", { source })).toBe(false);
    }
    expect(triggerMatches(trigger, "build.failed", {})).toBe(false);
  });
});

test("missing keys are listed in order, and what every object inherits is missing", () => {
  const io_contract = { input_keys: ["z", "constructor", "a"], output_keys: ["toString", "b"] };
  expect(missingInputs(contract({ io_contract }), { a: null })).toEqual(["constructor", "z"]);
  expect(missingOutputs(contract({ io_contract }), { b: 1, extra: 1 })).toEqual(["toString"]);
});

describe("a transition", () => {
  const machine = (...transitions: unknown[]) =>
    contract({ state_machine: { initial_state: "s", transitions } });
  const move = (id: string, members: Record<string, unknown> = {}) => ({
    transition_id: id,
    from_state: "s",
    to_state: id,
    ...members,
  });
  const go = { type: "go", payload: {} };
  const taken = (of: Contract, outputs: JsonObject = {}, payload: JsonObject = {}) => {
    const choice = chooseTransition(of, "s", { type: "go", payload }, outputs);
    return choice.kind === "taken" ? choice.transition.transitionId : choice.skipped.map(({ why }) => why);
  };

  test("is the first in document order that leaves the state for a trigger that was met", () => {
    const several = contract({
      triggers: [
        { trigger_id: "other", source: "elsewhere" },
        { trigger_id: "boot", source: "go" },
      ],
      state_machine: {
        initial_state: "s",
        transitions: [
          move("z", { from_state: "x" }),
          move("y", { trigger_id: "other" }),
          move("b", { trigger_id: "boot" }),
          move("a"),
        ],
      },
    });
    expect(taken(several)).toBe("b");
    expect(chooseTransition(several, "nowhere", go, {})).toEqual({ kind: "none", skipped: [] });
    expect(chooseTransition(several, "s", { type: "never", payload: {} }, {}).kind).toBe("none");
  });

  test("that belongs to no trigger is judged once, however many triggers were met", () => {
    const several = contract({
      triggers: [
        { trigger_id: "one", source: "go" },
        { trigger_id: "two", source: "go" },
      ],
      state_machine: { initial_state: "s", transitions: [move("a", { guard: { never: 1 } })] },
    });
    expect(taken(several)).toHaveLength(1);
  });

  test("without an event is that of a trigger that waits for its own name", () => {
    const choice = chooseTransition(machine(move("a", { trigger_id: "boot" })), "s", undefined, {});
    // The trigger waits for "go" and is called "boot": without an event there is nothing that it could be met by.
    expect(choice.kind).toBe("none");
    const same = contract({
      triggers: [{ trigger_id: "boot", source: "boot" }],
      state_machine: { initial_state: "s", transitions: [move("a")] },
    });
    expect(chooseTransition(same, "s", undefined, {}).kind).toBe("taken");
  });

  test("of a contract that is not about running is never taken", () => {
    const deployment = contract({
      contract_category: "deployment",
      state_machine: { initial_state: "s", transitions: [move("a")] },
    });
    expect(taken(deployment)).toEqual([]);
  });

  test("is taken when every condition of its guard holds, in the outputs or else in the payload", () => {
    const guarded = (guard: unknown) => machine(move("a", { guard }), move("b"));
    expect(taken(guarded({}))).toBe("a");
    expect(taken(guarded({ exit_code: 0 }), { exit_code: 0 })).toBe("a");
    expect(taken(guarded({ exit_code: 0 }), { exit_code: 1 })).toBe("b");
    expect(taken(guarded({ branch: "main" }), {}, { branch: "main" })).toBe("a");
    expect(taken(guarded({ branch: "main" }), { branch: "dev" }, { branch: "main" })).toBe("b");
    expect(taken(guarded({ "payload.branch": "main" }), { branch: "dev" }, { branch: "main" })).toBe("a");
    expect(taken(guarded({ "report.tests.passed": true }), { report: { tests: { passed: true } } })).toBe(
      "a",
    );
    expect(taken(guarded({ "a.b": 1 }), { "a.b": 1 })).toBe("a");
    expect(taken(guarded({ x: null }), { x: null })).toBe("a");
    expect(taken(guarded({ a: 1, b: 2 }), { a: 1 })).toBe("b");
  });

  test("compares numbers by value, however they are written, and big ones to the last digit", () => {
    const guardedBy = (guard: JsonObject): Contract => {
      const plain = machine(move("a"));
      return { ...plain, transitions: plain.transitions.map((transition) => ({ ...transition, guard })) };
    };
    expect(taken(guardedBy(object('{"n":1.0}')), object('{"n":1}'))).toBe("a");
    const big = object('{"n":12345678901234567890}');
    expect(taken(guardedBy(big), big)).toBe("a");
    expect(taken(guardedBy(big), object('{"n":12345678901234567891}'))).not.toBe("a");
    expect(taken(guardedBy(object('{"n":1}')), { n: "1" })).not.toBe("a");
  });

  test("with a condition of an unknown kind, or on something absent, is skipped with the reason", () => {
    expect(taken(machine(move("a", { guard: { exit_code: { $gt: 3 } } })), { exit_code: 5 })).toEqual([
      `the guard's condition on "exit_code" is of an unknown kind; only plain values can be compared`,
    ]);
    expect(taken(machine(move("a", { guard: { x: ["a"] } })), { x: "a" })).toHaveLength(1);
    expect(taken(machine(move("a", { guard: { toString: null } })))).toEqual([
      `the guard asks for "toString", which is neither in the outputs nor in the payload`,
    ]);
  });
});
