// The service worker. Listeners must be added at once: Chromium starts the worker for an event and calls those that
// are there after its first turn.

import { picture } from "./pictures.js";
import { insertStyles } from "./styles.js";
import { sync } from "./sync.js";

chrome.runtime.onInstalled.addListener(async ({ reason }) => {
  await chrome.alarms.create("sync", { periodInMinutes: 1 });
  const { allowed } = await sync();
  // The page says what to click.
  if (reason === "install" && !allowed) await chrome.runtime.openOptionsPage();
});
chrome.runtime.onStartup.addListener(sync);
chrome.alarms.onAlarm.addListener(sync);
chrome.action.onClicked.addListener(() => chrome.runtime.openOptionsPage());
chrome.webNavigation.onCommitted.addListener(insertStyles, { url: [{ schemes: ["http", "https"] }] });

// From the options page.
chrome.runtime.onMessage.addListener((message, _sender, answer) => {
  if (message.type !== "sync") return false;
  sync().then(answer);
  return true;
});

// From addons in the world USER_SCRIPT. Those in MAIN, and pages, have no `chrome.runtime`.
chrome.runtime.onUserScriptMessage.addListener((message, _sender, answer) => {
  if (message.type !== "picture") return false;
  picture(String(message.prompt)).then(answer, (error) => answer({ error: error.message }));
  return true;
});
