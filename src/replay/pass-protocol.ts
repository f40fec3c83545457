/**
 * What is said between a check and the thread that makes passes for it. Data only.
 */
import type { ChainOrder, ChainPass, DecisionPass } from "./passes.ts";

/** A run in a scope's store, as a thread of its own can open it. */
export interface StoredRun {
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  readonly runtimeRunId: string;
}

export type ToPasses = StoredRun &
  (
    | { readonly kind: "chain"; readonly order: ChainOrder }
    | { readonly kind: "decisions"; readonly covered: number }
  );

/** `undefined` where the pass could not be made. */
export type FromPasses =
  | { readonly kind: "chain"; readonly pass: ChainPass | undefined }
  | { readonly kind: "decisions"; readonly pass: DecisionPass | undefined };
