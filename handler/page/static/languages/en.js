// The page in English. Another language is a file beside this one with the same texts, each a word or
// a function that puts numbers and names where they belong: languages differ in more than words.

export const texts = {
  /** What the language calls itself. */
  language: "English",
};
