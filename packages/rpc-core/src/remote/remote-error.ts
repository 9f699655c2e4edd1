import { AspenError, type AspenErrorJson } from "@aspen/plugin-api/abi";

/** An error that a node answered with. */
export class RemoteError extends AspenError {
  /** Under which the node's log has the call. */
  readonly requestId: string | undefined;

  constructor(json: Partial<AspenErrorJson> & { requestId?: unknown }) {
    const { code, message, details, class: errorClass } = AspenError.fromJSON(json);
    super(code, message, details, undefined, errorClass);
    this.requestId = typeof json.requestId === "string" ? json.requestId : undefined;
  }
}
