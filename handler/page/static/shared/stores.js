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

/** What goes with the tab. @returns {Store} */
export function tabStore() {
  try {
    return sessionStorage;
  } catch {
    return NONE;
  }
}
