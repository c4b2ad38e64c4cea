/** The floor: the cost of a function that does nothing on this host. */
import { app } from "@azure/functions";
import { sameBytesRoute } from "./same-bytes.ts";

const answerOfTokenSize = JSON.stringify({ token_type: "Bearer", expires_in: 3600, access_token: "x".repeat(1_200) });

app.get("hello", () => ({ body: "hello" }));

/** Reads and answers as many bytes as the token endpoint, under the same headers, and does nothing with them. */
app.post("sameBytes", {
  route: sameBytesRoute,
  handler: async (request) => {
    await request.text();
    const headers = { "Cache-Control": "no-store", Pragma: "no-cache", "Content-Type": "application/json" };
    return { status: 200, headers, body: answerOfTokenSize };
  },
});
