import { decodeUtf8, encodeUtf8, type Guest, type GuestCaller, type NativeRequest } from "@aspen/plugin-api/abi";
import { type LocalHostContext, nativeHosts } from "@aspen/plugin-host/local";
import type { ServerUnaryCall } from "@grpc/grpc-js";
import type { Connection } from "../rpc/connection.js";
import type { CallReply, CallRequest, InfoReply, InfoRequest } from "../rpc/messages.js";
import type { CalledExport } from "../rpc/method-names.js";
import { localContext, RemoteHost } from "./host-connection.js";

/** A plugin of this process, as the node calls it. */
export class ServedGuest {
  readonly #local: LocalHostContext;

  constructor(
    private readonly guest: Guest,
    private readonly host: Promise<Connection>,
    identity: InfoRequest,
  ) {
    this.#local = localContext(identity);
  }

  info(): InfoReply {
    const { exports, resultText } = this.guest;
    return { info: resultText(exports.plugin_info?.(() => null)).text, exports: Object.keys(exports) };
  }

  /** Never rejects. */
  async run(name: CalledExport, call: ServerUnaryCall<CallRequest, CallReply>): Promise<CallReply> {
    const host = new RemoteHost(call.request.call_id, this.host, this.#local);
    const over = new AbortController();
    call.on("cancelled", () => over.abort());
    const reply = await nativeHosts().run(host, () => this.#answer(name, call.request, over.signal));
    await host.logged();
    return reply;
  }

  async #answer(name: CalledExport, request: CallRequest, signal: AbortSignal): Promise<CallReply> {
    const { exports, resultText, errorText } = this.guest;
    try {
      const result = await exports[name]?.(() => inputOf(name, request, signal));
      const { ok, text } = resultText(result);
      return ok ? { output: encodeUtf8(text) } : { error: encodeUtf8(text) };
    } catch (thrown) {
      return { error: encodeUtf8(errorText(thrown)) };
    }
  }
}

function inputOf(
  name: CalledExport,
  { method, request_id: requestId, input, caller: callerJson }: CallRequest,
  signal: AbortSignal,
): unknown {
  const sent: unknown = input.length === 0 ? null : JSON.parse(decodeUtf8(input));
  if (name !== "handle_request") return sent;
  const caller = JSON.parse(callerJson) as GuestCaller;
  return { method, params: sent, requestId, caller, signal } satisfies NativeRequest;
}
