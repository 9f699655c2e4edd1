import type { HostPorts, HostServices, StarterOptions } from "../../src/index.js";

interface Signer {
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** As a package adds its own. */
declare module "@aspen/plugin-host" {
  interface HostPorts {
    signer: Signer;
  }
}

export const ports: Pick<HostPorts, "signer"> = { signer: { sign: async (bytes) => bytes } };
export const options: Pick<StarterOptions, "ports"> = { ports };
// @ts-expect-error it has another type
export const wrong: Pick<StarterOptions, "ports"> = { ports: { signer: { sign: (text: string) => text } } };
// @ts-expect-error nobody has added it
export const unknownPort: Pick<StarterOptions, "ports"> = { ports: { timers: {} } };

/** A host function asks first whether the feature is on. */
export function signed(services: HostServices, bytes: Uint8Array): Promise<Uint8Array> | undefined {
  // @ts-expect-error the feature may be off
  services.ports?.signer.sign(bytes);
  return services.ports?.signer?.sign(bytes);
}
