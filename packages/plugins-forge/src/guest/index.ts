import { definePlugin } from "@aspen/guest-sdk";
import { refHandlers } from "./ref-handlers.js";
import { repoHandlers } from "./repo-handlers.js";
import { statusHandlers } from "./status-handlers.js";

export default definePlugin({ handlers: { ...repoHandlers, ...refHandlers, ...statusHandlers } });
