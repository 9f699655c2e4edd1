import type { Service } from "@aspen/feature";
import type { AuditTrail } from "@aspen/layers";
import type { Clock, Logger } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";
import type { KeyValueStore } from "@aspen/storage";
import type { NodeSigner } from "../cluster/node-trust.js";
import type { AuthSettings } from "../config/auth-config.js";
import { nodeErrors } from "../errors.js";
import { AuthState } from "./auth-state.js";
import { LastUse } from "./last-use.js";
import { NodeCredentials } from "./node-credentials.js";
import { TokenAuthority } from "./token-authority.js";
import { TokenDirectory } from "./token-directory.js";
import { TokenVerifier } from "./token-verifier.js";

export interface AuthServiceParts {
  kv: KeyValueStore;
  /** No other node changes the store. */
  sole: boolean;
  settings: Pick<AuthSettings, "audiences" | "staleMs">;
  /** Of this node. */
  id: string;
  clock: Clock;
  logger: Logger;
  audit: AuditTrail;
}

interface Opened {
  state: AuthState;
  lastUse: LastUse;
  verifier: TokenVerifier;
  credentials: NodeCredentials;
  directory: TokenDirectory;
  authority: TokenAuthority;
}

/** Everything about tokens, from the start of a node to its end. */
export class AuthService implements Service, NodeSigner {
  readonly name = "auth";
  #opened: Opened | null = null;

  constructor(private readonly parts: AuthServiceParts) {}

  async start(): Promise<void> {
    const { kv, sole, settings, id, clock, logger, audit } = this.parts;
    const state = await AuthState.open({ kv, clock, follow: sole ? null : { logger, staleMs: settings.staleMs } });
    const lastUse = new LastUse({ kv, clock, logger });
    const onUse = (token: string, expiresAt: number) => lastUse.note(token, expiresAt);
    const directory = new TokenDirectory({ kv, state, clock });
    this.#opened = {
      ...{ state, lastUse, directory },
      verifier: new TokenVerifier({ state, clock, audiences: settings.audiences, onUse }),
      credentials: new NodeCredentials({ id, state, clock }),
      authority: new TokenAuthority({ kv, state, directory, audit, clock }),
    };
  }

  /** See `TokenVerifier.callerOf`. */
  callerOf(token: string): Caller | Promise<Caller> {
    return this.#running.verifier.callerOf(token);
  }

  /** See `TokenDirectory.review`. */
  review(caller: Caller): Promise<Caller | null> {
    return this.#running.directory.review(caller);
  }

  /** See `TokenVerifier.recall`. */
  recall(token: string): Caller | null {
    return this.#running.verifier.recall(token);
  }

  authorization(caller: Caller): Promise<string> {
    return this.#running.credentials.authorization(caller);
  }

  get authority(): TokenAuthority {
    return this.#running.authority;
  }

  get directory(): TokenDirectory {
    return this.#running.directory;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened?.lastUse[Symbol.asyncDispose]();
    await this.#opened?.state[Symbol.asyncDispose]();
  }

  /** Requests come only after the start. */
  get #running(): Opened {
    if (!this.#opened) throw nodeErrors.starting();
    return this.#opened;
  }
}
