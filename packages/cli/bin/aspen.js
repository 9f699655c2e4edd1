#!/usr/bin/env node
// Committed, so that npm can link it before dist exists.
import "../dist/main.js";
