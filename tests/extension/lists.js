// The list of a domain's addons: fetched, verified, and kept with its ETag.

const TIMEOUT = 20_000;

/**
 * Returns the newest list of the domain, `{etag, scripts, styles, …}`. Throws if there is no newer one that can be
 * trusted.
 */
export async function newest(domain, known, { api, keys }) {
  // A list of another server, or by a key that is no longer trusted, is fetched anew.
  const etag = known?.api === api && keys.includes(known.key) ? known.etag : undefined;
  const response = await fetch(`${api}/addons/${encodeURIComponent(domain)}/userscripts`, {
    // With its own If-None-Match the extension sees the 304. The browser's cache would answer for a minute by itself.
    cache: "no-store",
    headers: etag ? { "If-None-Match": etag } : {},
    signal: AbortSignal.timeout(TIMEOUT),
  });
  if (response.status === 304) return known;
  if (response.status !== 200) throw new Error(`the server answers with ${response.status}`);
  const { scripts, styles, signature } = await response.json();
  // The rest of the file relies on nothing in the list before this line.
  const key = await signer(domain, JSON.stringify({ scripts, styles }), signature, keys);
  if (!key) throw new Error("the list is not signed by a key that this extension trusts");
  return { api, key, signature, etag: response.headers.get("ETag"), scripts, styles };
}

/** Returns which of the keys has signed the list. During a rotation a list has several signatures. */
async function signer(domain, json, signatures, keys) {
  const message = new TextEncoder().encode(`semantest-userscripts:1\n${domain}\n${json}`);
  for (const x of keys) {
    const key = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x }, "Ed25519", false, ["verify"]);
    for (const signature of String(signatures).split(",")) {
      if (await crypto.subtle.verify("Ed25519", key, bytes(signature.trim()), message)) return x;
    }
  }
}

function bytes(base64) {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
