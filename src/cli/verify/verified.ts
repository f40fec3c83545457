/** What a verification came to, as it is told: data only, for both ways of telling it. */
import type { VerifyMode } from "../../validation/assurance/compare.ts";
import type { Coupling } from "../../validation/assurance/couple.ts";
import type { Emitted } from "../../validation/assurance/emitted.ts";
import type { Linked } from "../../validation/assurance/link.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { VerifyPlace } from "./place.ts";
import type { Target } from "./target.ts";

export interface Verified {
  readonly place: VerifyPlace;
  readonly mode: VerifyMode;
  /** Absent where there was no run to verify. */
  readonly target: Target | undefined;
  readonly coupling: Coupling | undefined;
  readonly emitted: Emitted;
  /** Absent where nothing was written. */
  readonly linked: Linked | undefined;
  /** Path of the context below the scope; absent where it was not written. */
  readonly context: string | undefined;
  readonly exit: ExitCode;
}
