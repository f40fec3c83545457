/** What the checks are given: where to look and what to ask with. Types only; who calls says where everything comes from. */
import type { Discovery } from "../plugin-host/discover.ts";
import type { OperatorPolicy } from "../policy/model.ts";
import type { Clock } from "../system/clock.ts";
import type { Finding } from "./model.ts";

export interface Host {
  /** Absolute. */
  readonly outputsRoot: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Variables of ours that some command reads. */
  readonly knownVariables: readonly string[];
  /** The file that runs; undefined where akc runs from its source. */
  readonly executable: string | undefined;
  readonly policy: {
    /** Absolute. */
    readonly path: string;
    /** Whether somebody named it: then it must be there. */
    readonly named: boolean;
    /** @throws AkcError when it cannot be read or is not valid */
    read(): Promise<OperatorPolicy | undefined>;
  };
  /** @throws AkcError */
  plugins(): Promise<Discovery>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** One check. What it throws becomes a finding of its own. */
export type Check = (host: Host) => Promise<readonly Finding[]>;
