import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { errorResult, type HostFunctionName } from "@aspen/plugin-api/abi";
import { nativeErrors } from "@aspen/plugin-host";
import type { NativeCall } from "@aspen/plugin-host/native";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { HostCallReply, HostCallRequest } from "../rpc/messages.js";
import { CHANNEL_OPTIONS, Host } from "../rpc/services.js";
import { certificatePem, type Identity } from "../tls/certificate.js";

/** Host calls of one process that are under way at once; others wait in its connection. */
const CALLS_AT_ONCE = 256;

/** Calls under way of one process, by the ids under which it asks the host for them. */
export class CallsUnderWay {
  readonly #calls = new Map<string, NativeCall>();

  constructor(private readonly plugin: string) {}

  /** Returns its id, and what takes it out: from then on the plugin is refused. */
  add(call: NativeCall): { id: string; remove: () => void } {
    const id = randomUUID();
    this.#calls.set(id, call);
    return { id, remove: () => void this.#calls.delete(id) };
  }

  /** Never rejects. */
  async answer({ call_id: id, name, arguments: args }: HostCallRequest): Promise<HostCallReply> {
    const call = this.#calls.get(id);
    if (!call) return { result: errorResult(nativeErrors.callOver(this.plugin, name)) };
    const given = args.map(({ present }) => present ?? null);
    return { result: await call.call(name as HostFunctionName, given) };
  }
}

/**
 * Serves the host functions on a socket in the work folder, to whoever has the plugin's key and to nobody else. Returns
 * where, and what ends it.
 */
export async function serveHost(
  folder: string,
  calls: CallsUnderWay,
  own: Identity,
  plugin: Uint8Array,
): Promise<{ path: string; close: () => void }> {
  const server = new Server({ ...CHANNEL_OPTIONS, "grpc.max_concurrent_streams": CALLS_AT_ONCE });
  server.addService(Host.service, {
    Call: (call: ServerUnaryCall<HostCallRequest, HostCallReply>, reply: sendUnaryData<HostCallReply>) => {
      calls.answer(call.request).then(
        (answer) => reply(null, answer),
        () => reply({ code: status.INTERNAL, details: "the host function failed" }),
      );
    },
  });
  const path = join(folder, "host.sock");
  const key = { private_key: Buffer.from(own.keyPem), cert_chain: Buffer.from(own.certificatePem) };
  const credentials = ServerCredentials.createSsl(Buffer.from(certificatePem(plugin)), [key], true);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, credentials, (error) => (error ? reject(error) : resolve()));
  });
  return { path, close: () => server.forceShutdown() };
}
