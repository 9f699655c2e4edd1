/** A request whose params came as bytes, which the worker has to check before the guest sees them. */
export interface RawRequest {
  bytes: Uint8Array;
  /** Where the params begin; {@link PARAMS_END_BYTES} follow them. */
  paramsAt: number;
}

/** Input of a guest's export: text that this process has made, or what was sent to it. */
export type GuestInput = string | RawRequest;

/** Bytes of a request behind its params. */
export const PARAMS_END_BYTES = 1;

export function inputBytes(input: GuestInput): number {
  return typeof input === "string" ? Buffer.byteLength(input) : input.bytes.length;
}
