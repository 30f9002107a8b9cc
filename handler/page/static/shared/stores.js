// What the browser keeps for us: nothing, in a frame that is let have none.

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store */

/** Keeps nothing. @type {Store} */
const NONE = { getItem: () => null, setItem: () => {}, removeItem: () => {} };

/** What stays when the page is closed. @returns {Store} */
export function browserStore() {
  try {
    return localStorage;
  } catch {
    return NONE;
  }
}

/** What goes with the tab. What there is no room for is not kept, nor what it was before. @returns {Store} */
export function tabStore() {
  try {
    const tab = sessionStorage;
    return {
      getItem: (key) => tab.getItem(key),
      setItem(key, value) { try { tab.setItem(key, value); } catch { tab.removeItem(key); } },
      removeItem: (key) => tab.removeItem(key),
    };
  } catch {
    return NONE;
  }
}
