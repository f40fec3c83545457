/**
 * Why there is nothing to measure, thrown wherever that is found out and made a verdict in one place. It never stands for a pass
 * or a failure.
 */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly verdict: "error" | "inconclusive";
  readonly reason: string;

  constructor(verdict: "error" | "inconclusive", reason: string, message: string) {
    super(message);
    this.verdict = verdict;
    this.reason = reason;
  }
}

/** What was asked or answered cannot be understood: asking again gives the same. */
export function malformed(message: string): Refused {
  return new Refused("error", "malformed", message);
}

export function denied(message: string): Refused {
  return new Refused("error", "denied", message);
}

/** Asking again may help. */
export function unreachable(message: string): Refused {
  return new Refused("error", "unreachable", message);
}

export function timedOut(message: string): Refused {
  return new Refused("error", "timeout", message);
}

/** What was answered is not all there is. */
export function limited(message: string): Refused {
  return new Refused("inconclusive", "limited", message);
}

export function ambiguous(message: string): Refused {
  return new Refused("inconclusive", "ambiguous", message);
}
