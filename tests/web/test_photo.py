"""A photo is upright, small enough for the data channel, and tells nothing but what it shows."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ENCODE = """async ([data, limit]) => {
  const { encodePhoto, readPhoto, PhotoError } = await import("/photo.js");
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  try {
    return await encodePhoto(await readPhoto(new Blob([bytes])), limit);
  } catch (error) {
    return error instanceof PhotoError ? error.message : `another error: ${error}`;
  }
}"""
MIB = 1024 * 1024


async def encode(modules: Page, file: bytes, limit: int = MIB) -> str:
    result: str = await modules.evaluate(ENCODE, [base64.b64encode(file).decode(), limit])
    return result


def decode(url: str) -> tuple[bytes, Image.Image]:
    head, _, data = url.partition(",")
    assert head == "data:image/jpeg;base64"
    jpeg = base64.b64decode(data)
    return jpeg, Image.open(io.BytesIO(jpeg))


def noise(width: int, height: int) -> Image.Image:
    """The hardest picture to make small."""
    return Image.effect_noise((width, height), 120).convert("RGB")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


async def test_a_large_photo_becomes_1024_pixels_wide_and_at_most_180_kilobytes(modules: Page) -> None:
    jpeg, image = decode(await encode(modules, saved(Image.radial_gradient("L").resize((4000, 3000)), "JPEG")))
    assert image.size == (1024, 768)
    assert len(jpeg) <= 180_000


async def test_noise_shrinks_until_it_fits(modules: Page) -> None:
    url = await encode(modules, saved(noise(2000, 1500), "PNG"))
    jpeg, image = decode(url)
    assert len(jpeg) <= 180_000
    assert len(url) < 256 * 1024
    assert max(image.size) <= 1024


async def test_a_channel_of_64_kilobytes_gets_a_photo_that_fits_through_it(modules: Page) -> None:
    url = await encode(modules, saved(noise(1200, 900), "PNG"), 65_536)
    assert len(url) + 1000 < 65_536


async def test_a_small_photo_keeps_its_size(modules: Page) -> None:
    _, image = decode(await encode(modules, saved(Image.new("RGB", (60, 40), "red"), "PNG")))
    assert image.size == (60, 40)


async def test_a_photo_taken_sideways_stands_upright_and_loses_what_the_camera_wrote(modules: Page) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.0)  # where it was taken
    sideways = Image.new("RGB", (400, 200), "white")
    sideways.paste("red", (0, 0, 100, 200))
    jpeg, image = decode(await encode(modules, saved(sideways, "JPEG", exif=exif)))
    assert image.size == (200, 400)
    red, green, _ = image.convert("RGB").getpixel((100, 20))  # type: ignore[misc]
    assert red > 200 > green
    assert not image.getexif()
    assert b"A camera" not in jpeg


async def test_what_is_transparent_becomes_white(modules: Page) -> None:
    _, image = decode(await encode(modules, saved(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG")))
    assert min(image.convert("RGB").getpixel((25, 25))) > 250  # type: ignore[arg-type]


@pytest.mark.parametrize("file", [b"", b"%PDF-1.7 not a picture", b"\xff\xd8\xff\xe0 broken"])
async def test_a_file_that_is_no_picture_is_told(modules: Page, file: bytes) -> None:
    assert await encode(modules, file) == "photo_unreadable"


async def test_a_channel_too_narrow_for_any_photo_is_told(modules: Page) -> None:
    assert await encode(modules, saved(noise(600, 600), "PNG"), 2048) == "photo_too_large"
