// The page in English. Another language is a file beside this one with the same texts, each a word or
// a function that puts numbers and names where they belong: languages differ in more than words.

export const texts = {
  /** What the language calls itself. */
  language: "English",

  help: {
    /** What keys do in an open call: the keys, and what for. */
    desk: [
      ["← →", "The call before, the next one"],
      ["Alt ↑ ↓", "The call above, below"],
      ["Enter", "Enlarge it; Esc sets it back among the others"],
      ["F", "Find words in it"],
      ["M", "Its tools"],
      ["P", "Pin it, or let it go"],
      ["Delete", "Close it"],
    ],
  },

  desk: {
    find: "Find words",
    uncertain: "Mark uncertain words",
    pin: "Pin",
    copy: "Copy the transcript",
    copied: "Copied",
    copyLink: "Copy a link to this call",
    linkCopied: "Link copied: who opens it needs a token of their own",
    copyMoment: "Copy a link to this moment",
    momentCopied: (/** @type {string} */ time) => `Link to ${time} copied`,
    notCopied: "The browser does not let this page copy",
    follow: (/** @type {string} */ number) => `Follow ${number}`,
    download: (/** @type {string} */ form) => `Download ${form}`,
    notDownloaded: (/** @type {string} */ why) => `Not downloaded: ${why}`,
    toolsOf: (/** @type {string} */ name) => `Tools for ${name}`,
    enlarge: "Enlarge",
    back: "Back among the others",
    followed: (/** @type {string} */ number) => `The next call of ${number} opens by itself.`,
    openedByItself: (/** @type {string} */ name) => `Opened by itself: ${name}`,
    full: (/** @type {number} */ most, /** @type {string} */ name) =>
      `${most} calls are open, and no more fit. Close one first: ${name} has been open longest.`,
    closeInstead: (/** @type {string} */ name) => `Close ${name}`,
    allPinned: (/** @type {number} */ most) => `${most} calls are open, all of them pinned. Close one, or let one go, first.`,
    malformed: (/** @type {string[]} */ names) => `The link names what is no call: ${names.join(", ")}.`,
    tooMany: (/** @type {number} */ left, /** @type {number} */ most) =>
      `${most} calls may be open at once: ${left} of the link's ${left === 1 ? "is" : "are"} not.`,
  },
};
