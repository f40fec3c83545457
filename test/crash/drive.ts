/**
 * Runs a scenario to its end over any number of deaths, and judges what came of it. A death is given by what is to happen
 * to each process that works on the run; the last one is left in peace.
 */
import { expect } from "bun:test";
import type { Scenario } from "./bundles.ts";
import type { Counter } from "./counter.ts";
import { faultsOf, leftovers, type Undisturbed, undisturbed } from "./judge.ts";
import { attemptFolders, type Live, type Picture, type Ran, type Stage, setStage } from "./stage.ts";

/** What happens to one process. Resolves when it is dead, or has ended before it could be killed. */
export type Death = (live: (failpoint?: string) => Live, stage: Stage) => Promise<Ran>;

export interface Story {
  /** For people, and to have it again. */
  readonly name: string;
  readonly scenario: Scenario;
  readonly reference: Undisturbed;
  readonly deaths: readonly Death[];
  /** Whether a run that exists is gone on with by `start` with its id instead of `resume`. */
  readonly byStart?: boolean;
  /** What lies in the scope before the first process. */
  prepare?(stage: Stage): Promise<void> | void;
  /** Which ends are to be gone on after; being killed, unless it says otherwise. */
  isDeath?(ran: Ran): boolean;
  /** Where it lies, instead of a new folder. */
  readonly place?: string;
  /** Called when the death of this number, from 0, really came. */
  onDeath?(nth: number): void;
}

export interface Told {
  /** Processes that really died of it. */
  readonly deaths: number;
  /** Runs that somebody went on with. */
  readonly recoveries: number;
}

/** Dies at the place; a place that is not reached lets it end. */
export function diesAt(failpoint: string): Death {
  return (live) => live(failpoint).ended;
}

/** SIGKILL after so many milliseconds, to it alone or to everything that belongs to the run. */
export function diesAfter(ms: number, what: "alone" | "with its children"): Death {
  return async (live, stage) => {
    const one = live();
    const waited = await Promise.race([Bun.sleep(ms).then(() => "due" as const), one.ended]);
    if (waited === "due") {
      one.kill("SIGKILL");
      if (what === "with its children") stage.killAll();
    }
    return one.ended;
  };
}

/** @throws Error with everything that does not hold; the place is kept then, and named */
export async function tell(story: Story, counter: Counter): Promise<Told> {
  const { scenario, place, isDeath = wasKilled } = story;
  const stage = await setStage({ scenario, counter, ...(place === undefined ? {} : { place }) });
  const faults: string[] = [];
  let deaths = 0;
  let recoveries = 0;
  try {
    await story.prepare?.(stage);
    const before: Picture[] = [];
    let last: Ran | undefined;
    for (const death of [...story.deaths, inPeace]) {
      const known = before.at(-1);
      if (known !== undefined && isWhole(known)) break;
      const goesOn = known !== undefined;
      const ran = await withSignals(
        stage,
        (failpoint) => {
          const orders = failpoint === undefined ? {} : { failpoint };
          return goesOn && story.byStart !== true ? stage.resume(orders) : stage.start(orders);
        },
        death,
      );
      if (goesOn) recoveries += 1;
      last = ran;
      if (!isDeath(ran)) break;
      story.onDeath?.(deaths);
      deaths += 1;
      const picture = await stage.picture();
      if (picture !== null) before.push(picture);
    }
    const after = await stage.picture();
    if (after === null || last === undefined) throw new Error("the run does not exist");
    // It died with everything done and sealed: nobody is left to say the exit code.
    const judged = wasKilled(last) ? { ...last, code: story.reference.code } : last;
    if (judged.stderr.includes("\n    at ")) faults.push(`a stack was shown: ${judged.stderr}`);
    faults.push(...faultsOf(before, after, story.reference, judged));
    if (faults.length > 0) faults.push(`the last process said: ${last.stdout}\n${last.stderr}`);
    faults.push(...(await leftovers(stage)));
    // Where all was done when the last one died, nobody comes who could clear them away.
    if (!wasKilled(last)) faults.push(...attemptFolders(stage.base).map((name) => `left behind: ${name}`));
  } catch (cause) {
    faults.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  if (faults.length === 0) stage.strike();
  else {
    stage.killAll();
    throw new Error(`${story.name} (kept in ${stage.base}):\n  ${faults.join("\n  ")}`);
  }
  return { deaths, recoveries };
}

const inPeace: Death = (live) => live().ended;

/** Whether nothing is left to do in the run. */
function isWhole({ row, events }: Picture): boolean {
  const broken = events.at(-1)?.type === "runtime.kernel.failed";
  return row.outcome !== null && row.evidenceSeq === row.lastSeq && !broken;
}

/** By SIGKILL, or by `exit` at a failpoint. */
export function wasKilled({ code }: Ran): boolean {
  return code === 137 || code === 86;
}

async function withSignals(stage: Stage, live: (failpoint?: string) => Live, death: Death): Promise<Ran> {
  let over = false;
  let sending: Promise<void> | undefined;
  const ran = await death((failpoint) => {
    const one = live(failpoint);
    sending = stage.sendSignals(() => over);
    return one;
  }, stage);
  over = true;
  await sending;
  return ran;
}

/** The scenario as nobody disturbs it. `log` writes down which failpoints it reaches. */
export async function referenceOf(scenario: Scenario, counter: Counter, log?: string): Promise<Undisturbed> {
  const stage = await setStage({ scenario, counter });
  const startedAt = performance.now();
  const ran = await withSignals(stage, () => stage.start(log === undefined ? {} : { log }), inPeace);
  const durationMs = performance.now() - startedAt;
  const picture = await stage.picture();
  if (picture === null) throw new Error(`${scenario.name}: no run: ${ran.stderr}`);
  const reference = undisturbed(picture, ran, durationMs);
  expect(faultsOf([], picture, reference, ran)).toEqual([]);
  expect(await leftovers(stage)).toEqual([]);
  stage.strike();
  return reference;
}

/** All at once, a few at a time; the rest is still told when one fails. @throws Error naming every one that failed */
export async function tellAll(
  stories: readonly Story[],
  counter: Counter,
  { atOnce, reproduce }: { readonly atOnce: number; reproduce(story: Story): string },
): Promise<Told> {
  const open = [...stories];
  const failures: string[] = [];
  const told = { deaths: 0, recoveries: 0 };
  const worker = async () => {
    for (let story = open.shift(); story !== undefined; story = open.shift()) {
      try {
        const { deaths, recoveries } = await tell(story, counter);
        told.deaths += deaths;
        told.recoveries += recoveries;
      } catch (cause) {
        failures.push(`${cause instanceof Error ? cause.message : cause}\n  again: ${reproduce(story)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) {
    throw new Error(`${failures.length} of ${stories.length} failed:\n${failures.join("\n")}`);
  }
  return told;
}
