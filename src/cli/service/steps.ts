/**
 * Changes of the host, one after the other, each with the way back: all of them are made, or none stays.
 * Knows nothing of what a step does.
 */
import { AkcError } from "../../errors.ts";

export interface Step {
  /** As it is printed once it is done: `/etc/x written`. */
  readonly says: string;
  make(): Promise<void>;
  /** Called only when a step after this one failed, or this one itself, in part. */
  takeBack(): Promise<void>;
}

/** @throws what the failing step threw, with what was and was not taken back in its details */
export async function makeAll(steps: readonly Step[]): Promise<void> {
  const begun: Step[] = [];
  for (const step of steps) {
    begun.push(step);
    try {
      await step.make();
    } catch (cause) {
      const notTakenBack: string[] = [];
      for (const made of begun.reverse())
        await made.takeBack().catch((fault: unknown) => {
          notTakenBack.push(`${made.says}: ${fault instanceof Error ? fault.message : String(fault)}`);
        });
      if (!(cause instanceof AkcError)) throw cause;
      throw new AkcError(cause.code, {
        message: cause.message,
        hint: cause.hint,
        cause,
        details: {
          ...cause.details,
          failed_at: step.says,
          ...(notTakenBack.length === 0 ? {} : { not_taken_back: notTakenBack }),
        },
      });
    }
  }
}
