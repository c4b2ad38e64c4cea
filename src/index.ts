/** The entry that package.json `main` names: it loads the app, main.js, with the code that was compiled at the build. */
import { createScripts } from "./scripts.ts";

createScripts(import.meta.url).load("main.js");
