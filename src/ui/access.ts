/**
 * Who may look: a link that opens once, the cookie that it is exchanged for, and the word that a form must bring back. Secrets are kept
 * as hashes and compared in constant time; it never writes one anywhere but where it is handed out.
 *
 * Source: RFC 6265bis (cookies), https://cheatsheetseries.owasp.org (CSRF prevention).
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { limits } from "../limits.ts";

const cookieName = "akc_ui";

export interface Access {
  /** Path below which everything is, `/` at both ends. Cookies know no ports: with it the cookie is not sent to another server of this host. */
  readonly base: string;
  /** The token of the link that opens once; a new one after it was used. */
  token(): string;
  /** What to set as the cookie where the token opens; undefined where it does not. */
  open(token: string): string | undefined;
  isIn(cookies: string | null): boolean;
  /** What a form of ours carries. */
  readonly formWord: string;
  isFormWord(given: string): boolean;
}

/** @param onOpened told when the link was used: there is another then */
export function createAccess(onOpened: () => void): Access {
  const base = `/${secret(9)}/`;
  const formWord = secret(32);
  let token = secret(32);
  const cookiesGiven: Uint8Array[] = [];
  return {
    base,
    token: () => token,
    open(given) {
      if (!isSame(hashOf(given), hashOf(token))) return undefined;
      token = secret(32);
      const cookie = secret(32);
      cookiesGiven.push(hashOf(cookie));
      // The oldest goes: whoever opens many links has long closed that browser.
      if (cookiesGiven.length > limits.uiCookiesMax) cookiesGiven.shift();
      onOpened();
      return `${cookieName}=${cookie}; Path=${base}; HttpOnly; SameSite=Strict`;
    },
    isIn(cookies) {
      const given = hashOf(cookieIn(cookies ?? "") ?? "");
      // All are looked at: how long it takes tells nothing.
      return cookiesGiven.reduce((found, one) => isSame(one, given) || found, false);
    },
    formWord,
    isFormWord: (given) => isSame(hashOf(given), hashOf(formWord)),
  };
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}

function hashOf(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Of two hashes, which have one length. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return timingSafeEqual(one, other);
}

function cookieIn(header: string): string | undefined {
  for (const part of header.split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === cookieName) return value;
  }
  return undefined;
}
