import { z } from "zod";
import { action, control } from "./action.ts";

const names = { "key-vault": "Key Vault", entra: "Entra", storage: "storage" } as const;
const services = Object.keys(names) as [keyof typeof names, ...(keyof typeof names)[]];

export const setService = action({
  input: z.strictObject({ service: z.enum(services), running: z.boolean() }),
  kind: "service",
  title: ({ service, running }) => `${names[service]} ${running ? "comes back" : "goes down"}`,
  async run({ service, running }, { stack, say }) {
    await control(stack, "PUT", "/stack/services", { name: service, running });
    say(running ? "it answers again, with its state" : "its connections are cut, and nobody listens on its port");
  },
});
