// Opens the store of a directory, says so, and keeps it until its input ends; then closes it. Meanwhile `put` on its
// input puts a blob, and `start` begins an upload that is not finished before `end`.
import { createInterface } from "node:readline";
import { EmbeddedStore } from "@aspen/storage/embedded";

const say = (line) => process.stdout.write(`${line}\n`);
const store = await EmbeddedStore.open({ directory: process.argv[2] }).catch((error) => {
  say(`refused ${error.code} ${error.message}`);
  process.exit(7);
});
say(`open ${process.pid}`);

let finish = () => {};
let upload = Promise.resolve();
async function* unfinished() {
  yield new Uint8Array(2_000_000).fill(7);
  say("started");
  await new Promise((resolve) => {
    finish = resolve;
  });
  yield new Uint8Array(1000);
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "start") upload = store.blobs.put(unfinished());
  if (line === "end") {
    finish();
    await upload.then(
      () => say("stored"),
      (error) => say(`lost ${error.code}`),
    );
  }
}
await store[Symbol.asyncDispose]();
say("closed");
