/**
 * Validators of what devices show: `maestro` (kind maestro_flow), `android` (android_helper), `ios-simulator`
 * (ios_simulator_helper). They reach the world by programs that akc runs, and read no clock.
 *
 * `observed` of maestro, for mobile_journey_result: `platform`, `device_id` (`default` or `booted` where the binding names
 * none), `journey_id`, `assertions_passed`, `assertions_failed`, `counts` (`report` or `synthetic`). Wherever the verdict is
 * error, and wherever maestro failed, `assertions_failed` is at least 1.
 * `evidence`: `tool`, `counts`, `exit_code`, `log_truncated`, `report` (read, absent, unreadable, too_large), and of a report
 * `test_cases`, `skipped`, `time_s`, `device`, `failures`. Attachments: `maestro.log`, `report.xml`.
 *
 * `observed` of android and ios-simulator, for device_capture_result: `platform`, `operation` (its capture_kind), `device_id`
 * (null: whichever there is), `journey_id` where there is one, `artifact` (the attachment's name, or null), `metadata`.
 * `metadata`: `operation`, `device_id`, `exit_code`, bounded `stdout` and `stderr`, `error` where the verdict is one, and by
 * operation `apk_path`, `failure`, `permissions`, `width`, `height`, `duration_s`, `pull`, `removed_from_device`, `log_bytes`,
 * `kept`, `already_booted`, `app_path`, `bundle_id`, `pid`, `error_domain`, `error_code`.
 * Attachments: `<artifact_name>.png`, `.mp4`, `.log`.
 *
 * Of an error before anything was run (a binding that cannot be meant) `observed` is `{}`.
 */
import { type Call, definePlugin, type ValidateRequest, type Verdict } from "akc/sdk";
import { validateAndroid } from "./android.ts";
import { BindingFault } from "./binding.ts";
import { validateSimulator } from "./ios-simulator.ts";
import { validateFlow } from "./maestro.ts";
import { erred } from "./tools.ts";

type Validate = (request: ValidateRequest, call: Call) => Promise<Verdict>;

export const validators = {
  maestro: { bindingKinds: ["maestro_flow"], validate: judging(validateFlow) },
  android: { bindingKinds: ["android_helper"], validate: judging(validateAndroid) },
  "ios-simulator": { bindingKinds: ["ios_simulator_helper"], validate: judging(validateSimulator) },
} as const;

export default definePlugin({ validators });

/** A binding that cannot be meant is an answer, not a fault of the plugin's. */
function judging(validate: Validate): Validate {
  return async (request, call) => {
    try {
      return await validate(request, call);
    } catch (cause) {
      if (!(cause instanceof BindingFault)) throw cause;
      return { ...erred("malformed", cause.message), observed: {}, evidence: {}, attachments: [] };
    }
  };
}
