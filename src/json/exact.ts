/**
 * The authority on what a JSON text means: reads it token by token and says exactly where it is wrong.
 * It is thorough and therefore slow; `read.ts` asks it only when the engine's own parser would lose something.
 *
 * Source: RFC 8259; spec bundle §1.3 (numbers, duplicate keys, surrogates).
 */
import { AkcError, type ErrorCode } from "../errors.ts";
import { limits } from "../limits.ts";
import { type MutableJsonObject, setMember } from "./member.ts";
import { floatValue, integerValue } from "./number.ts";
import { positionAt } from "./position.ts";
import type { JsonValue } from "./value.ts";

/** @throws AkcError JSON_SYNTAX, JSON_DUPLICATE_KEY, JSON_LONE_SURROGATE, JSON_NOT_FINITE, JSON_TOO_DEEP or JSON_TOO_LARGE, with line and column. */
export function parseExactly(text: string, depthMax: number): JsonValue {
  const reader = new ExactReader(text, depthMax);
  return reader.document();
}

const quote = 0x22;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const backslash = 0x5c;

const literals: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ["true", true],
  ["false", false],
  ["null", null],
]);
const notFinite: ReadonlySet<string> = new Set(["NaN", "Infinity", "-Infinity"]);

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/** A cursor over one text; it is used once. */
class ExactReader {
  private at = 0;
  private depth = 0;
  private readonly text: string;
  private readonly depthMax: number;

  constructor(text: string, depthMax: number) {
    this.text = text;
    this.depthMax = depthMax;
  }

  document(): JsonValue {
    this.skipBlanks();
    const value = this.value();
    this.skipBlanks();
    if (this.at < this.text.length) this.unexpected("the end of the text");
    return value;
  }

  private value(): JsonValue {
    const unit = this.text.charCodeAt(this.at);
    if (unit === quote) return this.string();
    if (unit === minus || (unit >= zero && unit <= nine)) return this.number();
    if (unit === 0x7b) return this.nested(() => this.object());
    if (unit === 0x5b) return this.nested(() => this.array());
    return this.word();
  }

  private nested(read: () => JsonValue): JsonValue {
    this.depth += 1;
    if (this.depth > this.depthMax) {
      this.fail("JSON_TOO_DEEP", this.at, undefined, { limit: this.depthMax });
    }
    this.at += 1;
    const value = read();
    this.depth -= 1;
    return value;
  }

  private object(): JsonValue {
    const members: MutableJsonObject = {};
    this.skipBlanks();
    if (this.accept("}")) return members;
    for (;;) {
      const keyAt = this.at;
      if (this.text.charCodeAt(keyAt) !== quote) this.unexpected("a key in double quotes");
      const key = this.string();
      if (Object.hasOwn(members, key)) this.fail("JSON_DUPLICATE_KEY", keyAt, undefined, { key });
      this.skipBlanks();
      if (!this.accept(":")) this.unexpected("':'");
      this.skipBlanks();
      setMember(members, key, this.value());
      this.skipBlanks();
      if (this.accept("}")) return members;
      if (!this.accept(",")) this.unexpected("',' or '}'");
      this.skipBlanks();
    }
  }

  private array(): JsonValue {
    const items: JsonValue[] = [];
    this.skipBlanks();
    if (this.accept("]")) return items;
    for (;;) {
      items.push(this.value());
      this.skipBlanks();
      if (this.accept("]")) return items;
      if (!this.accept(",")) this.unexpected("',' or ']'");
      this.skipBlanks();
    }
  }

