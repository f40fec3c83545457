/** What a recompile hook is asked, and what it may answer. */
import type { ScopeConfig } from "../config/model.ts";
import type { Deployed, Offer, Trigger } from "../model.ts";

export interface RecompileRequest {
  readonly scope: ScopeConfig;
  readonly attemptId: string;
  readonly triggers: readonly Trigger[];
  readonly deployed?: Deployed | undefined;
}

export type RecompileAnswer =
  | { readonly result: "offered"; readonly offer: Offer }
  | { readonly result: "unchanged" | "refused"; readonly message: string }
  | { readonly result: "failed"; readonly code: string; readonly message: string };

export interface Recompiler {
  /** Never throws for what the hook does; @throws the signal's reason when it aborts. */
  recompile(request: RecompileRequest, signal: AbortSignal): Promise<RecompileAnswer>;
  close(): Promise<void>;
}
