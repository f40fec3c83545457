/**
 * Lets the faults of a run happen to a process: at the points where it comes back from waiting, and at its commits.
 */
import { AkcError } from "../../src/errors.ts";
import type { Fault } from "./faults.ts";
import type { Life } from "./life.ts";
import type { DiskFaults } from "./process.ts";

/** @param onPause called when a process stands still from here on */
export function atPoint(faults: readonly Fault[], life: Life, onPause: () => void): void {
  for (const fault of faults) {
    if (!("point" in fault) || fault.life !== life.number || fault.point !== life.points) continue;
    if (fault.kind === "crash") {
      life.kill();
    } else {
      life.pause(fault.forMs);
      onPause();
    }
  }
}

export function diskFaults(faults: readonly Fault[]): DiskFaults {
  const at = (life: Life, commit: number) =>
    faults.filter((fault) => "commit" in fault && fault.life === life.number && fault.commit === commit);
  return {
    before(life, commit) {
      let delayMs = 0;
      for (const fault of at(life, commit)) {
        if (fault.kind === "crash at commit" && !fault.durable) life.kill();
        if (fault.kind === "slow disk") delayMs += fault.forMs;
        if (fault.kind === "disk" && !fault.durable) return { delayMs, refuse: new AkcError(fault.code) };
      }
      return { delayMs };
    },
    after(life, commit) {
      for (const fault of at(life, commit)) {
        if (fault.kind === "crash at commit" && fault.durable) life.kill();
        if (fault.kind === "disk" && fault.durable) return { refuse: new AkcError(fault.code) };
      }
      return {};
    },
  };
}
