/**
 * Asks whether anybody listens at a TCP address: connects, and hangs up at once.
 * Sends no byte, and answers in time whatever the other side does.
 */
import { connect } from "node:net";

export type TcpAnswer =
  | { readonly kind: "connected" }
  /** `code` is the system's, e.g. ECONNREFUSED; `TIMEOUT` and `CANCELLED` are ours. */
  | { readonly kind: "failed"; readonly code: string };

export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Never rejects. */
export function connectTcp({ host, port, timeoutMs, signal }: TcpTarget): Promise<TcpAnswer> {
  if (signal.aborted) return Promise.resolve({ kind: "failed", code: "CANCELLED" });
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: TcpAnswer) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
      socket.destroy();
      resolve(answer);
    };
    const cancel = () => end({ kind: "failed", code: "CANCELLED" });
    const timer = setTimeout(() => end({ kind: "failed", code: "TIMEOUT" }), timeoutMs);
    signal.addEventListener("abort", cancel, { once: true });
    socket.once("connect", () => end({ kind: "connected" }));
    socket.on("error", (error: Error & { code?: string }) =>
      end({ kind: "failed", code: error.code ?? "UNKNOWN" }),
    );
  });
}
