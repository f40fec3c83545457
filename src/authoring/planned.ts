/** A plan whose names are resolved and whose rules hold: what `emit/` writes down as a bundle. Data only. */
import type { Edge } from "./check/order.ts";
import type { Taken } from "./check/taken.ts";
import type { WrittenStep } from "./matrix.ts";
import type { PlanForm } from "./tables/plan.ts";

export interface PlannedStep extends WrittenStep {
  readonly role: string;
  /** Text for standard input, files already read. */
  readonly stdin?: string;
  /** Text of the request's body, where it comes from a file. */
  readonly bodyText?: string;
  readonly takes: readonly Taken[];
  /** That lead to it. */
  readonly edges: readonly Edge[];
}

export interface Planned {
  readonly form: PlanForm;
  /** In the order of the file. */
  readonly steps: readonly PlannedStep[];
  readonly provider: string | undefined;
  /** Of the provider's manifest. */
  readonly manifestSha256: string | undefined;
}
