/** Keyhold and, in the same process, functions that do nothing. */
import "../../src/main.ts";
import "./hello.ts";
