/**
 * Bundles the page for the browser in memory, once per start. It takes a fraction of a second and downloads nothing.
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { build, stop } from "esbuild";

export interface Asset {
  type: string;
  body: Buffer;
  etag: string;
}

const folder = fileURLToPath(new URL("page", import.meta.url));

/** The assets by path. */
export async function buildPage(): Promise<Map<string, Asset>> {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: { app: "app.ts", style: "style.css" },
    outdir: "out",
    write: false,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    legalComments: "inline",
    logLevel: "warning",
  });
  // Otherwise esbuild's process would keep running to wait for more builds.
  await stop();
  const assets = new Map<string, Asset>([["/", asset("text/html; charset=utf-8", Buffer.from(page))]]);
  for (const { path, contents } of outputFiles) {
    if (path.endsWith("app.js")) assets.set("/app.js", asset("text/javascript; charset=utf-8", contents));
    if (path.endsWith("style.css")) assets.set("/style.css", asset("text/css; charset=utf-8", contents));
  }
  return assets;
}

function asset(type: string, contents: Uint8Array): Asset {
  return { type, body: Buffer.from(contents), etag: `"${createHash("sha256").update(contents).digest("base64url")}"` };
}

const icon = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0b6a6a"/><circle cx="6" cy="8" r="2.4" fill="none" stroke="#fff" stroke-width="1.4"/><path d="M8.4 8H13v2.2M11 8v1.6" fill="none" stroke="#fff" stroke-width="1.4"/></svg>`,
)}`;

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Keyhold: local console</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="/style.css">
<script type="module" src="/app.js"></script>
</head>
<body>
<div id="app"></div>
<noscript>The console needs JavaScript. For the same data as text: curl http://127.0.0.1:7100/</noscript>
</body>
</html>
`;