  private string(): string {
    const text = this.text;
    const start = this.at;
    let decoded = "";
    let runStart = start + 1;
    let at = runStart;
    for (;;) {
      const unit = text.charCodeAt(at);
      if (unit === quote) break;
      if (unit === backslash) {
        decoded += text.slice(runStart, at);
        this.at = at;
        decoded += this.escape();
        at = this.at;
        runStart = at;
      } else if (unit < 0x20) {
        this.fail("JSON_SYNTAX", at, "a string holds a control character that is not escaped");
      } else if (Number.isNaN(unit)) {
        this.fail("JSON_SYNTAX", start, "a string is not closed");
      } else {
        at += 1;
      }
    }
    decoded += text.slice(runStart, at);
    this.at = at + 1;
    // Looked at whole: a pair may be written half as itself and half as an escape.
    if (!decoded.isWellFormed()) this.fail("JSON_LONE_SURROGATE", this.loneSurrogateAt(start));
    return decoded;
  }

  /** The cursor is at a backslash; leaves it behind the escape. */
  private escape(): string {
    const letter = this.text.charAt(this.at + 1);
    if (letter !== "u") {
      const decoded = shortEscapes.get(letter);
      if (decoded === undefined) this.fail("JSON_SYNTAX", this.at, "a string holds an unknown escape");
      this.at += 2;
      return decoded;
    }
    const digits = this.text.slice(this.at + 2, this.at + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
      this.fail("JSON_SYNTAX", this.at, "\\u needs four hexadecimal digits");
    }
    this.at += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  /** Where the first half pair of the (otherwise valid) string that opens at `start` is written. */
  private loneSurrogateAt(start: number): number {
    let highAt = -1;
    this.at = start + 1;
    for (;;) {
      const unitAt = this.at;
      let unit = this.text.charCodeAt(unitAt);
      if (unit === quote) return highAt;
      if (unit === backslash) unit = this.escape().charCodeAt(0);
      else this.at += 1;
      const high = unit >= 0xd800 && unit <= 0xdbff;
      const low = unit >= 0xdc00 && unit <= 0xdfff;
      if (low && highAt === -1) return unitAt;
      if (!low && highAt !== -1) return highAt;
      highAt = high ? unitAt : -1;
    }
  }

  private number(): JsonValue {
    const token = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
    token.lastIndex = this.at;
    const match = token.exec(this.text);
    if (match === null) return this.word();
    const [written, fraction, exponent] = match;
    const start = this.at;
    this.at += written.length;
    const value =
      fraction === undefined && exponent === undefined ? integerValue(written) : floatValue(written);
    if (value === "too-long") {
      this.fail("JSON_TOO_LARGE", start, "an integer has too many digits", {
        digits: written.length,
        limit: limits.jsonIntegerCharsMax,
      });
    }
    if (value === "not-finite") this.fail("JSON_NOT_FINITE", start, undefined, { token: written });
    return value;
  }

  private word(): JsonValue {
    const word = /-?[A-Za-z]*/y;
    word.lastIndex = this.at;
    const written = word.exec(this.text)?.[0] ?? "";
    const value = literals.get(written);
    if (value === undefined) {
      if (notFinite.has(written)) this.fail("JSON_NOT_FINITE", this.at, undefined, { token: written });
      this.unexpected("a value");
    }
    this.at += written.length;
    return value;
  }

  private skipBlanks(): void {
    for (;;) {
      const unit = this.text.charCodeAt(this.at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.at += 1;
    }
  }

  private accept(mark: string): boolean {
    if (this.text.charAt(this.at) !== mark) return false;
    this.at += 1;
    return true;
  }

  private unexpected(expected: string): never {
    const point = this.text.codePointAt(this.at);
    const found = point === undefined ? "the end of the text" : JSON.stringify(String.fromCodePoint(point));
    this.fail("JSON_SYNTAX", this.at, `expected ${expected}, found ${found}`);
  }

  private fail(code: ErrorCode, offset: number, what?: string, details: Record<string, unknown> = {}): never {
    const message =
      what === undefined ? {} : { message: code === "JSON_SYNTAX" ? `the text is not JSON: ${what}` : what };
    throw new AkcError(code, { ...message, details: { ...positionAt(this.text, offset), ...details } });
  }
}
