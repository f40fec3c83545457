/**
 * What a JUnit report says: how many test cases held, did not, or were not tried, counted case by case. Where a suite's own
 * numbers and its cases disagree, the worse of the two counts, or the report is none.
 *
 * Source: the JUnit format as Maestro writes it (`testsuites` > `testsuite` > `testcase` with `status`, and `failure`).
 */
import { bounded } from "./tools.ts";
import { readXml, XmlFault } from "./xml.ts";

export interface JunitReport {
  readonly passed: number;
  readonly failed: number;
  /** Left out, or begun and not ended. */
  readonly skipped: number;
  /** Of all cases together. */
  readonly seconds: number;
  /** What the first suite says it ran on. */
  readonly device?: string;
  /** The first ones. */
  readonly failures: readonly { readonly name: string; readonly message: string }[];
}

export type JunitReading =
  | { readonly kind: "read"; readonly report: JunitReport }
  | { readonly kind: "unreadable"; readonly why: string };

const failuresShownMax = 20;
const nameCharactersMax = 200;
const messageCharactersMax = 500;

/** Never throws. */
export function readJunit(bytes: Uint8Array): JunitReading {
  try {
    const fold = new Fold();
    readXml(bytes, fold);
    return { kind: "read", report: fold.report() };
  } catch (cause) {
    if (cause instanceof XmlFault) return { kind: "unreadable", why: cause.message };
    throw cause;
  }
}

interface Suite {
  /** As its attributes say; absent where they say nothing. */
  readonly tests?: number;
  readonly failed?: number;
  /** Before it was opened. */
  readonly casesBefore: number;
  readonly failedBefore: number;
}

interface Case {
  readonly name: string;
  readonly depth: number;
  state: "passed" | "failed" | "skipped";
  message: string;
}

/** Statuses of flows that went through (`FlowStatus` of Maestro); without any, a case without a failure has. */
const heldStatuses: readonly string[] = ["SUCCESS", "WARNING"];

class Fold {
  readonly #suites: Suite[] = [];
  readonly #failures: { name: string; message: string }[] = [];
  readonly #path: string[] = [];
  #case: Case | undefined;
  #cases = 0;
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  #seconds = 0;
  #device: string | undefined;

  open(name: string, attributes: ReadonlyMap<string, string>): void {
    if (this.#path.length === 0 && !isSuite(name)) throw new XmlFault(`<${name}> is not a report`);
    this.#path.push(name);
    if (this.#case !== undefined) this.#openInCase(name, attributes);
    else if (isSuite(name)) this.#openSuite(name, attributes);
    else if (name === "testcase") this.#openCase(attributes);
  }

  text(text: string): void {
    const found = this.#case;
    const isOfFailure = found !== undefined && found.state === "failed" && this.#path.length > found.depth;
    if (isOfFailure && found.message.length < messageCharactersMax) found.message += text;
  }

  close(name: string): void {
    this.#path.pop();
    if (this.#case !== undefined) {
      if (this.#path.length < this.#case.depth) this.#closeCase(this.#case);
    } else if (isSuite(name)) this.#closeSuite(name);
  }

  report(): JunitReport {
    return {
      passed: this.#passed,
      failed: this.#failed,
      skipped: this.#skipped,
      seconds: Math.round(this.#seconds * 1_000) / 1_000,
      ...(this.#device === undefined ? {} : { device: this.#device }),
      failures: this.#failures,
    };
  }

  #openSuite(name: string, attributes: ReadonlyMap<string, string>): void {
    const device = attributes.get("device");
    if (device !== undefined) this.#device ??= bounded(device, nameCharactersMax);
    const tests = countAt(attributes, "tests", name);
    const failures = countAt(attributes, "failures", name);
    const errors = countAt(attributes, "errors", name);
    this.#suites.push({
      ...(tests === undefined ? {} : { tests }),
      ...(failures === undefined && errors === undefined ? {} : { failed: (failures ?? 0) + (errors ?? 0) }),
      casesBefore: this.#cases,
      failedBefore: this.#failed,
    });
  }

  #closeSuite(name: string): void {
    const suite = this.#suites.pop();
    if (suite === undefined) return;
    const cases = this.#cases - suite.casesBefore;
    if (suite.tests !== undefined && suite.tests !== cases) {
      throw new XmlFault(`<${name}> says ${suite.tests} tests and holds ${cases}`);
    }
    const missing = (suite.failed ?? 0) - (this.#failed - suite.failedBefore);
    if (missing <= 0) return;
    if (missing > this.#passed) throw new XmlFault(`<${name}> says more failures than it holds tests`);
    this.#failed += missing;
    this.#passed -= missing;
  }

  #openCase(attributes: ReadonlyMap<string, string>): void {
    if (this.#suites.length === 0) throw new XmlFault("<testcase> stands outside of a suite");
    const status = attributes.get("status");
    this.#seconds += secondsAt(attributes);
    this.#case = {
      name: bounded(attributes.get("name") ?? attributes.get("id") ?? "", nameCharactersMax),
      depth: this.#path.length,
      state: stateOf(status),
      message: "",
    };
  }

  #openInCase(name: string, attributes: ReadonlyMap<string, string>): void {
    const found = this.#case;
    if (found === undefined || this.#path.length !== found.depth + 1) return;
    if (name === "failure" || name === "error") {
      found.state = "failed";
      found.message += attributes.get("message") ?? "";
    } else if (name === "skipped" && found.state === "passed") found.state = "skipped";
  }

  #closeCase({ name, state, message }: Case): void {
    this.#case = undefined;
    this.#cases += 1;
    switch (state) {
      case "passed":
        this.#passed += 1;
        return;
      case "skipped":
        this.#skipped += 1;
        return;
      case "failed":
        this.#failed += 1;
        if (this.#failures.length < failuresShownMax) {
          this.#failures.push({ name, message: bounded(message.trim(), messageCharactersMax) });
        }
    }
  }
}

function isSuite(name: string): boolean {
  return name === "testsuites" || name === "testsuite";
}

function stateOf(status: string | undefined): Case["state"] {
  if (status === undefined || heldStatuses.includes(status)) return "passed";
  return status === "ERROR" ? "failed" : "skipped";
}

function countAt(attributes: ReadonlyMap<string, string>, name: string, tag: string): number | undefined {
  const text = attributes.get(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new XmlFault(`${name} of <${tag}> is no number`);
  return Number(text);
}

/** Some writers group the digits; then it is not worth a guess. */
function secondsAt(attributes: ReadonlyMap<string, string>): number {
  const text = attributes.get("time") ?? "";
  return /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : 0;
}
