import type { IncomingMessage } from "node:http";

/** True for a request whose sender waits to be asked for the body. HTTP/1.0 has no expectations. */
export function isExpectant({ headers, httpVersion }: Pick<IncomingMessage, "headers" | "httpVersion">): boolean {
  return headers.expect !== undefined && httpVersion === "1.1";
}

/** True for an expectation other than the one that Node knows. */
export function isUnmet(request: Pick<IncomingMessage, "headers" | "httpVersion">): boolean {
  return isExpectant(request) && !/(?:^|\W)100-continue(?:$|\W)/i.test(request.headers.expect!);
}
