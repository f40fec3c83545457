/**
 * Prometheus, Loki and Tempo as validators: one query of a binding, or two where it is compared with a baseline, and a verdict
 * on the numbers. It changes nothing, and takes no silence for a number.
 */
import { definePlugin } from "akc/sdk";
import { judge } from "./judge.ts";
import { loki } from "./loki.ts";
import { prometheus } from "./prometheus.ts";
import { tempo } from "./tempo.ts";

export default definePlugin({
  validators: {
    promql: {
      bindingKinds: ["promql_query"],
      validate: (request, call) => judge(prometheus, request, call),
    },
    logql: {
      bindingKinds: ["logql_query"],
      validate: (request, call) => judge(loki, request, call),
    },
    traceql: {
      bindingKinds: ["traceql_query"],
      validate: (request, call) => judge(tempo, request, call),
    },
  },
});
