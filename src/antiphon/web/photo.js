// @ts-check
/**
 * A photo made small enough to send: at most 1024 pixels on its longer side, a JPEG of at most 180 KB and of what the
 * data channel carries in one message. A larger one closes the channel of some peers without a word.
 *
 * Drawing it anew turns it upright and leaves its EXIF data (place, device, time) behind.
 */

export const LONGEST_SIDE = 1024;
export const MOST_BYTES = 180_000;
const ROOM_FOR_EVENT = 1_024; // the JSON around the picture
const QUALITIES = [0.82, 0.7, 0.58, 0.46];
const SHRINK = 0.8;
const SMALLEST_SIDE = 128;

export class PhotoError extends Error {
  name = "PhotoError";
}

/**
 * @param {Blob} file
 * @returns {Promise<ImageBitmap>} upright, at most 1024 pixels on its longer side
 */
export async function readPhoto(file) {
  /** @type {ImageBitmap} */
  let whole;
  try {
    whole = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new PhotoError("photo_unreadable");
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(whole.width, whole.height));
  const size = { width: Math.max(1, Math.round(whole.width * scale)), height: Math.max(1, Math.round(whole.height * scale)) };
  const canvas = draw(whole, size.width, size.height);
  whole.close();
  return createImageBitmap(canvas);
}

/**
 * @param {ImageBitmap} photo
 * @param {number} messageLimit  bytes that one event may have
 * @returns {Promise<string>} a JPEG as data URL
 */
export async function encodePhoto(photo, messageLimit) {
  const limit = Math.min(MOST_BYTES, Math.floor((messageLimit - ROOM_FOR_EVENT) * 0.74)); // base64 adds a third
  let { width, height } = photo;
  while (Math.max(width, height) >= Math.min(SMALLEST_SIDE, Math.max(photo.width, photo.height))) {
    const canvas = draw(photo, Math.round(width), Math.round(height));
    for (const quality of QUALITIES) {
      const blob = await new Promise((/** @type {(blob: Blob|null) => void} */ resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
      if (blob && blob.size <= limit) return asDataUrl(blob);
    }
    width *= SHRINK;
    height *= SHRINK;
  }
  throw new PhotoError("photo_too_large");
}

/** @param {CanvasImageSource} source @param {number} width @param {number} height */
function draw(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, width);
  canvas.height = Math.max(1, height);
  const context = canvas.getContext("2d");
  if (!context) throw new PhotoError("photo_unreadable");
  context.fillStyle = "#fff"; // what is transparent would turn black in a JPEG
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @param {Blob} blob @returns {Promise<string>} */
function asDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.addEventListener("error", () => reject(new PhotoError("photo_unreadable")));
    reader.readAsDataURL(blob);
  });
}

/** @param {ImageBitmap} photo @param {HTMLCanvasElement} picture  takes its shape, small */
export function drawPreview(photo, picture) {
  const { width, height } = photo;
  const scale = Math.min(1, 320 / Math.max(width, height));
  picture.width = Math.max(1, Math.round(width * scale));
  picture.height = Math.max(1, Math.round(height * scale));
  picture.getContext("2d")?.drawImage(photo, 0, 0, picture.width, picture.height);
}
