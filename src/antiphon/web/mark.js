// @ts-check
/**
 * The mark: two arcs like cupped hands, left the caller's, right the other's. Each is as thick as its voice was loud: its
 * middle is now, its tips are a second ago. Everything that does not depend on loudness (colour, dashes, the drawing of
 * itself, the breathing) is CSS on `data-` attributes.
 */

const SVG = "http://www.w3.org/2000/svg";
const HISTORY_MS = 1000;
const SLOTS = 40;
const SOFTNESS = 4; // slots
const STEPS = 28; // points along half an arc
const HEIGHT = 120;
const REACH = 52; // half the arc's height
const DEPTH = 30; // how far it bulges
const MIDDLE = 16; // x of the left arc's middle
const THICKEST = 9;
const STILL_REDRAW_MS = 250;

export class Mark {
  /** @param {SVGSVGElement} svg  with viewBox 0 0 240 120 */
  constructor(svg) {
    this.arcs = [arc(svg, "you", 1), arc(svg, "them", -1)];
    this.stillness = matchMedia("(prefers-reduced-motion: reduce)");
    this.drawnAt = -Infinity;
  }

  /**
   * @param {number} at  milliseconds
   * @param {number} you  loudness, 0 to 1
   * @param {number} them
   */
  draw(at, you, them) {
    this.arcs[0].hear(at, you);
    this.arcs[1].hear(at, them);
    if (this.stillness.matches) {
      if (at - this.drawnAt < STILL_REDRAW_MS) return;
      for (const one of this.arcs) one.drawLength();
    } else {
      for (const one of this.arcs) one.drawWave();
    }
    this.drawnAt = at;
  }
}

/** @param {SVGSVGElement} svg @param {string} name @param {1|-1} side */
function arc(svg, name, side) {
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", `arc arc-${name}`);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("class", "arc-line");
  line.setAttribute("pathLength", "100");
  line.setAttribute("d", lineOf(side, 1));
  const wave = document.createElementNS(SVG, "path");
  wave.setAttribute("class", "arc-wave");
  group.append(line, wave);
  svg.append(group);
  return new Arc(side, line, wave);
}

class Arc {
  /** @param {1|-1} side @param {SVGPathElement} line @param {SVGPathElement} wave */
  constructor(side, line, wave) {
    this.side = side;
    this.line = line;
    this.wave = wave;
    this.past = new Float32Array(SLOTS); // newest first, one slot each HISTORY_MS / SLOTS
    this.shiftedAt = 0;
    this.now = 0;
    this.isWaving = false;
  }

  /** @param {number} at @param {number} loud */
  hear(at, loud) {
    // Up at once, down with a little weight: a meter that flickers says nothing.
    this.now = loud > this.now ? loud * 0.7 + this.now * 0.3 : loud * 0.2 + this.now * 0.8;
    const slots = Math.min(SLOTS, Math.floor((at - this.shiftedAt) / (HISTORY_MS / SLOTS)));
    if (slots > 0) {
      this.past.copyWithin(slots, 0);
      this.past.fill(this.now, 0, slots);
      this.shiftedAt = at;
    }
  }

  drawWave() {
    const isLoud = this.now > 0.01 || this.past.some((loud) => loud > 0.01);
    if (!isLoud && !this.isWaving) return; // at rest nothing is drawn anew
    this.isWaving = isLoud;
    this.wave.setAttribute("d", isLoud ? waveOf(this.side, (age) => smooth(this.past, age * (SLOTS - 1))) : "");
  }

  drawLength() {
    this.wave.setAttribute("d", "");
    this.line.setAttribute("d", lineOf(this.side, this.now > 0.02 ? 0.55 + 0.45 * this.now : 1));
  }
}

/** The mean of the slots around a place: speech is jagged, a hand is not. @param {Float32Array} past @param {number} place */
function smooth(past, place) {
  let sum = 0;
  let weights = 0;
  for (let slot = Math.floor(place) - SOFTNESS; slot <= place + SOFTNESS; slot++) {
    const weight = 1 + SOFTNESS - Math.abs(place - slot);
    if (weight <= 0) continue;
    sum += weight * past[Math.min(SLOTS - 1, Math.abs(slot))]; // mirrored at now: the arc has one middle
    weights += weight;
  }
  return sum / weights;
}

/** @param {1|-1} side @param {number} t  -1 top, 1 bottom @param {number} [off]  along the normal, outwards */
function point(side, t, off = 0) {
  const x = MIDDLE + DEPTH * t * t - off;
  const y = HEIGHT / 2 + REACH * t;
  return `${(side === 1 ? x : 240 - x).toFixed(2)} ${y.toFixed(2)}`;
}

/** @param {1|-1} side @param {number} length  0 to 1 of the whole */
function lineOf(side, length) {
  const points = [];
  for (let step = -STEPS; step <= STEPS; step++) points.push(point(side, (step / STEPS) * length));
  return `M${points.join("L")}`;
}

/** @param {1|-1} side @param {(age: number) => number} loudAt  age 0 now, 1 a second ago */
function waveOf(side, loudAt) {
  const outer = [];
  const inner = [];
  for (let step = -STEPS; step <= STEPS; step++) {
    const t = step / STEPS;
    const taper = 1 - t ** 4;
    const half = 0.9 + THICKEST * taper * loudAt(Math.abs(t));
    outer.push(point(side, t, half));
    inner.unshift(point(side, t, -half * 0.75));
  }
  return `M${outer.concat(inner).join("L")}Z`;
}
