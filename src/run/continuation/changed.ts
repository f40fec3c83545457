/**
 * Refuses to go on with a run by another bundle, coordination, mode, adapter or plugin than it was started with: its history would
 * be that of something else.
 */
import { AkcError } from "../../errors.ts";
import type { RunRow } from "../../store/contract.ts";
import type { ReadyRun } from "../ready.ts";
import { keptPlugin } from "./kept-options.ts";

interface Change {
  readonly what: string;
  /** Of the keys in the details. */
  readonly key: string;
  readonly expected: string;
  readonly found: string;
}

/** @throws AkcError RUN_CHANGED with what was expected and what was found, for everything that differs */
export function refuseChanged(
  row: RunRow,
  now: Pick<ReadyRun, "bundleSha256" | "specSha256" | "context" | "plugin" | "acceptPluginChange">,
): void {
  const { context } = row;
  const plugin = now.acceptPluginChange ? undefined : keptPlugin(row);
  const compared = [
    ["bundle", "bundle_sha256", row.bundleSha256, now.bundleSha256],
    [
      "coordination spec",
      "coordination_spec_sha256",
      row.coordinationSha256 ?? "none",
      now.specSha256 ?? "none",
    ],
    ["mode", "mode", context.mode, now.context.mode],
    ["adapter", "adapter_id", context.adapterId, now.context.adapterId],
    ["run_id", "run_id", context.runId, now.context.runId],
    [`plugin ${plugin?.id}`, "plugin_digest", plugin?.digest, plugin && (now.plugin?.digest ?? "none")],
  ] as const;
  const changes = compared
    .map(([what, key, expected = "none", found = "none"]) => ({ what, key, expected, found }))
    .filter(({ expected, found }) => expected !== found);
  if (changes.length > 0) throw runChanged(context.runtimeRunId, changes);
}

/**
 * What is an error of a bundle at a start is a change when a run goes on.
 * @param input where the bundle is said to be; absent means where it was
 */
export function asChange(
  cause: unknown,
  row: RunRow,
  input: { readonly bundlePath?: string | undefined },
): unknown {
  if (!(cause instanceof AkcError)) return cause;
  const { context, bundlePath, bundleSha256, coordinationSha256 } = row;
  const { code, message, details } = cause;
  const found = details["actual"];
  if (code === "BUNDLE_HASH_MISMATCH" && typeof found === "string") {
    const change = { what: "bundle", key: "bundle_sha256", expected: bundleSha256, found };
    return runChanged(context.runtimeRunId, [change]);
  }
  if (code === "COORDINATION_HASH_MISMATCH" && typeof found === "string") {
    const expected = coordinationSha256 ?? "none";
    const change = { what: "coordination spec", key: "coordination_spec_sha256", expected, found };
    return runChanged(context.runtimeRunId, [change]);
  }
  if (code === "FILE_NOT_FOUND" && input.bundlePath === undefined && details["path"] === bundlePath) {
    return new AkcError(code, {
      message: "the bundle that the run was started with is not there any more",
      hint: "Name where it is now with --bundle FILE.",
      cause,
      details: { ...details, expected_bundle_sha256: bundleSha256, why: message },
    });
  }
  return cause;
}

function runChanged(run: string, changes: readonly Change[]): AkcError {
  const said = changes.map(({ what, expected, found }) => `the ${what} is ${found}, it was ${expected}`);
  return new AkcError("RUN_CHANGED", {
    message: `the run was started with something else: ${said.join("; ")}`,
    details: Object.fromEntries([
      ["run", run],
      ...changes.flatMap(({ key, expected, found }) => [
        [`expected_${key}`, expected],
        [`found_${key}`, found],
      ]),
    ]),
  });
}
