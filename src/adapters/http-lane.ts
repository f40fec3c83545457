/** What an HTTP lane of the policy lets through, in the form in which the guarded client asks. Decides nothing itself. */
import type { HttpLane } from "../policy/model.ts";
import { namedLiterally, urlAllowed } from "../policy/url-pattern.ts";
import { classifyAddress } from "../system/address.ts";
import type { GuardedRequest } from "../system/http.ts";

type Guards = Pick<GuardedRequest, "allowed" | "addressAllowed" | "bodyBytesMax" | "responseBytesMax">;

/** An address that is not public must be named in the lane's lists itself. */
export function guardsOf(lane: HttpLane): Guards {
  return {
    allowed: (url) => urlAllowed(lane, url),
    addressAllowed: (url, address) =>
      classifyAddress(address) === "public" || namedLiterally(lane, url, address),
    bodyBytesMax: lane.bodyBytesMax,
    responseBytesMax: lane.responseBytesMax,
  };
}

/** Whether the same request may fare better later than this status. */
export function worthRetrying(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}
