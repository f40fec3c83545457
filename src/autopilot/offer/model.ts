/**
 * What the compiler says of what it offers, in its manifest and in the promotion packet. Types only; nothing here reads either.
 */

/** The time compression numbers of a compile manifest, where it has them (spec cli §12.5). Milliseconds; the factor is a ratio. */
export interface TimeMetrics {
  readonly intentToHealthyRuntimeMs: number | null;
  readonly compileToHealthyRuntimeMs: number | null;
  readonly compressionFactorVsBaseline: number | null;
  readonly intentToStagingMs: number | null;
  readonly intentToProdMs: number | null;
  readonly stagingToProdMs: number | null;
  readonly approvalWaitMs: number | null;
  readonly manualTouchCount: number | null;
}

/** Of the promotion packet's attestation (spec bundle §10.5); all null without one. */
export interface CompileApply {
  readonly realizationMode: string | null;
  readonly applied: boolean | null;
  readonly policyAllowed: boolean | null;
  readonly denialReason: string | null;
}
