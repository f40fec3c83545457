/** A controller that begins one attempt and says how it ended, for tests that kill it or stop it meanwhile. */
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import { AkcError } from "../../src/errors.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemIds } from "../../src/system/ids.ts";

const [scope = "", attempt = ""] = process.argv.slice(2);
const rollouts = createRollouts({ clock: systemClock, ids: systemIds, env: process.env, by: "child" });
try {
  const outcome = await rollouts.begin(JSON.parse(scope), JSON.parse(attempt), new AbortController().signal);
  console.log(JSON.stringify(outcome));
} catch (cause) {
  console.log(JSON.stringify({ code: cause instanceof AkcError ? cause.code : String(cause) }));
}
