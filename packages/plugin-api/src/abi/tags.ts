/** First byte of every host function's result. */
export const RESULT_OK = 1;
/** The thing asked for is not there; nothing follows. */
export const RESULT_NOT_FOUND = 2;
/** The call failed; the JSON `{code, message, details?}` follows. */
export const RESULT_ERROR = 3;
