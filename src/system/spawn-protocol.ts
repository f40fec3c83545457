/**
 * What the main thread and a spawn worker say to each other. Data only, small enough for structured clone to cost little.
 */
import type { ContainmentLevel } from "../policy/model.ts";
import type { ResourceLimits } from "./rlimits.ts";
import type { Profile } from "./sandbox.ts";

/** One child to be started. */
export interface SpawnOrder {
  /** Unique in this process, safe as part of a file name; also the child's `AKC_SPAWN_ID`. */
  readonly id: string;
  /** Absolute path of the file to execute. */
  readonly executable: string;
  /** At least one item; the first is only what the program sees as its name. */
  readonly argv: readonly string[];
  readonly workdir: string;
  /** All of the child's environment, TMPDIR apart. */
  readonly env: Readonly<Record<string, string>>;
  /** Closed when absent. */
  readonly stdin?: string;
  /** Absent at level `none`. */
  readonly limits?: ResourceLimits;
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  /** Of stdout and stderr together. */
  readonly outputBytesMax: number;
}

export type OutputStream = "stdout" | "stderr";

export type ToWorker =
  | { readonly kind: "confine"; readonly profile: Profile; readonly processId: number }
  | { readonly kind: "start"; readonly order: SpawnOrder }
  | { readonly kind: "stop"; readonly id: string }
  /** The main thread has dealt with this much output: more may come. */
  | { readonly kind: "taken"; readonly id: string; readonly bytes: number }
  | { readonly kind: "close" };

export type FromWorker =
  | { readonly kind: "confined"; readonly level: ContainmentLevel; readonly abi: number }
  | { readonly kind: "refused"; readonly why: string }
  | {
      readonly kind: "output";
      readonly id: string;
      readonly stream: OutputStream;
      readonly bytes: Uint8Array;
    }
  /** The child is dead, but somebody holds its pipes open. */
  | { readonly kind: "held"; readonly id: string }
  | { readonly kind: "ended"; readonly id: string; readonly end: ChildEnd };

/** Why it ended: by itself, or because we ended it. */
export type EndCause = "itself" | "timeout" | "stopped" | "output";

export type ChildEnd =
  | { readonly kind: "not-started"; readonly errno: string }
  | {
      readonly kind: "ran";
      /** null when a signal ended it. */
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly cause: EndCause;
      /** The last of the output, small enough to travel along. */
      readonly stdout: Uint8Array | null;
      readonly stderr: Uint8Array | null;
      readonly durationMs: number;
    };
