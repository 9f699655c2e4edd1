// Opens a store on a volume, mounts another over it, takes that away again, then takes the volume itself away; tells
// what a write is answered each time, and whether the volume's own directory is still empty. Needs a mount namespace.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedStore } from "@aspen/storage/embedded";

const volume = join(process.argv[2], "volume");
mkdirSync(volume);
const mount = () => execFileSync("mount", ["-t", "tmpfs", "none", volume]);
const unmount = () => execFileSync("umount", ["--lazy", volume]);

mount();
const store = await EmbeddedStore.open({ directory: join(volume, "data") });
async function tell(what) {
  const answer = await store.kv.put("a:1", new Uint8Array(1)).then(
    () => "ok",
    ({ code }) => code,
  );
  console.log(what, answer);
}
mount();
await tell("over");
unmount();
await tell("back");
unmount();
await tell("unmounted");
await store[Symbol.asyncDispose]();
console.log("kept", readdirSync(volume).length === 0);
