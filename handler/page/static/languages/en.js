// The page in English. Another language is a file beside this one with the same texts, each a word or
// a function that puts numbers and names where they belong: languages differ in more than words.

export const texts = {
  /** What the language calls itself. */
  language: "English",

  desk: {
    pin: "Pin",
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
