/** A real Apache in a separate folder, on a free port of 127.0.0.1, with a page that requires a login. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { apacheModules } from "./debian-packages.ts";
import { startServer } from "./server-process.ts";

export interface Apache {
  pid: number;
  /** `http://127.0.0.1:PORT/secret` */
  secretUrl: string;
  log(): string;
  isRunning(): boolean;
  graceful(): void;
  stop(): Promise<void>;
}

export interface ApacheOptions {
  folder: string;
  port: number;
  /** The module that performs the login; its file is `mod_NAME.so`. */
  loginModule: { name: string; file: string };
  /** The configuration directives for the login. */
  directives: readonly string[];
  environment: Record<string, string>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on("connect", done(true));
    socket.on("error", done(false));
  });
}

function configuration({ folder, port, loginModule, directives }: ApacheOptions): string {
  const modules = ["mpm_event", "authn_core", "authz_core", "authz_user", "headers"];
  const user = process.getuid?.() === 0 ? ["User www-data", "Group www-data"] : [];
  return [
    `ServerRoot "${folder}"`,
    `DefaultRuntimeDir "${folder}"`,
    `PidFile "${folder}/apache.pid"`,
    `ErrorLog "${folder}/error.log"`,
    `Mutex "file:${folder}"`,
    `ServerName 127.0.0.1:${port}`,
    "UseCanonicalName On",
    `Listen 127.0.0.1:${port}`,
    "EnableSendfile off",
    ...modules.map((name) => `LoadModule ${name}_module ${join(apacheModules, `mod_${name}.so`)}`),
    `LoadModule ${loginModule.name} ${join(apacheModules, loginModule.file)}`,
    ...user,
    "StartServers 2",
    "ServerLimit 4",
    "ThreadsPerChild 8",
    "MinSpareThreads 4",
    "MaxSpareThreads 32",
    "MaxRequestWorkers 32",
    `DocumentRoot "${folder}/htdocs"`,
    ...directives,
    "<Location /secret>",
    '  Header set X-Remote-User "expr=%{REMOTE_USER}"',
    "</Location>",
    "",
  ].join("\n");
}

export async function startApache(options: ApacheOptions): Promise<Apache> {
  const { folder, port, environment } = options;
  mkdirSync(join(folder, "htdocs"), { recursive: true });
  writeFileSync(join(folder, "htdocs", "secret"), "behind the login\n");
  const file = join(folder, "apache.conf");
  writeFileSync(file, configuration(options));
  chmodSync(folder, 0o755);
  const errorLog = (): string => {
    try {
      return readFileSync(join(folder, "error.log"), "utf8");
    } catch {
      return "";
    }
  };
  const server = await startServer({
    program: "apache2",
    parameters: ["-DFOREGROUND", "-f", file],
    environment,
    isReady: () => accepts(port),
    log: errorLog,
  });
  return {
    pid: server.pid,
    secretUrl: `http://127.0.0.1:${port}/secret`,
    log: () => server.output() + errorLog(),
    isRunning: server.isRunning,
    graceful: () => server.signal("SIGUSR1"),
    stop: server.stop,
  };
}
