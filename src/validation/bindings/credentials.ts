/**
 * What looks like a credential where a binding may hold none: in the name of a header, in a URL, in a body, among arguments.
 * Looks at names and shapes only; it never tells what it found.
 */
import { redactText } from "../../evidence/redact.ts";

/** What a name ends with, letters only: `X-Api-Key`, `access_token`, `X-Amz-Signature`. */
const ends =
  /(?:authorization|auth|token|secret|password|passwd|passphrase|pwd|(?:api|access|secret|private|auth|app|application|subscription|account)key|credentials?|cookie|session|sessionid|jwt|signature)$/;

/** Names that say it all. */
const names: ReadonlySet<string> = new Set(["sig", "pass", "apitoken", "sid"]);

/** Tokens that are known by how they begin, and signed ones of three parts. */
const tokens =
  /^(?:ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|(?:gh[pousr]|github_pat|glpat|glsa|glc|xox[abeoprs]|sk|pk|rk|hvs|dop_v1|npm|pypi|AKIA|ASIA|AIza)[-_A-Za-z0-9]{16,})$/;

const drawn = /^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9_-]{32,}$/;

/** Whether what goes by this name is a credential, as far as the name tells. */
export function namesCredential(name: string): boolean {
  const letters = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return ends.test(letters) || names.has(letters);
}

/** Whether a value begins as the tokens of a known service do, or is a signed one. */
export function isKnownToken(value: string): boolean {
  return tokens.test(value);
}

/** Also what is long and drawn by chance: for places where nothing of the kind has to be. */
export function looksLikeToken(value: string): boolean {
  return isKnownToken(value) || drawn.test(value);
}

/** Whether a text holds what stands where credentials stand: `password=…`, `Bearer …`, `https://user:password@…`. */
export function holdsCredential(text: string): boolean {
  return redactText(text, []) !== text;
}

/** Whether the query of a URL holds one. */
export function queryHoldsCredential(url: URL): boolean {
  return [...url.searchParams].some(([name, value]) => namesCredential(name) || looksLikeToken(value));
}
