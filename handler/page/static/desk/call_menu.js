// What can be done with an open call, in its menu. Loaded when a menu is opened first.

import { momentLink } from "./desk_address.js";
import { openMenu } from "./menu.js";
import { texts } from "../shared/texts.js";
import { authorization } from "../partyline/token.js";

/** @import { CallPanel } from "./call_panel.js" */
/** @import { Item } from "./menu.js" */

const FORMS = ["txt", "srt", "vtt", "json"];

/** @param {CallPanel} panel */
export function openCallMenu(panel) {
  openMenu(panel.parts.menu, texts.desk.toolsOf(panel.name), items(panel));
}

/**
 * @param {CallPanel} panel
 * @returns {Item[]}
 */
function items(panel) {
  const { callSid } = panel.transcript;
  const { number } = panel;
  const link = new URL(`#${momentLink({ callSid, at: NaN })}`, location.href).href;
  return [
    { label: texts.desk.find, run: () => panel.finder.open() },
    { label: texts.desk.pin, checked: panel.pinned, run: () => panel.listener.pinned() },
    { label: texts.desk.copy, run: () => panel.take(String(panel.shown.view), texts.desk.copied) },
    { label: texts.desk.copyLink, run: () => panel.take(link, texts.desk.linkCopied) },
    ...number ? [{ label: texts.desk.follow(number), run: () => panel.listener.followed(number) }] : [],
    ...FORMS.map((form) => ({
      label: texts.desk.download(form.toUpperCase()),
      short: `↓ ${form.toUpperCase()}`,
      run: () => download(panel, form),
    })),
  ];
}

/**
 * Save what the API says, as a file.
 * @param {CallPanel} panel
 * @param {string} form
 */
async function download(panel, form) {
  const { callSid } = panel.transcript;
  try {
    const answer = await fetch(`calls/${callSid}/transcript.${form}`, { headers: authorization(panel.token) });
    if (!answer.ok) throw new Error(texts.desk.answered(answer.status));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = `${callSid}.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) {
    panel.tell(texts.desk.notDownloaded(error instanceof Error ? error.message : String(error)));
  }
}
