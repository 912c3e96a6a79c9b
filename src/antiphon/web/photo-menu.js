// @ts-check
/** The small menu of the photo button: a picture that is there, or the camera. By mouse, finger and keyboard. */
import { byId } from "./page.js";

const MARGIN = 8;

/** @param {{hasChoice: () => boolean, onFile: () => void, onCamera: () => void}} owner  hasChoice: false when there is nothing but files */
export function bindMenu(owner) {
  const opener = byId("photo");
  const menu = byId("photo-menu");
  const items = [byId("photo-choose"), byId("photo-camera")];

  // `popovertarget` in the page lets the browser know whose menu it is: a tap on the button is none beside the menu.
  opener.addEventListener("click", (event) => {
    event.preventDefault();
    if (!owner.hasChoice()) owner.onFile();
    else if (menu.matches(":popover-open")) menu.hidePopover();
    else show();
  });
  menu.addEventListener("toggle", (event) => opener.setAttribute("aria-expanded", String(/** @type {ToggleEvent} */ (event).newState === "open")));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Tab") event.stopPropagation(); // Esc closes the menu, not the answer's mouth
    const at = items.indexOf(/** @type {HTMLElement} */ (event.target));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      items.at(to % items.length)?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      menu.hidePopover();
      opener.focus(); // from where Tab goes on
    }
  });
  items.forEach((item, index) => {
    item.addEventListener("click", () => {
      menu.hidePopover();
      opener.focus();
      if (index === 0) owner.onFile();
      else owner.onCamera();
    });
  });

  function show() {
    const { left, top } = opener.getBoundingClientRect();
    menu.showPopover();
    menu.style.left = `${Math.max(MARGIN, Math.min(innerWidth - menu.offsetWidth - MARGIN, left))}px`;
    menu.style.top = `${Math.max(MARGIN, top - menu.offsetHeight - MARGIN)}px`;
    items[0]?.focus();
  }
}
