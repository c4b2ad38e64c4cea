/** Keyhold, and in the same process functions that do nothing. */
import "../../src/index.ts";
import "./hello.ts";
