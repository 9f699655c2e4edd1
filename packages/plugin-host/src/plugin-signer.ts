import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, randomBytes, sign, verify } from "node:crypto";
import type { KeyValueStore } from "@aspen/storage";

/** The secret from which the keys of all plugins are derived; the nodes of a store share it. */
const SECRET_KEY = "__sys:signing-secret";
const SECRET_BYTES = 32;
const SALT = "aspen plugin signing key v1";
/** What is signed begins with this, the plugin's name and a zero byte, so that it is nothing else that anybody signs. */
const DOMAIN = "aspen plugin signature v1:";
/** PKCS #8 in front of an Ed25519 seed (RFC 8410, section 7). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
/** Bytes of a public key; they are the last of its SPKI form (RFC 8410, section 4). */
const PUBLIC_BYTES = 32;

/** Signs for plugins: Ed25519 (RFC 8032), a key for each name, derived by HKDF (RFC 5869) with SHA-256. */
export class PluginSigner {
  #secret: Promise<Uint8Array> | null = null;

  constructor(private readonly kv: KeyValueStore) {}

  /** 64 bytes. @throws AspenError what the store throws */
  async sign(plugin: string, data: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(sign(null, message(plugin, data), await this.#key(plugin)));
  }

  /** True when the plugin of that name signed the data on a node of this store. */
  async verify(plugin: string, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return verify(null, message(plugin, data), createPublicKey(await this.#key(plugin)), signature);
  }

  /** 32 bytes. */
  async publicKey(plugin: string): Promise<Uint8Array> {
    const spki = createPublicKey(await this.#key(plugin)).export({ type: "spki", format: "der" });
    return new Uint8Array(spki.subarray(-PUBLIC_BYTES));
  }

  async #key(plugin: string): Promise<KeyObject> {
    this.#secret ??= this.#readSecret().catch((error) => {
      this.#secret = null;
      throw error;
    });
    const seed = Buffer.from(hkdfSync("sha256", await this.#secret, SALT, plugin, 32));
    return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), type: "pkcs8", format: "der" });
  }

  /** The store's; the first node to ask makes it. */
  async #readSecret(): Promise<Uint8Array> {
    const stored = await this.kv.get(SECRET_KEY);
    if (stored) return stored.value;
    const made = new Uint8Array(randomBytes(SECRET_BYTES));
    const result = await this.kv.compareAndSwap(SECRET_KEY, null, made);
    if (result.ok) return made;
    if (result.actual) return result.actual.value;
    return this.#readSecret();
  }
}

function message(plugin: string, data: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${DOMAIN}${plugin}\0`), data]);
}
