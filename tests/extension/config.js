// The settings. Put your own values here; what the options page saves goes before them.

const DEFAULTS = {
  // The API, with its path.
  api: "http://127.0.0.1:4600/api/v1",
  // The domains whose addons run.
  domains: [],
  // The operator's public keys: each `x` of `GET /addons/keys`. Build them in: a key that is asked of the server
  // proves nothing about the server.
  keys: [],
  // A token of `POST /auth/token`, and the user whom it acts for. Your own server gets it with an API key, which
  // must never be in an extension.
  token: "",
  userId: "",
};

export async function settings() {
  const { settings: saved } = await chrome.storage.local.get("settings");
  return { ...DEFAULTS, ...saved };
}
