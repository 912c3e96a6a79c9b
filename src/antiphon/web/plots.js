// @ts-check
/** Small drawings of numbers over time, as SVG. Pure: numbers in, an element out. Not here: what they mean. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 24;

/**
 * A line through the values, the newest at the right; a gap where one is unknown.
 * @param {readonly (number|null)[]} values @param {{most: number, room: number}} scale
 *   most: the value at the top, if none is higher; room: how many values fit into the width
 */
export function sparkline(values, { most, room }) {
  const top = Math.max(most, ...values.map((value) => value ?? 0));
  const step = WIDTH / Math.max(1, room - 1);
  const begin = WIDTH - step * (values.length - 1);
  let path = "";
  let isDrawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDrawing = false;
      return;
    }
    const x = (begin + index * step).toFixed(1);
    const y = (HEIGHT - 1 - (value / (top || 1)) * (HEIGHT - 2)).toFixed(1);
    path += `${isDrawing ? "L" : "M"}${x} ${y}`;
    isDrawing = true;
  });
  const picture = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "spark" });
  picture.append(shape("path", { d: path || "M0 0" }));
  return picture;
}

/**
 * One turn as a row of pieces, each as wide as it took.
 * @param {readonly {name: string, ms: number}[]} pieces @param {number} widestMs  what fills the whole width
 */
export function waterfall(pieces, widestMs) {
  const picture = shape("svg", { viewBox: `0 0 ${WIDTH} 8`, preserveAspectRatio: "none", "aria-hidden": "true", class: "fall" });
  let x = 0;
  for (const { name, ms } of pieces) {
    const width = (WIDTH * ms) / Math.max(1, widestMs);
    picture.append(shape("rect", { x: x.toFixed(2), y: 0, width: Math.max(0.4, width - 0.4).toFixed(2), height: 8, class: `fall-${name}` }));
    x += width;
  }
  return picture;
}

/** @param {string} name @param {Record<string, string|number>} attributes */
function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
