/**
 * The time compression numbers of a compile manifest, as it is now. Reads one file and judges nothing; what is no number is not there.
 *
 * Source: spec cli §12.5, §14.13.
 */
import { member, objectAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { parseJson } from "../../json/read.ts";
import { asDouble, isJsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";
import type { TimeMetrics } from "../offer/model.ts";

/** Undefined where there is no manifest that can be read, or none of them in it. */
export async function timeMetrics(manifestPath: string | undefined): Promise<TimeMetrics | undefined> {
  if (manifestPath === undefined) return undefined;
  const manifest = await readFileBounded(manifestPath, limits.jsonTextBytesMax)
    .then((bytes) => parseJson(bytes))
    .catch((cause) => {
      if (cause instanceof AkcError) return undefined;
      throw cause;
    });
  if (!isJsonObject(manifest)) return undefined;
  const told = member(objectAt(manifest, "control_plane"), "time_compression_metrics");
  if (!isJsonObject(told)) return undefined;
  const number = (key: string): number | null => {
    const value = asDouble(member(told, key));
    return value !== undefined && Number.isFinite(value) && value >= 0 ? value : null;
  };
  return {
    intentToHealthyRuntimeMs: number("intent_to_healthy_runtime_ms"),
    compileToHealthyRuntimeMs: number("compile_to_healthy_runtime_ms"),
    compressionFactorVsBaseline: number("compression_factor_vs_baseline"),
    intentToStagingMs: number("intent_to_staging_ms"),
    intentToProdMs: number("intent_to_prod_ms"),
    stagingToProdMs: number("staging_to_prod_ms"),
    approvalWaitMs: number("approval_wait_ms"),
    manualTouchCount: number("manual_touch_count"),
  };
}
