import { expect, test } from "bun:test";
import { queryForm } from "./query-form.ts";

test("a LogQL query asks for lines when it begins with its stream selector", () => {
  const form = (query: string) => queryForm("logql_query", query);
  for (const query of ['{app="a"}', '  {app="a"} |= "rate("', '( {app="a"} | json )', '# rate(\n{app="a"}']) {
    expect(form(query)).toBe("lines");
  }
  for (const query of [
    'rate({app="a"}[1m])',
    'sum by (x) (count_over_time({app="a"}[1m]))',
    '# {}\n(1 + rate({a="b"}[1m]))',
    "vector(1)",
  ]) {
    expect(form(query)).toBe("metrics");
  }
});

test("a TraceQL query is a search unless a metrics function stands outside of braces and quotes", () => {
  const form = (query: string) => queryForm("traceql_query", query);
  for (const name of [
    "rate",
    "count_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "sum_over_time",
    "compare",
  ]) {
    expect(form(`{ .a = 1 } | ${name} (duration) by (x)`)).toBe("metrics");
  }
  for (const query of [
    "{}",
    "{ status = error } | count() > 2",
    "{ } | avg(duration) > 1s",
    '{ name = "rate(" }',
    "{ name = `} | rate()` }",
    '{ name = "\\"} | rate()" }',
    "{ .rate = 1 } | select(.rate)",
    "{} // | rate()",
    "{} | max(.x_over_time) > 1",
    '{ name = "never closed | rate()',
  ]) {
    expect(form(query)).toBe("search");
  }
  expect(form("({} | rate()) / ({ .a = 1 } | rate())")).toBe("metrics");
});

test("a PromQL query always asks for numbers", () => {
  expect(queryForm("promql_query", "{__name__='up'}")).toBe("metrics");
});
