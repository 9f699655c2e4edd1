import { once } from "node:events";
import { chmod, link, lstat, mkdtemp, rename, rm, unlink } from "node:fs/promises";
import { createConnection, type Server } from "node:net";
import { dirname, join, resolve } from "node:path";
import { nodeErrors } from "../errors.js";

/** Longest time in which whoever listens on a socket takes a connection, in milliseconds. */
const PROBE_MS = 2000;

/** A server on a Unix domain socket that only the user of this process can reach. */
export class UnixSocket {
  private constructor(
    readonly server: Server,
    private readonly path: string,
    private readonly inode: number,
  ) {}

  /**
   * Listens on `path`. A socket that nobody answers any more, left by a process that was killed, is replaced.
   *
   * @throws AspenError `CONFIG_INVALID` when somebody listens there, something else is there, or it cannot be made
   */
  static async open(path: string, server: Server): Promise<UnixSocket> {
    const at = resolve(path);
    let folder: string | null = null;
    try {
      // A socket is open to others from its first moment until its mode is set; in a folder like this (0700) it is not.
      folder = await mkdtemp(join(dirname(at), ".s-"));
      const own = join(folder, "s");
      server.listen({ path: own });
      await once(server, "listening");
      await chmod(own, 0o600);
      const { ino } = await lstat(own);
      await publish(own, at);
      return new UnixSocket(server, at, ino);
    } catch (error) {
      server.close();
      throw nodeErrors.socketFailed(path, error);
    } finally {
      // Node removes what it has listened on when the server closes; the other name is the one that stays.
      if (folder !== null) await rm(folder, { recursive: true, force: true });
    }
  }

  /** Removes the path, when what is there is still this socket. */
  async remove(): Promise<void> {
    const found = await lstat(this.path).catch(() => null);
    if (found?.ino === this.inode) await rm(this.path, { force: true });
  }
}

/** Gives the socket its name, which only one that is dead may have. */
async function publish(own: string, path: string): Promise<void> {
  if (await linked(own, path)) return;
  const found = await lstat(path);
  if (!found.isSocket()) throw new Error("something that is no socket is there; remove it, or choose another path");
  if (await answers(path)) throw new Error("somebody listens there already; stop it, or choose another path");
  const aside = `${own}.old`;
  await rename(path, aside);
  // Another node may have taken the dead one's place meanwhile: then it keeps it.
  if ((await lstat(aside)).ino !== found.ino) {
    await linked(aside, path);
    throw new Error("another process has just begun to listen there; stop it, or choose another path");
  }
  await unlink(aside);
  if (!(await linked(own, path))) throw new Error("another process has just begun to listen there");
}

/** False when there is something of that name. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** False only when it is certain that nobody listens. */
async function answers(path: string): Promise<boolean> {
  const socket = createConnection(path);
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(PROBE_MS) });
    return true;
  } catch (error) {
    return !["ECONNREFUSED", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "");
  } finally {
    socket.destroy();
  }
}
