/** Wall time that a plugin's top level may take when it is built, in milliseconds. */
export const BUILD_LIMIT_MS = 10_000;
/** How long a build may take when nobody says otherwise, in milliseconds. */
export const BUILD_TIMEOUT_MS = 120_000;
/**
 * The engine stops a top level by itself at its limit, and says where it was; this many milliseconds later it is stopped
 * from outside. A busy machine takes seconds to say where.
 */
export const TOP_LEVEL_GRACE_MS = 10_000;
