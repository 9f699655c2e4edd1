import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpMount, MountContext } from "@aspen/feature";
import { errorStatus, isAspenError, type Logger, thrownError } from "@aspen/plugin-api";
import { nodeErrors } from "../errors.js";
import { guardBody } from "./body-guard.js";
import type { Callers } from "./caller.js";
import { errorBody, errorHeaders, JSON_TYPE } from "./error-body.js";
import { isExpectant, isUnmet } from "./expectation.js";
import { logRefusal, withCode } from "./failure.js";
import { skipShortBody } from "./linger.js";
import { requestIdOf } from "./request-id.js";

/** Headers of a mount's that an error keeps; any other is about the answer that did not come. */
const KEPT = new Set([
  ...["x-request-id", "allow", "www-authenticate", "retry-after", "vary"],
  ...["access-control-allow-origin", "access-control-expose-headers"],
]);

/** A request to a mount. */
export interface MountRequest {
  request: IncomingMessage;
  response: ServerResponse;
  callers: Pick<Callers, "of">;
  /** The path behind the mount's prefix. */
  path: string;
  /** Aborted when nobody waits for the answer; with an `AspenError` as its reason when the node ends the wait. */
  signal: AbortSignal;
  /** Answers wait for it. */
  held: () => Promise<void> | null;
  log: Logger;
  /** Milliseconds in which a mount that has returned must have begun its answer. */
  answerMs: number;
}

/** Checks a request, hands it to its mount, and answers what that throws. Resolves when the mount is done with it. */
export async function answerMount(mount: HttpMount, asked: MountRequest): Promise<void> {
  const { request, response, log } = asked;
  const requestId = requestIdOf(request);
  const { prefix } = mount;
  const started = performance.now();
  response.setHeader("x-request-id", requestId);
  // Without a listener, a write after the end would end the process.
  response.on("error", (error) => log.warn({ err: thrownError(error), mount: prefix, requestId }, "an answer failed"));
  let work: Promise<void> | undefined;
  try {
    const context = await admit(mount, asked, requestId);
    await asked.held();
    const cut = cutOff(mount, asked);
    if (isExpectant(request)) response.writeContinue();
    work = (async () => mount.handle(request, response, context))();
    await Promise.race([work, cut]);
    if (!response.writableEnded && !response.closed) await Promise.race([ending(mount, asked), cut]);
    log.debug({ mount: prefix, ms: performance.now() - started, requestId }, "answered");
  } catch (thrown) {
    const error = withCode(thrown, requestId);
    if (!response.closed) logRefusal(log, error, { mount: prefix, requestId });
    await refuse(asked, error, requestId);
  }
  // Whatever it still throws has been answered.
  await work?.catch(() => undefined);
}

/** Who pipes into the answer may have returned before its end. @throws Error when it does not even begin */
async function ending({ prefix }: HttpMount, { response, answerMs }: MountRequest): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const look = () => response.headersSent || reject(nodeErrors.mountSilent(prefix, answerMs));
    timer = setTimeout(look, answerMs);
  });
  try {
    await Promise.race([once(response, "close"), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** @throws AspenError when the request must not reach the mount */
async function admit(
  mount: HttpMount,
  { request, callers, path, signal }: MountRequest,
  requestId: string,
): Promise<MountContext> {
  const caller = await callers.of(request);
  if (mount.access !== "public" && caller.kind === "anonymous") throw nodeErrors.callerUnknown(mount.prefix);
  const { maxBodyBytes: limit } = mount;
  if (limit !== null && Number(request.headers["content-length"] ?? 0) > limit) throw nodeErrors.bodyTooLarge(limit);
  if (isUnmet(request)) throw nodeErrors.expectationFailed(String(request.headers.expect));
  return { requestId, signal, caller, path };
}

/** Rejects when the body grows over its limit or the node ends the wait; the mount's reading ends with the same error. */
function cutOff({ maxBodyBytes }: HttpMount, { request, signal }: MountRequest): Promise<never> {
  const cut = new Promise<never>((_, reject) => {
    const end = (error: Error) => {
      reject(error);
      request.destroy(error);
    };
    guardBody(request, maxBodyBytes, () => end(nodeErrors.bodyTooLarge(maxBodyBytes!)));
    signal.addEventListener("abort", () => isAspenError(signal.reason) && end(signal.reason), { once: true });
  });
  cut.catch(() => undefined);
  return cut;
}

async function refuse({ request, response }: MountRequest, error: ReturnType<typeof withCode>, requestId: string) {
  // A part that ends in order would be taken for the whole.
  if (response.headersSent) return void (response.writableEnded || response.destroy());
  if (response.closed) return;
  await skipShortBody(request);
  for (const name of response.getHeaderNames()) if (!KEPT.has(name)) response.removeHeader(name);
  response.statusMessage = "";
  const body = errorBody(error, requestId);
  response.writeHead(errorStatus(error).http, {
    "content-type": JSON_TYPE,
    "content-length": Buffer.byteLength(body),
    ...errorHeaders(error),
  });
  response.end(body);
}
