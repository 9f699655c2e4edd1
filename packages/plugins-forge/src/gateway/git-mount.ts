import type { IncomingMessage, ServerResponse } from "node:http";
import { createGunzip } from "node:zlib";
import type { Authenticator, HttpMount, MountContext } from "@aspen/feature";
import { type AspenError, errorStatus, isAspenError } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";
import { mayRead, mayWrite } from "../domain/access.js";
import { isRepositoryName } from "../domain/names.js";
import { ZERO_ID } from "../domain/ref-name.js";
import { RefTable } from "../domain/ref-table.js";
import type { Repositories } from "../domain/repositories.js";
import type { FoundRepository } from "../domain/repository.js";
import { consistently } from "../domain/root.js";
import { forgeErrors } from "../errors.js";
import { askingOf } from "./asking.js";
import { basicCaller } from "./basic-caller.js";
import { FLUSH, pktLine } from "./pkt-line.js";
import { type ReceiveParts, receivePack } from "./receive-pack.js";
import { RECEIVE_CAPABILITIES, readReceiveRequest, receiveReport } from "./receive-request.js";
import { Slots } from "./slots.js";
import { uploadPack } from "./upload-pack.js";

const PATH = /^\/([^/]+)\/([^/]+)\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/;
/** Bytes of what a client asks for in a fetch: ids of what it wants and has. */
const FETCH_BYTES = 16 * 1024 * 1024;
/** Bytes of a push beyond its pack. */
const PUSH_SPARE = 16 * 1024 * 1024;
/** How a client names the version of the protocol that it speaks (git(1), `GIT_PROTOCOL`); the rest is not git's. */
const PROTOCOL = /^version=[0-2]$/;

export interface GitMountParts extends ReceiveParts {
  /** Those of the node, of whom one knows tokens. */
  readonly authenticators: readonly Authenticator[];
  readonly repositories: Repositories;
}

/** `/git/<owner>/<name>.git`: smart HTTP (gitprotocol-http(5)) for stock git clients. */
export class GitMount implements HttpMount {
  readonly prefix = "/git";
  // The mount itself asks for a name and a password, in the way that git understands.
  readonly access = "public";
  readonly maxBodyBytes: number;
  readonly #slots: Slots;

  constructor(private readonly parts: GitMountParts) {
    const { pushBytes, processes, waiting } = parts.options;
    // A pack that is too large is read to its end, so that git can show why it is refused; not for ever.
    this.maxBodyBytes = 2 * pushBytes + PUSH_SPARE;
    this.#slots = new Slots(processes, waiting);
  }

  async handle(request: IncomingMessage, response: ServerResponse, given: MountContext): Promise<void> {
    response.setHeader("cache-control", "no-cache, max-age=0, must-revalidate");
    let caller: Caller | null = given.caller;
    try {
      caller = await basicCaller(request, given.caller, this.parts.authenticators);
      if (caller === null) askForToken(response, "the token does not count: it is wrong, expired or revoked");
      else await this.#answer(request, response, { ...given, caller });
    } catch (error) {
      if (response.headersSent || !isAspenError(error)) throw error;
      this.parts.log.debug({ code: error.code, reason: error.message, requestId: given.requestId }, "git was refused");
      refuse(response, error, caller ?? given.caller);
    }
    // What the client still sends is thrown away: it reads its answer only behind that.
    request.resume();
  }

