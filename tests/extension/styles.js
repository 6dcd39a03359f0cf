// Inserts the style sheets at each navigation: the browser keeps none, and has no registration for text.

/** For `webNavigation.onCommitted`. */
export async function insertStyles({ tabId, documentId, frameId }) {
  // No frames, and no page that is loaded ahead: the tab has another address meanwhile. Chromium tells again when it
  // is shown.
  if (frameId !== 0) return;
  const { styles = [] } = await chrome.storage.local.get("styles");
  // Chromium itself compares the patterns with the page's address.
  const shows = async (patterns) =>
    patterns.length > 0 && (await chrome.tabs.query({ url: patterns })).some((tab) => tab.id === tabId);
  await Promise.all(styles.map(async ({ id, matches, excludeMatches = [], css }) => {
    if (!(await shows(matches)) || (await shows(excludeMatches))) return;
    // By the document: if the tab has moved on meanwhile, nothing is inserted into the next page.
    await chrome.scripting.insertCSS({ target: { tabId, documentIds: [documentId] }, css })
      .catch((error) => console.warn(`style sheet ${id}: ${error.message}`));
  }));
}

/** The style sheets of all lists, each once. */
export function mergedStyles(lists) {
  const all = new Map();
  for (const domain of Object.keys(lists).sort()) {
    for (const { id, ...style } of lists[domain].styles) {
      const same = JSON.stringify(style);
      if (!all.has(same)) all.set(same, { id: `${domain}|${id}`, ...style });
    }
  }
  return [...all.values()];
}
