import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** go-plugin's certificates are valid for 30 years; none outlives its process. */
const VALID_MS = 30 * 365 * 86_400_000;
/** Clocks are set back. */
const EARLIER_MS = 3_600_000;

/** A key that one process has, and the certificate by which the other one knows it. */
export interface Identity {
  /** DER */
  readonly certificate: Uint8Array;
  /** PEM */
  readonly certificatePem: string;
  /** PKCS #8, PEM */
  readonly keyPem: string;
}

/** Makes a key and signs its certificate with it, as go-plugin's AutoMTLS does: each end trusts that one of the other. */
export async function mintIdentity(): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=localhost, O=Aspen",
    notBefore: new Date(Date.now() - EARLIER_MS),
    notAfter: new Date(Date.now() + VALID_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(
        KeyUsageFlags.digitalSignature |
          KeyUsageFlags.keyEncipherment |
          KeyUsageFlags.keyAgreement |
          KeyUsageFlags.keyCertSign,
        true,
      ),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }]),
    ],
  });
  return {
    certificate: new Uint8Array(certificate.rawData),
    certificatePem: certificate.toString("pem"),
    keyPem: PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"),
  };
}

/** DER to PEM. */
export function certificatePem(certificate: Uint8Array): string {
  return PemConverter.encode(Uint8Array.from(certificate).buffer, "CERTIFICATE");
}
