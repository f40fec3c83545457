import { describe, expect, test } from "bun:test";
import { limits } from "../../limits.ts";
import { readMetricLines, readTraceLines } from "./otel.ts";

const scope = { tenantId: "acme", repoId: "shop", runId: "run-1", runtimeRunId: "rr-1" };
const line = (attributes: Record<string, string>, name = "m") =>
  `${JSON.stringify({ resource: { attributes }, metric: { name, as_int: 1 } })}\n`;

describe("metric lines", () => {
  test("are read, blank ones skipped, floats kept", () => {
    const { records, rejectedReason } = readMetricLines(`{"metric":{"as_double":1.0}}\n\n  \n{"metric":{}}`);
    expect(rejectedReason).toBeNull();
    expect(records).toHaveLength(2);
    expect(records[0]).toMatchObject({ metric: { as_double: { value: 1 } } });
  });

  test("of another tenant, repository or compile run refuse all of them", () => {
    const ours = line({ "akc.tenant_id": "acme", "akc.repo_id": "shop", "akc.run_id": "run-1" });
    expect(readMetricLines(ours + line({}), scope).records).toHaveLength(2);
    for (const foreign of [{ "akc.tenant_id": "other" }, { "akc.repo_id": "x" }, { "akc.run_id": "run-2" }]) {
      expect(readMetricLines(ours + line(foreign), scope)).toEqual({
        records: [],
        rejectedReason: "other_scope",
      });
    }
  });

  test("of another run of the same scope are left out: the sidecar is shared", () => {
    const text =
      line({ "akc.runtime_run_id": "rr-2" }, "theirs") + line({ "akc.runtime_run_id": "rr-1" }, "ours");
    expect(readMetricLines(text, scope).records).toMatchObject([{ metric: { name: "ours" } }]);
  });

  test("that cannot be read refuse all: what is lost might have been the worst", () => {
    for (const bad of ["{", "[]", '{"metric":{"as_int":1}} x', "nan"]) {
      expect(readMetricLines(`${line({})}${bad}\n`).rejectedReason).toBe("malformed_line");
      expect(readMetricLines(`${line({})}${bad}`).rejectedReason).toBe("malformed_line");
    }
  });

  test("beyond their caps refuse all", () => {
    const most = "{}\n".repeat(limits.metricRecordsMax);
    expect(readMetricLines(most).records).toHaveLength(limits.metricRecordsMax);
    expect(readMetricLines(`${most}{}\n`)).toEqual({ records: [], rejectedReason: "too_many_records" });
    expect(readMetricLines("\n".repeat(limits.metricLinesMax)).rejectedReason).toBeNull();
    expect(readMetricLines(`${"\n".repeat(limits.metricLinesMax)}\n`).rejectedReason).toBe("too_many_lines");
  });
});

describe("trace lines", () => {
  test("are refused by the span's own words of another scope too", () => {
    const text = JSON.stringify({ span: { name: "s", attributes: { "akc.tenant_id": "other" } } });
    expect(readTraceLines(text, scope).rejectedReason).toBe("other_scope");
    expect(readTraceLines(text).records).toHaveLength(1);
  });

  test("may end in a line that somebody is still writing, and hold none that is broken", () => {
    expect(readTraceLines('{"span":{}}\n{"span":')).toMatchObject({ records: [{}], rejectedReason: null });
    expect(readTraceLines('{"span":\n{"span":{}}\n').rejectedReason).toBe("malformed_line");
  });
});
