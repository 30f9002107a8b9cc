// Style sheets of what is seldom shown.

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Load a module with the sheet that it is not shown without. A module that would wait for it itself could not be
 * had any more if that failed once.
 * @template T
 * @param {string} name
 * @param {Promise<T>} module
 */
export async function withSheet(name, module) {
  const [loaded] = await Promise.all([module, loadSheet(name)]);
  return loaded;
}

/**
 * Have a sheet of the page. One that cannot be had is asked for anew the next time.
 * @param {string} name
 */
function loadSheet(name) {
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
