/** The floor: what a function costs on this host that does nothing. */
import { app } from "@azure/functions";
import { sameBytesRoute } from "./same-bytes.ts";

const answerOfTokenSize = JSON.stringify({ token_type: "Bearer", expires_in: 3600, access_token: "x".repeat(1_200) });

app.get("hello", () => ({ body: "hello" }));

/** Reads and answers as many bytes as the token endpoint does, under the same headers, and does nothing with them. */
app.post("sameBytes", {
  route: sameBytesRoute,
  handler: async (request) => {
    await request.text();
    const headers = { "Cache-Control": "no-store", Pragma: "no-cache", "Content-Type": "application/json" };
    return { status: 200, headers, body: answerOfTokenSize };
  },
});
