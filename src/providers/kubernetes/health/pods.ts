/**
 * What is wrong with a pod, and with all pods of a workload. Pure; one pod that runs says nothing of the others.
 *
 * Source: spec reconcile §4.7; reconcile:W-17.
 */
import { objectAt, objectsAt, textAt } from "../../../bundle/member.ts";
import type { JsonObject } from "../../../json/value.ts";
import { conditionOf, conditionWords, countAt, healthy, type Judge, opinion, statusOf } from "./opinion.ts";

/** Reasons for which a container waits that time alone does not cure. */
const stuckReasons: ReadonlySet<string> = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

/** The documented reading of a pod's phase and `Ready`; a container that cannot start is worse than both. */
export const judgePod: Judge = (pod) => {
  const phase = textAt(statusOf(pod), "phase");
  const reason = textAt(statusOf(pod), "reason");
  const trouble = troubleOf(pod);
  const ready = conditionOf(pod, "Ready");
  if (phase === "Succeeded") return healthy;
  if (phase === "Failed") return opinion("failed", `its phase is Failed`, reason, trouble);
  if (trouble !== undefined) return opinion("degraded", trouble);
  if (ready?.status === "false") return opinion("degraded", conditionWords(ready));
  if (ready?.status === "unknown") return opinion("unknown", conditionWords(ready));
  switch (phase) {
    case "Running":
      return healthy;
    case "Unknown":
      return opinion("failed", "its node does not answer");
    case "Pending":
      return opinion("degraded", "it has not started yet");
    default:
      return opinion("unknown", "it has no phase yet");
  }
};

/** `CrashLoopBackOff: back-off restarting failed container (app, restarted 3 times)`; undefined where nothing is wrong. */
function troubleOf(pod: JsonObject): string | undefined {
  const status = statusOf(pod);
  const containers = [
    ...objectsAt(status, "initContainerStatuses"),
    ...objectsAt(status, "containerStatuses"),
  ];
  for (const container of containers) {
    const waiting = objectAt(objectAt(container, "state"), "waiting");
    const reason = textAt(waiting, "reason");
    if (reason === undefined || !stuckReasons.has(reason)) continue;
    const message = textAt(waiting, "message");
    const restarts = countAt(container, "restartCount");
    const about = [textAt(container, "name"), restarts > 0 ? `restarted ${restarts} times` : undefined];
    return `${reason}${message === undefined ? "" : `: ${message}`} (${about.filter((word) => word !== undefined).join(", ")})`;
  }
  const scheduled = conditionOf(pod, "PodScheduled");
  return scheduled?.status === "false" ? conditionWords(scheduled) : undefined;
}

export function isReady(pod: JsonObject): boolean {
  return conditionOf(pod, "Ready")?.status === "true";
}

/** The first pod's trouble, and how many others have some; those of the newest revision first. */
export function troubleAmong(pods: readonly JsonObject[]): string | undefined {
  const troubled = pods.flatMap((pod) => {
    const trouble = judgePod(pod, undefined).health === "failed" ? failureOf(pod) : troubleOf(pod);
    return trouble === undefined
      ? []
      : [`pod ${textAt(objectAt(pod, "metadata"), "name") ?? "?"}: ${trouble}`];
  });
  const [first] = troubled;
  return first === undefined || troubled.length === 1
    ? first
    : `${first}, and ${troubled.length - 1} more pods`;
}

function failureOf(pod: JsonObject): string {
  return troubleOf(pod) ?? textAt(statusOf(pod), "reason") ?? "Failed";
}
