/** Several commands that are sent together; `exec` gives an error or a reply of each. */
export interface RedisBatch {
  call(command: string, ...args: (string | number)[]): unknown;
  exec(): Promise<[Error | null, unknown][] | null>;
}

/** The part of an ioredis client, of a server or a cluster, that is used here; BullMQ uses more of it. */
export interface RedisLike {
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  multi(): RedisBatch;
  defineCommand(name: string, definition: { numberOfKeys: number; lua: string }): void;
  /** Another connection to the same servers. */
  duplicate(): RedisSubscriber;
  disconnect(): void;
}

/** The part of a client for subscriptions that is used. */
export interface RedisSubscriber {
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "ready", listener: () => void): unknown;
  on(event: "message", listener: (channel: string, message: string) => void): unknown;
}
