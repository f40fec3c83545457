/**
 * The answer about one operation on a device, for a phone and a simulator alike: the documented keys of a device capture, the
 * captured file, and the verdict. Runs nothing.
 *
 * Source: spec reconcile §6.5.
 */
import type { Attached, JsonMap, RunEnd, Verdict } from "akc/sdk";
import { isMovie, pngStart, readPng } from "./media.ts";
import { erred, inconclusive, type Judged, type Made, passed } from "./tools.ts";

export interface Operation {
  readonly platform: "android" | "ios";
  readonly operation: string;
  /** null: whichever there is. */
  readonly deviceId: string | null;
  readonly journeyId?: string;
}

export interface Outcome {
  readonly judged: Judged;
  /** Exit code, bounded words, and what is particular to the operation. */
  readonly metadata: JsonMap;
  readonly file?: Attached;
}

export function captureVerdict(
  { platform, operation, deviceId, journeyId }: Operation,
  outcome: Outcome,
): Verdict {
  const { judged, metadata, file } = outcome;
  const named = journeyId === undefined ? {} : { journey_id: journeyId };
  return {
    ...judged,
    observed: {
      platform,
      operation,
      device_id: deviceId,
      ...named,
      artifact: file?.name ?? null,
      metadata: {
        operation,
        device_id: deviceId,
        ...named,
        ...metadata,
        ...(judged.verdict === "error" ? { error: judged.message ?? judged.reason ?? "" } : {}),
      },
    },
    evidence: {
      tool: platform === "android" ? "adb" : "simctl",
      ...(file === undefined ? {} : { artifact_bytes: file.bytes.length }),
    },
    attachments: file === undefined ? [] : [file],
  };
}

export interface Captured {
  readonly judged: Judged;
  readonly metadata: JsonMap;
  readonly file?: Attached;
}

/** @param truncated whether there was more of it */
export function pictureOf(bytes: Uint8Array, artifactName: string, truncated: boolean): Captured {
  const none = (judged: Judged): Captured => ({ judged, metadata: {} });
  if (truncated) return none(inconclusive("limited", "the picture is larger than what is kept"));
  const start = pngStart(bytes);
  const picture = start === undefined ? undefined : readPng(bytes.subarray(start));
  if (start === undefined || picture === undefined) {
    return none(erred("malformed", "what was captured is no PNG picture, or not the whole of one"));
  }
  const { width, height, endsAt } = picture;
  // The very bytes where they are nothing but the picture: akc knows them by their digest.
  const exact = start === 0 && endsAt === bytes.length ? bytes : bytes.slice(start, start + endsAt);
  const metadata = { width, height, ...(start === 0 ? {} : { displays: "several" }) };
  return {
    judged: passed,
    metadata,
    file: { name: `${artifactName}.png`, mediaType: "image/png", bytes: exact },
  };
}

export function movieOf(made: Made, artifactName: string): Captured {
  switch (made.kind) {
    case "absent":
      return { judged: erred("malformed", "there is no recording"), metadata: {} };
    case "too_large":
      return { judged: inconclusive("limited", "the recording is larger than what is kept"), metadata: {} };
    case "read": {
      const { bytes } = made;
      if (!isMovie(bytes)) {
        const why = bytes.length === 0 ? "the recording is empty" : "the recording is no whole film";
        return { judged: erred("malformed", why), metadata: {} };
      }
      const file = { name: `${artifactName}.mp4`, mediaType: "video/mp4", bytes };
      return { judged: passed, metadata: {}, file };
    }
  }
}

/** `pass` where there is nothing against it: the first of what speaks against it otherwise. */
export function firstAgainst(...judged: readonly (Judged | undefined)[]): Judged {
  return judged.find((one) => one !== undefined && one.verdict !== "pass") ?? passed;
}

export type ReadEnd = (end: RunEnd) => Judged;
