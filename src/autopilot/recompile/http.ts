/**
 * The hook as a service: one signed POST, redirects refused, the same answer as from a program. Sends no header but its own, and never
 * goes anywhere but to the configured URL.
 *
 * Source: spec cli §15.3, §15.5 (`v1=` signature); docs/autopilot.md "The recompile hook".
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { classifyAddress } from "../../system/address.ts";
import { readFileBounded } from "../../system/files.ts";
import { type GuardedRequest, guardedFetch } from "../../system/http.ts";
import type { RecompileConfig } from "../config/model.ts";
import { readSecret } from "../config/secret.ts";
import { bodySignature } from "../triggers/webhook-signature.ts";
import { type HookAnswer, readAnswerText } from "./answer.ts";
import type { Asked } from "./recompiler.ts";

export type HttpHook = Extract<RecompileConfig, { readonly kind: "http" }>;

/** What a name may never lead to, though the operator wrote the URL. */
const refusedAddresses: ReadonlySet<string> = new Set(["metadata", "multicast", "unspecified", "invalid"]);

/** @throws AkcError HTTP_…, ROUTE_MALFORMED, FILE_…, AUTOPILOT_CONFIG_INVALID, RECOMPILE_ANSWER_INVALID; CANCELLED when the signal aborts */
export async function askHttp(
  hook: HttpHook,
  { attemptId, text, signal, secret }: Asked,
  net: Pick<GuardedRequest, "resolve"> = {},
): Promise<HookAnswer> {
  const key =
    hook.secretFile === undefined
      ? undefined
      : secret(new TextEncoder().encode(await readSecret(hook.secretFile, {})));
  const ca =
    hook.caFile === undefined
      ? undefined
      : new TextDecoder().decode(await readFileBounded(hook.caFile, limits.certificatesBytesMax));
  const response = await guardedFetch({
    url: hook.url,
    method: "POST",
    headers: [
      ["Content-Type", "application/json"],
      ["Accept", "application/json"],
      ["Idempotency-Key", attemptId],
      ...(key === undefined ? [] : [["X-AKC-Signature", bodySignature(key, text)] as const]),
    ],
    body: text,
    timeoutMs: hook.timeoutMs,
    bodyBytesMax: limits.recompileRequestBytesMax,
    responseBytesMax: hook.outputBytesMax,
    redirectsMax: 0,
    allowed: (url) => url.protocol === "https:" || url.protocol === "http:",
    addressAllowed: (_url, address) => !refusedAddresses.has(classifyAddress(address)),
    signal,
    ...net,
    ...(ca === undefined ? {} : { tls: { ca } }),
  });
  const { status, body } = response;
  if (status < 200 || status > 299) {
    const said = new TextDecoder().decode(body.subarray(0, limits.recompileLastWordsBytes)).trim();
    throw new AkcError("HTTP_STATUS", {
      message: `the recompile hook answered with status ${status}${said === "" ? "" : `: ${said}`}`,
      hint: 'It answers 200 for a refusal too: {"refused": REASON}.',
    });
  }
  return readAnswerText(body);
}
