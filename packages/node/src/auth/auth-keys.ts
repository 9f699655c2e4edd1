/** Where the store holds what belongs to tokens: all in the node's own namespace, so that one transaction can change it. */

/** Keys and revocations, which every node follows. */
export const STATE_PREFIX = "__sys:auth:";
export const KEYS_KEY = `${STATE_PREFIX}keys`;
/** Written with every change of the state, so that a node sees by one read whether it missed one. */
export const EPOCH_KEY = `${STATE_PREFIX}epoch`;
export const REVOKED_PREFIX = `${STATE_PREFIX}revoked:`;

export const TOKEN_PREFIX = "__sys:token:";
export const USED_PREFIX = "__sys:token-used:";
export const AUDIT_PREFIX = "__sys:audit:";
