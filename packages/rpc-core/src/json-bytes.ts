/**
 * A JSON value as bytes in UTF-8 that nobody has parsed: how params and results pass a thread that has no use for
 * what is in them. Params as bytes may turn out not to be JSON; a result as bytes has been checked by who gives it.
 */
export class JsonBytes {
  constructor(readonly bytes: Uint8Array) {}
}
