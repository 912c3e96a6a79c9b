"""Pictures are measured, never guessed at; what is no picture is refused in plain words."""

from __future__ import annotations

import asyncio
import base64
import io
import shutil
import struct
import zlib
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from antiphon.engine.stages import ImageContent, StageOptions
from antiphon.engine.vision.lettering import read_lettering, words_from_tsv
from antiphon.engine.vision.measured import CANNOT_TELL, MeasuredVision, open_vision
from antiphon.engine.vision.measures import measure, to_lab
from antiphon.engine.vision.pictures import LARGEST_FILE, WORKING_EDGE, read_picture
from antiphon.errors import StageError

needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def encoded(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)  # type: ignore[arg-type]
    return buffer.getvalue()


def url_of(image: Image.Image | bytes, kind: str = "PNG", **settings: object) -> str:
    data = image if isinstance(image, bytes) else encoded(image, kind, **settings)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data).decode()}"


def photo(
    width: int = 640, height: int = 480, *, seed: int = 1, base: tuple[int, int, int] = (120, 140, 90)
) -> Image.Image:
    """Something with a photo's noise and soft shapes."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 90, (12, 16, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    noisy = np.asarray(coarse, dtype=np.float64) - 45 + np.array(base) + rng.normal(0, 6, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@pytest.fixture
async def vision() -> AsyncIterator[MeasuredVision]:
    stage = open_vision(StageOptions(extra={"tesseract": "off"}))
    await stage.start()
    yield stage
    await stage.aclose()


async def told(vision: MeasuredVision, image: Image.Image | bytes, kind: str = "PNG", **settings: object) -> str:
    return await vision.look(ImageContent(url_of(image, kind, **settings)))


async def test_size_shape_and_colours_are_told_and_that_it_does_not_know_more(vision: MeasuredVision) -> None:
    picture = Image.new("RGB", (1200, 800), "navy")
    ImageDraw.Draw(picture).rectangle((0, 0, 400, 800), fill="orange")
    text = await told(vision, picture)
    assert text.startswith("The picture is 1200 by 800 pixels, landscape, mostly blue with orange.")
    assert text.endswith(CANNOT_TELL)
    assert "blurred" not in text


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
async def test_every_usual_format_is_read(vision: MeasuredVision, kind: str) -> None:
    text = await told(vision, photo(300, 400), kind)
    assert "300 by 400 pixels, portrait" in text
    assert text.endswith(CANNOT_TELL)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr"])
async def test_every_mode_is_read(vision: MeasuredVision, mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray((np.arange(4096, dtype=np.uint16) * 16).reshape(64, 64))
    else:
        picture = photo(64, 64).convert(mode)
    text = await told(vision, picture, "JPEG" if mode in ("CMYK", "YCbCr") else "PNG")
    assert "64 by 64 pixels, square" in text


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("red", (200, 20, 30)), ("red", (255, 0, 0)), ("green", (0, 128, 0)), ("green", (0, 255, 0)),
        ("blue", (0, 0, 255)), ("blue", (0, 0, 128)), ("blue", (135, 206, 235)), ("yellow", (255, 255, 0)),
        ("orange", (255, 140, 0)), ("purple", (128, 0, 128)), ("pink", (255, 105, 180)), ("brown", (139, 69, 19)),
        ("black", (5, 5, 5)), ("white", (250, 250, 250)), ("gray", (128, 128, 128)),
        ("turquoise", (64, 224, 208)), ("beige", (222, 200, 170)),
    ],
)  # fmt: skip
async def test_colours_have_the_names_that_people_give_them(
    vision: MeasuredVision, name: str, colour: tuple[int, int, int]
) -> None:
    assert f"and all {name}." in await told(vision, Image.new("RGB", (40, 40), colour))


async def test_light_contrast_and_blur_are_told_when_they_stand_out(vision: MeasuredVision) -> None:
    assert "quite dark" in await told(vision, photo(base=(30, 30, 30)))
    assert "very bright" in await told(vision, photo(base=(240, 240, 240)))
    haze = Image.fromarray(np.linspace(110, 140, 90, dtype=np.uint8)[None, :].repeat(90, axis=0))
    assert "low in contrast" in await told(vision, haze)
    blurred = photo().filter(ImageFilter.GaussianBlur(12))
    assert "rather blurred" in await told(vision, blurred, "JPEG", quality=90)
    sharp = photo()
    ImageDraw.Draw(sharp).rectangle((100, 100, 400, 300), fill="white")
    assert "blurred" not in await told(vision, sharp, "JPEG", quality=90)
    assert "in shades of gray" in await told(vision, photo().convert("L"))


async def test_a_drawing_is_told_from_a_photo(vision: MeasuredVision) -> None:
    screen = Image.new("RGB", (800, 600), "white")
    pen = ImageDraw.Draw(screen)
    for row in range(10):
        pen.text((20, 20 + 40 * row), "A line of text on a screen", fill="black")
    pen.rectangle((0, 500, 800, 600), fill="steelblue")
    assert "drawing or a screenshot" in await told(vision, screen)
    for kind in ("PNG", "JPEG"):
        assert "drawing" not in await told(vision, photo(), kind)


async def test_transparency_and_animation_are_told(vision: MeasuredVision) -> None:
    sign = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(sign).ellipse((30, 30, 70, 70), fill="red")
    assert "partly transparent" in await told(vision, sign)
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "blue")]
    text = await told(vision, frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert "animation, of which I see the first frame" in text
    assert "all red" in text


async def test_a_turned_camera_is_turned_back(vision: MeasuredVision) -> None:
    picture = Image.new("RGB", (400, 200), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert "200 by 400 pixels, portrait" in await told(vision, picture, "JPEG", exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_exif_orientation_is_put_upright(orientation: int) -> None:
    stored = Image.new("RGB", (80, 40), "blue")
    ImageDraw.Draw(stored).rectangle((0, 0, 20, 10), fill="red")
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = read_picture(url_of(stored, "PNG", exif=exif))
    corners = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}
    width, height = upright.image.size
    assert (width, height) == (upright.width, upright.height) == ((40, 80) if orientation > 4 else (80, 40))
    across, down = corners[orientation]
    red, _, blue = upright.image.getpixel((across * (width - 1), down * (height - 1)))  # type: ignore[misc]
    assert red > 200
    assert blue < 50


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_does_not_spoil_a_picture() -> None:
    assert read_picture(url_of(photo(60, 40), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")).width == 60


def test_large_pictures_are_measured_small() -> None:
    picture = read_picture(url_of(photo().resize((4000, 3000)), "JPEG"))
    assert (picture.width, picture.height) == (4000, 3000)
    assert max(picture.image.size) <= WORKING_EDGE


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


WHOLE = encoded(photo(200, 150), "JPEG")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.com/cat.png", "nothing is fetched"),
        ("HTTP://example.com/cat.png", "nothing is fetched"),
        ("cat.png", "must come as a data URL"),
        ("", "must come as a data URL"),
        ("data:image/png;base64", "must come as a data URL"),
        ("file:///etc/passwd", "must come as a data URL"),
        ("data:text/plain,hello", "not a picture"),
        ("data:application/pdf;base64,AAAA", "not a picture"),
        ("data:image/png;base64,@@@@", "not valid base64"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/png;base64,A", "not valid base64"),
        ("data:image/png;base64,aGVsbG8gd29ybGQ=", "not a picture in a format"),
        ("data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture in a format"),
        (url_of(WHOLE[:400], "JPEG"), "could not be decoded"),
        (url_of(WHOLE[: len(WHOLE) // 2], "JPEG"), "broken or cut off"),
        (url_of(png_that_claims(300, 200)), "broken or cut off"),
        (url_of(png_that_claims(60_000, 60_000)), "too large"),
        (url_of(png_that_claims(2**31 - 1, 2**31 - 1)), "could not be decoded|too large"),
        ("data:image/png;base64," + "A" * (LARGEST_FILE * 4 // 3 + 1000), "larger than 20 megabytes"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_no_whole_picture_is_refused_in_plain_words(
    vision: MeasuredVision, url: str, reason: str
) -> None:
    with pytest.raises(StageError, match=reason):
        await vision.look(ImageContent(url))


def test_base64_as_careless_senders_write_it_is_read() -> None:
    data = encoded(photo(60, 40, seed=3), "JPEG")
    plain = base64.b64encode(data).decode()
    lines = "\n".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    for body in (lines, plain.rstrip("="), base64.urlsafe_b64encode(data).decode()):
        assert read_picture(f"data:image/jpeg;base64,{body}").width == 60
    assert read_picture(f"data:;base64,{plain}").width == 60


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"RIFF0000WEBP", b"BM"]),
)
def test_any_bytes_are_a_picture_or_a_stage_error(data: bytes, magic: bytes) -> None:
    try:
        picture = read_picture("data:image/png;base64," + base64.b64encode(magic + data).decode())
    except StageError:
        return
    assert picture.width > 0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_picture_is_a_picture_or_a_stage_error(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from([WHOLE, encoded(photo(20, 20)), encoded(photo(20, 20), "GIF")])))
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        picture = read_picture(url_of(bytes(damaged)))
    except StageError:
        return
    measure(np.asarray(picture.image.convert("RGB"), dtype=np.float64) / 255.0)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 2)])
async def test_tiny_pictures_are_measured_too(vision: MeasuredVision, size: tuple[int, int]) -> None:
    assert f"{size[0]} by {size[1]} pixels" in await told(
        vision, photo(*size) if min(size) > 1 else Image.new("RGB", size)
    )


def test_lab_is_the_standards_lab() -> None:
    # Values of CIE L*a*b* (D65, 2 degrees) for sRGB primaries, as commonly tabulated.
    known = {(255, 255, 255): (100, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20), (0, 0, 255): (32.30, 79.19, -107.86)}
    for rgb, lab in known.items():
        assert to_lab(np.array(rgb, dtype=np.float64) / 255) == pytest.approx(lab, abs=0.05)


async def test_the_loop_runs_on_while_a_picture_is_measured_and_looking_can_be_cancelled(
    vision: MeasuredVision,
) -> None:
    large = url_of(photo().resize((3000, 2000)), "JPEG")
    looks = [asyncio.create_task(vision.look(ImageContent(large))) for _ in range(3)]
    ticks = 0
    while not looks[0].done():
        await asyncio.sleep(0)
        ticks += 1
    assert ticks > 5
    looks[2].cancel()
    assert "3000 by 2000" in await looks[1]
    with pytest.raises(asyncio.CancelledError):
        await looks[2]


async def test_too_many_pictures_at_once_are_refused_and_closing_twice_is_closing_once(vision: MeasuredVision) -> None:
    url = url_of(photo(800, 600))
    looks = [asyncio.create_task(vision.look(ImageContent(url))) for _ in range(40)]
    await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
    await vision.aclose()
    await vision.aclose()
    ends = await asyncio.wait_for(asyncio.gather(*looks, return_exceptions=True), 30)
    assert all(isinstance(end, str | StageError) for end in ends)
    assert any("Too many pictures" in str(end) for end in ends)
    assert any("closed" in str(end) for end in ends)
    with pytest.raises(StageError, match="closed"):
        await vision.look(ImageContent(url))


TSV = "level\tconf\ttext\n5\t96.1\tGRAND\n5\t91\tOPENING!\n5\t40\tNim\n5\t99\tiy,\n5\t95\t|||\n5\t-1\t\n5\tx\tbad\n5\n"


def test_only_certain_words_of_some_length_are_believed() -> None:
    assert words_from_tsv(TSV) == ["GRAND", "OPENING!"]
    assert words_from_tsv("") == []
    assert words_from_tsv("no\theader\n1\t2") == []


def poster() -> Image.Image:
    picture = Image.new("RGB", (900, 400), "white")
    ImageDraw.Draw(picture).text((60, 140), "GRAND OPENING", fill="black", font=ImageFont.load_default(size=90))
    return picture


@needs_tesseract
async def test_printed_words_are_read_and_a_photo_has_none() -> None:
    stage = open_vision(StageOptions())
    assert "tesseract" in stage.describe().name
    assert "I can read: GRAND OPENING." in await told(stage, poster())
    text = await told(stage, photo(), "JPEG")
    assert "I can read" not in text
    assert text.endswith(CANNOT_TELL)
    await stage.aclose()


@needs_tesseract
def test_reading_that_takes_too_long_or_has_no_program_reads_nothing() -> None:
    program = shutil.which("tesseract")
    assert program is not None
    assert read_lettering(program, poster(), timeout=0.001) == []
    assert read_lettering("/nonexistent/tesseract", poster()) == []


async def test_it_describes_itself_as_what_it_is(vision: MeasuredVision) -> None:
    described = vision.describe()
    assert described.embedded
    assert "not what it shows" in described.summary
    assert "tesseract" in str(described.improve)
