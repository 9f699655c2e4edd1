import { describe, test } from "@jest/globals";
import { MemoryStore } from "../src/index.js";
import { testStore } from "../src/testing/index.js";

testStore({ describe, test }, { name: "memory", open: async () => new MemoryStore() });
