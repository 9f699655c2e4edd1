import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";

/** A certificate and its private key, PEM. */
export interface Certificate {
  cert: string;
  private: string;
}

/** One of its own, or one that `ca` has signed. */
export async function certificate(name: string, ca?: Certificate): Promise<Certificate> {
  return generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: ca
      ? [
          {
            name: "subjectAltName",
            altNames: [
              { type: 7, ip: "127.0.0.1" },
              { type: 2, value: "localhost" },
            ],
          },
        ]
      : [
          { name: "basicConstraints", cA: true },
          { name: "keyUsage", keyCertSign: true, digitalSignature: true },
        ],
    ...(ca ? { ca: { key: ca.private, cert: ca.cert } } : {}),
  });
}

/** Writes PEM files into a folder, and gives their paths. */
export async function pemFiles(folder: string, files: Record<string, string>): Promise<Record<string, string>> {
  const paths: Record<string, string> = {};
  for (const [name, text] of Object.entries(files)) {
    paths[name] = join(folder, `${name}.pem`);
    await writeFile(paths[name], text);
  }
  return paths;
}
