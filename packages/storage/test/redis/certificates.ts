import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const openssl = (...args: string[]) => promisify(execFile)("openssl", args, { timeout: 20_000 });
const DAYS = "2";

/** An authority of a test's own with one certificate, which is good for 127.0.0.1 and the name redis.test. */
export class Certificates implements AsyncDisposable {
  private constructor(
    private readonly directory: string,
    readonly ca: string,
    readonly cert: string,
    readonly key: string,
  ) {}

  static async make(): Promise<Certificates> {
    const directory = await mkdtemp(join(tmpdir(), "aspen-tls-"));
    const file = (name: string) => join(directory, name);
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await openssl(
      ...["req", "-x509", ...newKey, "-keyout", file("ca.key"), "-out", file("ca.crt")],
      ...["-days", DAYS, "-subj", "/CN=Test authority"],
    );
    await openssl("req", ...newKey, "-keyout", file("redis.key"), "-out", file("redis.csr"), "-subj", "/CN=redis.test");
    await writeFile(file("names"), "subjectAltName=IP:127.0.0.1,DNS:redis.test");
    await openssl(
      ...["x509", "-req", "-in", file("redis.csr"), "-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial"],
      ...["-out", file("redis.crt"), "-days", DAYS, "-extfile", file("names")],
    );
    const [ca, cert, key] = await Promise.all(
      ["ca.crt", "redis.crt", "redis.key"].map((n) => readFile(file(n), "utf8")),
    );
    return new Certificates(directory, ca!, cert!, key!);
  }

  /** Settings of a server that speaks TLS only, and wants a certificate from its clients. */
  serverSettings(port: number): string[] {
    const file = (name: string) => join(this.directory, name);
    return [
      ...["--port", "0", "--tls-port", String(port), "--tls-replication", "yes"],
      ...[
        "--tls-cert-file",
        file("redis.crt"),
        "--tls-key-file",
        file("redis.key"),
        "--tls-ca-cert-file",
        file("ca.crt"),
      ],
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
