// The pages that the browser visits, and the way from the extension to the API.

import { createServer, request as forward } from "node:http";

const STRICT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/** Serves a page at every path; those under /strict have a Content-Security-Policy that allows nothing. */
export function startSite() {
  return listen((request, response) => {
    const headers = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" };
    if (request.url.startsWith("/strict")) headers["Content-Security-Policy"] = STRICT;
    response.writeHead(200, headers);
    response.end(`<!doctype html><title>${request.url}</title><script>window.ofThePage = "yes"</script>
<h1>A page at ${request.headers.host}</h1><p id="plain">Some text of the page.</p>`);
  });
}

/**
 * Passes requests on to the API, and keeps the answers' status and path in `log`. In the mode `down` it breaks every
 * connection; in the mode `tamper` it changes one byte of the code in each list.
 */
export async function startProxy(target) {
  const proxy = await listen((request, response) => {
    if (proxy.mode === "down") return request.socket.destroy();
    const headers = { ...request.headers, "accept-encoding": "identity" };
    const passed = forward(new URL(request.url, target), { method: request.method, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        let body = Buffer.concat(chunks);
        if (proxy.mode === "tamper" && request.url.endsWith("/userscripts")) body = tampered(body);
        proxy.log.push({ path: request.url, status: answer.statusCode });
        const { "transfer-encoding": _, ...kept } = answer.headers;
        response.writeHead(answer.statusCode, kept);
        response.end(body);
      });
    });
    passed.on("error", () => request.socket.destroy());
    request.pipe(passed);
  });
  return Object.assign(proxy, { mode: "pass", log: [] });
}

/** The same JSON with one byte changed, in the code of an addon: `two` becomes `twO`. */
function tampered(body) {
  const at = body.indexOf("two");
  if (at < 0) return body;
  const changed = Buffer.from(body);
  changed[at + 2] = "O".charCodeAt(0);
  return changed;
}

async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}
