/** Children outlive an akc that is killed. Whoever goes on with the run ends them before their work is done again. */
import { expect, test } from "bun:test";
import { bundle, sh } from "../e2e/bundle.ts";
import { until } from "../e2e/world.ts";
import { ledgerName, type Scenario } from "./bundles.ts";
import { startCounter } from "./counter.ts";
import { type Death, referenceOf, tell } from "./drive.ts";

const tick = "while :; do echo tick >>ticks; sleep 0.01; done";
/** Works until it is ended, in its own session too. */
const forever = `setsid sh -c '${tick}' & ${tick}`;
/** Says whether anybody else is at work. */
const look =
  'echo tick >>ticks; a=$(wc -c <ticks); sleep 0.2; [ "$a" = "$(wc -c <ticks)" ] && echo alone || echo beside another';

function scenarioOf(first: string): Scenario {
  const begin = `printf 'begin %s %s\\n' "$AKC_ACTION_ID" "$AKC_ATTEMPT" >>${ledgerName}`;
  const script = `${begin}; if [ "$AKC_ATTEMPT" = 1 ]; then ${first}; fi; ${look}`;
  return {
    name: "strays",
    bundle: () =>
      bundle()
        .step("work", sh(script, { timeoutMs: 60_000 }))
        .step("free", sh("echo free")),
  };
}

test("what a killed akc left running is ended before the same work begins again", async () => {
  await using counter = startCounter();
  const reference = await referenceOf(scenarioOf(":"), counter);
  const dies: Death = async (live, stage) => {
    const one = live();
    const ticking = () => stage.processes().filter((line) => line.includes("echo tick")).length;
    await until("both are at work", () => ticking() >= 2);
    one.kill("SIGKILL");
    const ran = await one.ended;
    // Otherwise there would be nothing to end.
    expect(ticking()).toBeGreaterThanOrEqual(2);
    return ran;
  };
  for (const byStart of [false, true]) {
    const told = await tell(
      { name: "strays", scenario: scenarioOf(forever), reference, deaths: [dies], byStart },
      counter,
    );
    expect(told).toEqual({ deaths: 1, recoveries: 1 });
  }
}, 120_000);
