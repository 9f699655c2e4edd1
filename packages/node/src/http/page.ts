import type { HttpMount } from "@aspen/feature";
import { nodeErrors } from "../errors.js";

export interface PageAnswer {
  status: number;
  type: string;
  body: string;
}

/** A mount of one page without a body of its own, for GET and HEAD. */
export function page(
  prefix: HttpMount["prefix"],
  access: HttpMount["access"],
  answer: () => Promise<PageAnswer>,
): HttpMount {
  return {
    prefix,
    access,
    maxBodyBytes: 0,
    async handle(request, response, { path }) {
      const { method = "" } = request;
      if (path !== "/") throw nodeErrors.noRoute(`${method} ${(prefix + path).slice(0, 128)}`);
      if (method !== "GET" && method !== "HEAD") {
        response.setHeader("allow", "GET, HEAD");
        throw nodeErrors.verbNotAllowed(method, prefix, "GET, HEAD");
      }
      const { status, type, body } = await answer();
      response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
      response.end(method === "HEAD" ? undefined : body);
    },
  };
}
