/**
 * The files beside the evidence that a judgement reads and that others may change afterwards: sidecars that all runs of a compile run
 * share, and windows. What was read is kept with the run; whoever checks the judgement reads that, and never what stands there by then.
 *
 * Source: spec reconcile §7.6; reconcile:W-10b.
 */

import { member, objectsAt, textAt } from "../bundle/member.ts";
import { AkcError } from "../errors.ts";
import { evidencePaths } from "../evidence/layout.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { isJsonArray, type JsonObject } from "../json/value.ts";
import { readFileBounded, resolveConfined } from "../system/files.ts";

/** One that was read, as a report tells it. */
export interface JudgedInput {
  /** The file that it was taken from, below the scope. */
  readonly of: string;
  /** What is kept of it, below the scope: in the run's own folder. */
  readonly path: string;
  /** Of the bytes that are kept. */
  readonly sha256: string;
  /** Whether it is the whole file; else it is what akc itself did not write there. */
  readonly whole: boolean;
}

export interface KeptInput extends JudgedInput {
  readonly bytes: Uint8Array;
}

/** Where what is kept of them lies, below the scope. */
export function inputsFolder(runId: string, runtimeRunId: string): string {
  return `${evidencePaths("", { runId, runtimeRunId }).folder}/validity_inputs`;
}

/** Reads for a judgement, and keeps what was read. */
export class JudgedFiles {
  readonly #scopeRoot: string;
  readonly #folder: string;
  readonly #judged: readonly JudgedInput[] | undefined;
  readonly #kept = new Map<string, KeptInput>();

  /**
   * @param scopeRoot absolute, links resolved
   * @param folder {@link inputsFolder} of the run
   * @param judged what the judgement that is checked was made by; undefined where the run is judged now
   */
  constructor(scopeRoot: string, folder: string, judged?: readonly JudgedInput[]) {
    this.#scopeRoot = scopeRoot;
    this.#folder = folder;
    this.#judged = judged;
  }

  /** Whether an earlier judgement is checked. */
  get isCheck(): boolean {
    return this.#judged !== undefined;
  }

  /** In order of their paths. */
  get kept(): readonly KeptInput[] {
    return [...this.#kept.values()].toSorted((left, right) => (left.of < right.of ? -1 : 1));
  }

  /** What the judgement that is checked was made by; undefined where it read no such file. */
  judged(of: string): JudgedInput | undefined {
    return this.#judged?.find((input) => input.of === of);
  }

  /** As it was judged; as it is now where that is done now. @throws AkcError FILE_NOT_FOUND, REPLAY_TAMPERED, PATH_UNSAFE, … */
  async read(of: string, bytesMax: number): Promise<Uint8Array> {
    if (this.#judged === undefined) return this.readNow(of, bytesMax);
    const input = this.judged(of);
    if (input === undefined) throw new AkcError("FILE_NOT_FOUND", { message: `${of} was not there` });
    if (!input.path.startsWith(`${this.#folder}/`)) {
      throw new AkcError("PATH_UNSAFE", { message: `${input.path} is not in the folder of the run` });
    }
    const bytes = await this.readNow(input.path, bytesMax);
    if (sha256Hex(bytes) === input.sha256) return bytes;
    throw new AkcError("REPLAY_TAMPERED", { message: `${input.path} is not what the run was judged by` });
  }

  /** @throws AkcError FILE_NOT_FOUND, PATH_UNSAFE, FILE_UNREADABLE, JSON_TOO_LARGE */
  async readNow(path: string, bytesMax: number): Promise<Uint8Array> {
    const place = await resolveConfined(this.#scopeRoot, path).catch((cause: unknown) => {
      // Without the scope's own folder nothing is below it.
      throw cause instanceof AkcError ? cause : new AkcError("FILE_NOT_FOUND", { cause, details: { path } });
    });
    return readFileBounded(place, bytesMax);
  }

  /** Where the run is judged now; else it does nothing. */
  keep(of: string, bytes: Uint8Array, whole: boolean): void {
    if (this.isCheck) return;
    const sha256 = sha256Hex(bytes);
    const name = (of.split("/").at(-1) ?? "").replaceAll(/[^A-Za-z0-9_.-]/g, "_").slice(-80);
    const path = `${this.#folder}/${sha256.slice(0, 8)}-${name}`;
    this.#kept.set(of, { of, path, sha256, whole, bytes });
  }
}

/** As a report tells them. */
export function judgedInputsJson(inputs: readonly JudgedInput[]): readonly JsonObject[] {
  return inputs.map(({ of, path, sha256, whole }) => ({ of, path, sha256, whole }));
}

/** Undefined in a report that does not tell them. */
export function judgedInputsOf(report: JsonObject | undefined): readonly JudgedInput[] | undefined {
  if (report === undefined || !isJsonArray(member(report, "judged_inputs"))) return undefined;
  return objectsAt(report, "judged_inputs").map((input) => ({
    of: textAt(input, "of") ?? "",
    path: textAt(input, "path") ?? "",
    sha256: textAt(input, "sha256") ?? "",
    whole: member(input, "whole") !== false,
  }));
}
