/**
 * The artifacts that a run names, each once, and whether they are there, whole and unchanged. It holds names, never contents.
 */
import { AkcError } from "../errors.ts";
import type { RecordedFact } from "../kernel/recorded.ts";
import type { ActionRow, RunReader, RunRow } from "../store/contract.ts";
import { DigestColumn } from "./digest-column.ts";
import type { Divergence } from "./divergence.ts";

/** Who names it first. */
interface Named {
  readonly index: number;
  /** null when nothing tells how large it is. */
  readonly sizeBytes: number | null;
  readonly seq: number | null;
}

export class Artifacts {
  /** By the first 13 hex digits, which is a safe integer; those of like beginning share an entry's list. */
  readonly #named = new Map<number, Named[]>();
  readonly #digests = new DigestColumn();
  #count = 0;

  ofFact(fact: RecordedFact, seq: number): void {
    switch (fact.kind) {
      case "completed":
        for (const { sha256, sizeBytes } of fact.files ?? []) this.#add(sha256, sizeBytes, seq);
        if (fact.output !== null) this.#add(fact.output.sha256, fact.output.sizeBytes, seq);
        return;
      case "dead_lettered":
        if (fact.output !== null) this.#add(fact.output.sha256, fact.output.sizeBytes, seq);
        return;
      case "signal_received":
        this.#add(fact.payload.sha256, fact.payload.sizeBytes, seq);
        return;
      case "validation_observed":
      case "rollout_measured":
        for (const { sha256, sizeBytes } of fact.files) this.#add(sha256, sizeBytes, seq);
        return;
      case "validity_attested":
        if (fact.report !== null) this.#add(fact.report.sha256, fact.report.sizeBytes, seq);
        for (const { sha256, sizeBytes } of fact.inputs) this.#add(sha256, sizeBytes, seq);
        return;
    }
  }

  ofRow({ outputSha256, seq }: ActionRow): void {
    if (outputSha256 !== null) this.#add(outputSha256, null, seq);
  }

  ofRun({ factsSha256 }: RunRow): void {
    if (factsSha256 !== null) this.#add(factsSha256, null, null);
  }

  /** Reads every one of them. Answers how many there are. */
  async check(
    { artifacts }: Pick<RunReader, "artifacts">,
    report: (divergence: Divergence) => void,
  ): Promise<number> {
    for (const list of this.#named.values()) {
      for (const { index, sizeBytes, seq } of list) {
        const sha256 = this.#digests.get(index);
        const fault = await faultOf(artifacts, sha256, sizeBytes);
        if (fault === undefined) continue;
        report({ place: "artifact", event_seq: seq, event_type: null, name: sha256, ...fault });
      }
    }
    return this.#count;
  }

  #add(sha256: string, sizeBytes: number | null, seq: number | null): void {
    const key = Number.parseInt(sha256.slice(0, 13), 16);
    const list = this.#named.get(key);
    if (list?.some(({ index }) => this.#digests.get(index) === sha256) === true) return;
    const index = this.#count;
    this.#count += 1;
    this.#digests.set(index, sha256);
    const named = { index, sizeBytes, seq };
    if (list === undefined) this.#named.set(key, [named]);
    else list.push(named);
  }
}

async function faultOf(
  artifacts: RunReader["artifacts"],
  sha256: string,
  sizeBytes: number | null,
): Promise<{ readonly expected: string; readonly found: string } | undefined> {
  // Of no bytes: a step without output hands this on, and nobody ever stored it.
  if (sha256 === emptySha256) return undefined;
  try {
    const bytes = await artifacts.read(sha256);
    const told = await artifacts.sizeOf(sha256);
    const expected = sizeBytes ?? told;
    if (bytes.length === expected && told === expected) return undefined;
    return {
      expected: `${expected} bytes`,
      found: `${bytes.length === expected ? told : bytes.length} bytes`,
    };
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const actual = cause.details?.["actual"];
    const found = typeof actual === "string" ? `content of digest ${actual}` : cause.message;
    return { expected: `content of digest ${sha256}`, found };
  }
}

const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
