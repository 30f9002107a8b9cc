// Style sheets of what is seldom shown.

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Have a sheet of the page before what it is for is shown: a module that waits for it is loaded with it or not at all,
 * and may be asked for again (shared/later.js). One that cannot be had is asked for anew the next time.
 * @param {string} name
 */
export function loadSheet(name) {
  const loading = loaded.get(name) ?? new Promise((done, fail) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = name;
    link.onload = () => done();
    link.onerror = () => {
      link.remove();
      loaded.delete(name);
      fail(new Error(name));
    };
    document.head.append(link);
  });
  loaded.set(name, loading);
  return loading;
}
