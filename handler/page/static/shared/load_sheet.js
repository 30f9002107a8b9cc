// Style sheets of what is seldom shown.

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Have a sheet of the page before what it is for is shown; without it that is shown as it is.
 * @param {string} name
 */
export function loadSheet(name) {
  const loading = loaded.get(name) ?? new Promise((done) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = name;
    link.onload = link.onerror = () => done();
    document.head.append(link);
  });
  loaded.set(name, loading);
  return loading;
}
