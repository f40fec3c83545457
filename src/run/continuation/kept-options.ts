/**
 * The options of a start that a later process needs to go on alike, kept with the run's row. What the bundle says is not
 * among them: it is read again, and is the same one or refused.
 */
import { isAbsolute } from "node:path";
import * as v from "valibot";
import type { LoadOptions } from "../../bundle/load.ts";
import { AkcError } from "../../errors.ts";
import type { RunRow } from "../../store/contract.ts";

export interface KeptOptions {
  /** Absolute; absent means the default place. */
  readonly policyPath?: string;
  readonly requireEffects?: boolean;
  readonly strictIntentAuthority?: boolean;
  readonly maxInFlight?: number;
  readonly coordinationOverrides?: LoadOptions["coordinationOverrides"];
  /** Absolute; where plugins were looked for first. */
  readonly pluginsDirs?: readonly string[];
  /** Absolute; the registry of validator bindings. */
  readonly validatorBindings?: string;
  /** From the run's start, by the wall clock. */
  readonly deadlineMs?: number;
}

const Whole = v.pipe(v.number(), v.integer(), v.minValue(1));
const Kept = v.object({
  policy_path: v.optional(v.nullable(v.string()), null),
  require_effects: v.optional(v.boolean(), false),
  strict_intent_authority: v.optional(v.boolean(), false),
  max_in_flight: v.optional(v.nullable(Whole), null),
  coordination_overrides: v.optional(
    v.object({
      parallel_dispatch_enabled: v.optional(v.boolean()),
      max_in_flight_steps: v.optional(Whole),
      max_in_flight_per_role: v.optional(Whole),
    }),
    {},
  ),
  deadline_ms: v.optional(v.nullable(Whole), null),
  plugins_dirs: v.optional(v.array(v.string()), []),
  validator_bindings: v.optional(v.string()),
});
const KeptPlugin = v.object({ id: v.string(), version: v.string(), digest: v.string() });
const Extra = v.object({ start_options: v.optional(Kept, {}), plugin: v.optional(KeptPlugin) });

/** As the member `start_options` of `RunRow.extra`. */
export function keptJson(options: KeptOptions): Readonly<Record<string, unknown>> {
  const { policyPath, coordinationOverrides: overrides } = options;
  if (policyPath !== undefined && !isAbsolute(policyPath)) {
    throw new AkcError("INTERNAL", { message: "a path is kept that means something else elsewhere" });
  }
  return {
    policy_path: policyPath ?? null,
    require_effects: options.requireEffects ?? false,
    strict_intent_authority: options.strictIntentAuthority ?? false,
    max_in_flight: options.maxInFlight ?? null,
    coordination_overrides: {
      parallel_dispatch_enabled: overrides?.parallelDispatchEnabled,
      max_in_flight_steps: overrides?.maxInFlightSteps,
      max_in_flight_per_role: overrides?.maxInFlightPerRole,
    },
    deadline_ms: options.deadlineMs ?? null,
    ...(options.pluginsDirs === undefined ? {} : { plugins_dirs: options.pluginsDirs }),
    ...(options.validatorBindings === undefined ? {} : { validator_bindings: options.validatorBindings }),
  };
}

/** The plugin that the run was started with; the member `plugin` of `RunRow.extra`. @throws AkcError STORE_DAMAGED */
export function keptPlugin(row: RunRow): v.InferOutput<typeof KeptPlugin> | undefined {
  return readExtra(row).plugin;
}

/** Those of a run of before they were kept are the defaults. @throws AkcError STORE_DAMAGED */
export function keptOptions(row: RunRow): KeptOptions {
  const kept = readExtra(row).start_options;
  const { parallel_dispatch_enabled, max_in_flight_steps, max_in_flight_per_role } =
    kept.coordination_overrides;
  return {
    requireEffects: kept.require_effects,
    strictIntentAuthority: kept.strict_intent_authority,
    coordinationOverrides: {
      ...(parallel_dispatch_enabled === undefined
        ? {}
        : { parallelDispatchEnabled: parallel_dispatch_enabled }),
      ...(max_in_flight_steps === undefined ? {} : { maxInFlightSteps: max_in_flight_steps }),
      ...(max_in_flight_per_role === undefined ? {} : { maxInFlightPerRole: max_in_flight_per_role }),
    },
    ...(kept.policy_path === null ? {} : { policyPath: kept.policy_path }),
    ...(kept.max_in_flight === null ? {} : { maxInFlight: kept.max_in_flight }),
    ...(kept.plugins_dirs.length === 0 ? {} : { pluginsDirs: kept.plugins_dirs }),
    ...(kept.validator_bindings === undefined ? {} : { validatorBindings: kept.validator_bindings }),
    ...(kept.deadline_ms === null ? {} : { deadlineMs: kept.deadline_ms }),
  };
}

function readExtra({ extra, context }: RunRow): v.InferOutput<typeof Extra> {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Extra), extra);
  if (parsed.success) return parsed.output;
  throw new AkcError("STORE_DAMAGED", {
    message: "the options that a run was started with cannot be read",
    details: { run: context.runtimeRunId, why: v.summarize(parsed.issues) },
  });
}
