/**
 * `bun run bench`: every benchmark, each with its baseline in the same run. Names on the command line choose some.
 */
import { benchAuthoring } from "./authoring.ts";
import { benchAutopilot } from "./autopilot.ts";
import { benchCommands } from "./commands.ts";
import { benchCoordination } from "./coordination.ts";
import { benchJson } from "./json.ts";
import { benchKernel } from "./kernel.ts";
import { benchPluginCalls } from "./plugin-calls.ts";
import { benchPluginDiscovery } from "./plugin-discovery.ts";
import { benchProcessProvider } from "./process-provider.ts";
import { benchProof } from "./proof.ts";
import { benchReconcile } from "./reconcile.ts";
import { benchReplay } from "./replay.ts";
import { benchReport } from "./report.ts";
import { benchResume } from "./resume.ts";
import { type BenchRow, printRows } from "./row.ts";
import { benchStore } from "./store.ts";
import { benchSubprocess } from "./subprocess.ts";
import { benchValidators } from "./validators.ts";
import { benchValidity } from "./validity.ts";

const benches: Readonly<Record<string, () => Promise<readonly BenchRow[]>>> = {
  json: benchJson,
  coordination: benchCoordination,
  store: benchStore,
  kernel: benchKernel,
  proof: benchProof,
  resume: benchResume,
  subprocess: benchSubprocess,
  plugins: benchPluginCalls,
  "plugin-discovery": benchPluginDiscovery,
  commands: benchCommands,
  replay: benchReplay,
  authoring: benchAuthoring,
  report: benchReport,
  reconcile: benchReconcile,
  "process-provider": benchProcessProvider,
  validators: benchValidators,
  validity: benchValidity,
  autopilot: benchAutopilot,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => benches[name] === undefined);
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.log(`\n${name}`);
  printRows(await bench());
}
