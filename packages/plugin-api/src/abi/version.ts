/** API versions that this release of the node serves; a manifest's `api_version` must be one of them. */
export const SUPPORTED_API_VERSIONS = ["1"] as const;
export const CURRENT_API_VERSION = "1";
