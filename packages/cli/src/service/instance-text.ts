import type { Instance } from "@aspen/plugins-service-registry";
import { table } from "../output.js";

const HEAD = ["ID", "ADDRESS", "STATUS", "VERSION", "WEIGHT", "ZONE", "TAGS", "TOKEN"];

export function instanceTable(instances: readonly Instance[]): string {
  return table(
    HEAD,
    instances.map(({ id, address, port, status, version, weight, zone, tags, fencingToken }) => [
      ...[id, endpoint(address, port), status, version ?? "", String(weight), zone ?? "", tags.join(",")],
      String(fencingToken),
    ]),
  );
}

export function endpoint(address: string, port: number | null): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return port === null ? host : `${host}:${port}`;
}