  async #answer(request: IncomingMessage, response: ServerResponse, context: MountContext): Promise<void> {
    const [, owner = "", name = "", action] = PATH.exec(context.path) ?? [];
    if (!isRepositoryName(owner) || !isRepositoryName(name)) throw forgeErrors.notFound(owner, name);
    const query = new URL(request.url ?? "", "http://localhost").searchParams;
    const isList = action === "info/refs";
    const service = isList ? query.get("service") : action;
    if (request.method !== (isList ? "GET" : "POST")) throw forgeErrors.protocol("another verb is needed");
    if (service !== "git-upload-pack" && service !== "git-receive-pack") {
      throw forgeErrors.protocol("this server speaks smart HTTP alone; use a newer git");
    }
    const found = await this.#find(owner, name, context.caller, service === "git-receive-pack");
    using _slot = await this.#slots.take(context.signal);
    if (service === "git-receive-pack") {
      if (isList) return this.#listForPush(found, response);
      return this.#receive(found, request, response, context);
    }
    response.setHeader("content-type", `application/x-git-upload-pack-${isList ? "advertisement" : "result"}`);
    const sent = request.headers["git-protocol"];
    const protocol = typeof sent === "string" && PROTOCOL.test(sent) ? sent : null;
    const body = isList ? null : await whole(request, FETCH_BYTES);
    const upload = { record: found.record, body, protocol, signal: context.signal };
    const head = isList ? `${pktLine(`# service=${service}\n`)}${FLUSH}` : "";
    if (!(await uploadPack(this.parts, upload, response, head))) throw forgeErrors.notFound(owner, name);
  }

  /** @throws AspenError `FORGE_REPO_NOT_FOUND`, `PERMISSION_DENIED` */
  async #find(owner: string, name: string, caller: Caller, toWrite: boolean): Promise<FoundRepository> {
    const found = await this.parts.repositories.find(owner, name);
    const asking = askingOf(caller);
    if (!found || !mayRead(asking, found.record)) throw forgeErrors.notFound(owner, name);
    if (toWrite && !mayWrite(asking, found.record)) {
      throw forgeErrors.denied("push to", owner, name, "forge.git.write");
    }
    return found;
  }

  async #listForPush({ record }: FoundRepository, response: ServerResponse): Promise<void> {
    const { store } = this.parts;
    const table = await consistently(store, record.id, ({ root }) => RefTable.read(store, record.id, root));
    if (!table) throw forgeErrors.notFound(record.owner, record.name);
    const lines = [pktLine("# service=git-receive-pack\n"), FLUSH];
    let capabilities = `\0${RECEIVE_CAPABILITIES}`;
    for (const [ref, id] of table.entries()) {
      lines.push(pktLine(`${id} ${ref}${capabilities}\n`));
      capabilities = "";
    }
    if (capabilities) lines.push(pktLine(`${ZERO_ID} capabilities^{}${capabilities}\n`));
    response.setHeader("content-type", "application/x-git-receive-pack-advertisement");
    response.end(`${lines.join("")}${FLUSH}`);
  }

  async #receive(
    repository: FoundRepository,
    request: IncomingMessage,
    response: ServerResponse,
    context: MountContext,
  ) {
    const { caller, signal } = context;
    const receive = await readReceiveRequest(unzipped(request));
    response.setHeader("content-type", "application/x-git-receive-pack-result");
    // A client asks so whether it would be let in, before it sends what cannot be sent twice.
    if (receive.commands.length === 0) return void response.end();
    const author = { kind: caller.kind, id: caller.id };
    const { unpacked, refusals } = await receivePack(this.parts, { repository, author, request: receive, signal });
    for (const part of receiveReport(receive, unpacked, refusals)) response.write(part);
    response.end();
  }
}

/** git shows a text to the person. */
function refuse(response: ServerResponse, error: AspenError, caller: Caller): void {
  const unknown =
    caller.kind === "anonymous" && (error.code === "FORGE_REPO_NOT_FOUND" || error.code === "PERMISSION_DENIED");
  if (unknown) askForToken(response, "a token is needed: give it as the password, with any name");
  else sendText(response, errorStatus(error).http, error.message);
}

/** git asks for a name and a password when it is told that they may be given so (RFC 7617). */
function askForToken(response: ServerResponse, why: string): void {
  response.setHeader("www-authenticate", 'Basic realm="aspen", charset="UTF-8"');
  sendText(response, 401, why);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${text}\n`);
}

function unzipped(request: IncomingMessage): AsyncIterable<Uint8Array> {
  if (request.headers["content-encoding"] !== "gzip") return request;
  const gunzip = createGunzip();
  request.once("error", (error) => gunzip.destroy(error));
  return request.pipe(gunzip);
}

async function whole(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of unzipped(request)) {
      bytes += chunk.length;
      if (bytes > most) throw forgeErrors.protocol(`a fetch asks with at most ${most} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (isAspenError(error)) throw error;
    throw forgeErrors.protocol("its body is not gzip, or was cut off");
  }
  return Buffer.concat(chunks);
}
