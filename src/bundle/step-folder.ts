/**
 * What a step is called on a disk: as a file that is handed over, and as the folder that a step with files works in.
 * It makes names only; it never makes a folder.
 */
import { sha256Hex } from "../json/fingerprint.ts";
import type { Route } from "./model.ts";

const nameBytesMax = 200;

/** The step's id where that is a safe file name; otherwise its characters percent-encoded, or a hash of it when too long. */
export function stepFileName(stepId: string): string {
  const encoded = encodeURIComponent(stepId).replace(/^\./, "%2E");
  return encoded.length <= nameBytesMax ? encoded : `sha256-${sha256Hex(stepId)}`;
}

/**
 * The folder of its own that a step with files works in, relative to the run's; undefined for all others, which share the
 * folder of their role. Steps that leave files under the same names must not find those of another one.
 */
export function ownFolder(stepId: string, route: Route): string | undefined {
  return route.kind === "subprocess" && route.files !== undefined
    ? `steps/${stepFileName(stepId)}`
    : undefined;
}
