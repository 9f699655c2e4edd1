/** An answer whose body is read part by part. */
export interface OpenAnswer {
  readonly status: number;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Null at its end. @throws AspenError as `OutboundResponse.body` */
  read(): Promise<Uint8Array | null>;
  close(): void;
}
