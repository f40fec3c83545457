import { expect, test } from "bun:test";
import fc from "fast-check";
import { actionName } from "./action-name.ts";

const run = "01a203e2-b1a5-70df-b965-5658a23e66b4";
const id = fc.stringMatching(/^[a-z:._-]{1,12}$/);

test("a step is called by its id, whatever is in it and whether or not it stands beside the action's", () => {
  fc.assert(
    fc.property(id, id, fc.nat(99), (stepId, nodeId, layer) => {
      const actionId = `coordination:${stepId}:${layer}`;
      expect(actionName({ actionId, nodeId }, run)).toBe(stepId);
      expect(actionName({ actionId, nodeId, stepId }, run)).toBe(stepId);
    }),
  );
});

test("what an event made is called by its node, one that is called coordination included", () => {
  fc.assert(
    fc.property(fc.oneof(id, fc.constant("coordination")), fc.nat(), fc.nat(), (nodeId, atMs, seq) => {
      const actionId = `${nodeId}:${run}:runtime.kernel.started:${atMs}:${seq}`;
      expect(actionName({ actionId, nodeId, stepId: null }, run)).toBe(nodeId);
    }),
  );
});

test("an action of another form keeps its id where nothing shorter is known", () => {
  expect(actionName({ actionId: "x:y", nodeId: "" }, run)).toBe("x:y");
});
