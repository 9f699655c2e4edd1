// Nothing but a process.
import { ready } from "./loaded.mjs";

await ready();
