/**
 * Compiles a plan that a person wrote (`akc.yaml`) into a runtime bundle: the same text and files always give the same bytes.
 * It never reads a disk, a clock or the environment; whatever the plan refers to is handed in.
 */
import { AkcError } from "../errors.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { limits } from "../limits.ts";
import { filesOfStep } from "./check/files.ts";
import { checkPlan } from "./check/plan.ts";
import { plannedSizeOf } from "./check/size.ts";
import { documentOf } from "./emit/document.ts";
import { Faults } from "./form/faults.ts";
import { judged } from "./judge.ts";
import { writtenOut } from "./matrix.ts";
import type { Compiled, NamedFile, PlacedIssue } from "./model.ts";
import { inOrder, type PlanReading, readPlan, type TextReading } from "./read.ts";
import { isConfined } from "./tables/words.ts";

/** A plan's text and where it stands, which only errors show. */
export interface PlanSource {
  readonly text: string;
  readonly path: string;
}

/** The text of a plan, read once for all that is asked of it. */
export interface OpenPlan {
  readonly source: PlanSource;
  /** Why the text cannot be read at all; empty where it can, whatever else is wrong with it. */
  readonly unreadable: readonly PlacedIssue[];
  /**
   * Paths of the files that the plan refers to, relative to its own folder and below it, each once, sorted. What is faulty is
   * left to `compiled`: a text that cannot be read names none.
   */
  readonly filesNamed: readonly string[];
  /**
   * What counts: values and the order of `steps`, of the members of a `matrix`, and of lists. Comments, blanks, quoting and the
   * order of all other keys never change a byte. To be called once: what it finds is kept with what reading found.
   * @param files the text of each file of `filesNamed`; one that is not there is left out
   * @throws AkcError PLAN_INVALID with every fault as a `PlacedIssue`, in the order of the text
   */
  compiled(files: readonly NamedFile[]): Compiled;
}

/** Never throws: what is wrong with a text is said by `compiled`. */
export function openPlan(source: PlanSource): OpenPlan {
  const read = readPlan(source.text);
  return {
    source,
    unreadable: read.kind === "read" ? [] : read.issues,
    filesNamed: read.kind === "read" ? filesNamedBy(read.reading) : [],
    compiled: (files) => compiledOf(source, read, files),
  };
}

/** A plan and its files at once. @throws AkcError as `OpenPlan.compiled` */
export function compilePlan(source: PlanSource, files: readonly NamedFile[]): Compiled {
  return openPlan(source).compiled(files);
}

/** As `OpenPlan.filesNamed`. */
export function filesNamedIn(text: string): readonly string[] {
  return openPlan({ text, path: "" }).filesNamed;
}

function compiledOf(source: PlanSource, read: TextReading, files: readonly NamedFile[]): Compiled {
  if (read.kind === "unreadable") throw invalid(source, read.issues);
  const { reading } = read;
  const planned = checkPlan(reading, files);
  if (planned === undefined || reading.faults.found.length > 0)
    throw invalid(source, reading.faults.found.map(reading.placed));
  if (plannedSizeOf(planned) > limits.planWrittenCharsMax) {
    const message = `written out, the plan has more than ${limits.planWrittenCharsMax} characters`;
    throw invalid(source, [reading.placed({ path: [], rule: "too-large", message, at: "value" })]);
  }
  const bundle = documentOf(planned);
  const refused = judged(bundle, planned);
  if (refused.length > 0) throw invalid(source, refused.map(reading.placed));
  return {
    bundle,
    sha256: fingerprint(bundle),
    warnings: inOrder(reading.faults.warnings.map(reading.placed)),
    writtenAs: new Map(planned.steps.map(({ id, writtenAs }) => [id, writtenAs])),
    lineOf: reading.lineOf,
  };
}

function filesNamedBy({ plan }: PlanReading): readonly string[] {
  if (plan === undefined) return [];
  // Only these are written out: most plans name no file, and a matrix may be large.
  const naming = [...(plan.steps ?? [])].filter(([, { run, http }]) => {
    return typeof run?.stdin === "object" || http?.body_file !== undefined;
  });
  const { steps } = writtenOut(new Map(naming), new Faults());
  const manifest = plan.provider?.manifest;
  const named = steps.flatMap((step) => {
    const { stdin, body } = filesOfStep(step);
    return [...stdin, ...body].map(({ file }) => file);
  });
  return [...new Set([...named, ...(manifest === undefined ? [] : [manifest])])].filter(isConfined).sort();
}

function invalid({ path }: PlanSource, issues: readonly PlacedIssue[]): AkcError {
  const ordered = inOrder(issues);
  const [first] = ordered;
  const where = first === undefined ? "" : `, first at line ${first.line}, column ${first.column}`;
  return new AkcError("PLAN_INVALID", {
    message: `the plan is not valid${where}`,
    details: { path, issueCount: ordered.length },
    issues: ordered.slice(0, limits.issuesShownMax),
  });
}
