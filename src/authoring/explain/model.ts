/** A bundle in plain sentences, each with what it is about. Data only. */

export interface Sentence {
  readonly text: string;
  /** The step, role, service or check that it speaks of. */
  readonly about?: string;
  /** Where an author wrote it, from 1; absent for a bundle that no plan was read for. */
  readonly line?: number;
  /** Something would be refused. */
  readonly denied?: true;
}

export interface ExplainedPart {
  /** A stable word for programs. */
  readonly part: "does" | "roles" | "may" | "denied" | "stands" | "judged" | "limits" | "touches" | "step";
  readonly title: string;
  readonly sentences: readonly Sentence[];
}

/** Line of the file for a path of keys: `["steps", "build"]`. Undefined where nobody wrote it. */
export type LineOf = (path: readonly string[]) => number | undefined;
