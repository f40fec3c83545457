import { expect, test } from "bun:test";
import { ValidityRows } from "./validity-rows.ts";

function observed(atMs: number, binding: string, type: string, verdict: string) {
  const payload = { evidence_type: type, binding_id: binding, artifact: { verdict }, files: [] };
  return { type: "runtime.validation.observed", atMs, payload };
}

test("of each binding its latest answer stands, and none of when it was of another kind", () => {
  const rows = new ValidityRows();
  rows.event(observed(3, "slo", "akc_observability_query_result", "pass"));
  rows.event(observed(4, "other", "akc_observability_query_result", "pass"));
  // Times are of a clock that may be set; the order is that of the history.
  rows.event(observed(1, "slo", "akc_mobile_journey_result", "fail"));
  expect(rows.rows.map(({ type, payload }) => [type, payload["verdict"]])).toEqual([
    ["akc_observability_query_result", "pass"],
    ["akc_mobile_journey_result", "fail"],
  ]);
});
