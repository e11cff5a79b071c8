"""What the stand-in for kie makes is real: pictures that open, films whose frames are those pictures, sounds."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops

from sandbox.kie.pictures import Picture
from sandbox.kie.sounds import NOTE, melody
from sandbox.kie.videos import RATE
from sandbox.kie.works import Work, make, work_of

WHITE = (255, 255, 255)
SOURCE = "http://kie.sandbox/files/uploads/1/inputs/source.png"


def nothing(_url: str) -> None:
    return None


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def made(model: str, sources: dict[str, bytes] | None = None, **given: object) -> bytes:
    """The first file that a model makes."""
    return make(model, given, work_of(model, given), 1, (sources or {}).get)


def colours(image: Image.Image) -> set[object]:
    """All colours in a picture."""
    return {colour for _, colour in image.getcolors(image.width * image.height) or []}


def source() -> bytes:
    """A picture of 300 by 200 points, red."""
    content = io.BytesIO()
    Image.new("RGB", (300, 200), (200, 30, 30)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("model", "given", "work"),
    [
        ("z-image", {}, Work("image", "png")),
        ("z-image", {"output_format": "jpeg"}, Work("image", "jpg")),
        ("nano-banana-2", {"output_format": "jpg"}, Work("image", "jpg")),
        ("ideogram/character", {"num_images": "2"}, Work("image", "png", 2)),
        ("wan/2-7-image", {"n": 9}, Work("image", "png", 4)),
        ("recraft/remove-background", {"output_format": "jpg"}, Work("image", "png")),
        ("bytedance/seedance-2-5", {}, Work("video", "mp4")),
        ("topaz/video-upscale", {}, Work("video", "mp4")),
        ("kling/ai-avatar-pro", {}, Work("video", "mp4")),
        ("infinitalk/from-audio", {}, Work("video", "mp4")),
        ("elevenlabs/text-to-speech-turbo-2-5", {}, Work("audio", "wav")),
        ("elevenlabs/audio-isolation", {}, Work("audio", "wav")),
        ("a/model-that-nobody-knows", {}, Work("image", "png")),
    ],
)
def test_what_a_model_makes(model: str, given: dict[str, object], work: Work) -> None:
    """By words of its id; in the format and as often as was asked for."""
    assert work_of(model, given) == work


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "9:16", "4:3", "21:9", "1:8", "auto", "nonsense"])
@pytest.mark.parametrize("output_format", ["png", "jpeg"])
def test_a_picture_has_its_ratio(ratio: str, output_format: str) -> None:
    """Pillow opens it, in its format; where nothing is asked for it is square."""
    image = opened(made("z-image", prompt="a fox in the snow", aspect_ratio=ratio, output_format=output_format))
    assert image.format == output_format.upper()
    width, _, height = ratio.partition(":") if ":" in ratio else ("1", "", "1")
    assert image.width / image.height == pytest.approx(int(width) / int(height), rel=0.02)
    assert max(image.size) == 1024


@pytest.mark.parametrize(
    "prompt", ["", "x", "Рыжий кот на подоконнике", "w" * 5_000, "word " * 2_000, "a\x00b\ud800\n\n\tc", "🦊" * 50, " "]
)
def test_any_prompt_is_drawn(prompt: str) -> None:
    """Long, empty, in any letters."""
    assert opened(made("z-image", prompt=prompt)).size == (1024, 1024)


def test_the_prompt_stands_in_the_picture() -> None:
    """With a text there is white in the middle, where the background has none."""
    image = Picture("a fox in the snow", "z-image").image()
    middle = image.crop((200, 400, 824, 624))
    background = Picture("a fox in the snow", "z-image")._background((1024, 1024))
    assert WHITE in colours(middle)
    assert WHITE not in colours(background)


def test_a_prompt_has_a_picture_of_its_own() -> None:
    """The same one each time, and another for another prompt, or for the second file of the same."""
    assert made("z-image", prompt="a fox") == made("z-image", prompt="a fox")
    assert made("z-image", prompt="a fox") != made("z-image", prompt="a fix")
    given = {"prompt": "a fox", "num_images": 2}
    work = work_of("z-image", given)
    assert make("z-image", given, work, 1, nothing) != make("z-image", given, work, 2, nothing)


def test_an_edit_is_the_given_picture_with_a_mark() -> None:
    """What was given is still there, but for the line along the edge."""
    given = opened(source())
    image = opened(made("qwen2/image-edit", {SOURCE: source()}, prompt="bluer", image_url=SOURCE)).convert("RGB")
    assert image.size == given.size
    left, top, right, bottom = ImageChops.difference(image, given.convert("RGB")).getbbox() or (0, 0, 0, 0)
    assert top >= 170
    assert (right, bottom) == given.size
    assert left == 0


def test_an_edit_may_have_another_ratio() -> None:
    """Then it is cut where it sticks out."""
    edited = made("flux-2/pro-image-to-image", {SOURCE: source()}, input_urls=[SOURCE], aspect_ratio="1:1", prompt="a")
    assert opened(edited).size == (200, 200)


def test_an_upscale_is_larger() -> None:
    """Twice as large."""
    assert opened(made("topaz/image-upscale", {SOURCE: source()}, image_url=SOURCE)).size == (600, 400)


def test_a_removed_background_is_transparent() -> None:
    """In the corners; the middle stays."""
    image = opened(made("recraft/remove-background", {SOURCE: source()}, image=SOURCE))
    assert image.mode == "RGBA"
    corner, middle = image.getpixel((0, 0)), image.getpixel((150, 100))
    assert isinstance(corner, tuple)
    assert corner[3] == 0
    assert middle == (200, 30, 30, 255)


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(50), source()[:60], b"GIF89a" + bytes(9)]
)
def test_a_source_that_is_no_picture_is_left_out(content: bytes) -> None:
    """The prompt is drawn instead."""
    image = opened(made("qwen2/image-edit", {SOURCE: content}, prompt="bluer", image_url=SOURCE))
    assert image.size == (1024, 1024)


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of an MP4 file, or of a box that holds boxes."""
    while content:
        (length,) = struct.unpack(">I", content[:4])
        assert 8 <= length <= len(content)
        yield content[4:8], content[8:length]
        content = content[length:]


def box(content: bytes, *path: bytes) -> bytes:
    """The content of the box at this path."""
    for kind in path:
        content = dict(boxes(content))[kind]
    return content


@pytest.mark.parametrize(
    ("ratio", "size"), [("16:9", (320, 176)), ("9:16", (176, 320)), ("1:1", (320, 320)), ("adaptive", (320, 320))]
)
def test_a_film_is_an_mp4_of_its_size_and_length(ratio: str, size: tuple[int, int]) -> None:
    """Each box ends where it says, and the table of samples covers the data to its last byte."""
    film = made("kling-2.6/text-to-video", prompt="a fox", aspect_ratio=ratio, duration="3")
    assert [kind for kind, _ in boxes(film)] == [b"ftyp", b"moov", b"mdat"]
    track = box(film, b"moov", b"trak")
    assert struct.unpack(">II", box(track, b"tkhd")[-8:]) == (size[0] << 16, size[1] << 16)
    assert struct.unpack(">II", box(track, b"mdia", b"mdhd")[12:20]) == (RATE, 3 * RATE)
    table = box(track, b"mdia", b"minf", b"stbl")
    sizes = struct.unpack(f">{3 * RATE}I", box(table, b"stsz")[12:])
    (start,) = struct.unpack(">I", box(table, b"stco")[8:])
    assert start + sum(sizes) == len(film)
    at = start
    for each in sizes:
        (length,) = struct.unpack(">I", film[at : at + 4])
        assert length == each - 4
        assert film[at + 4] == 0x65  # a key frame
        at += each


def test_the_first_frame_is_the_picture() -> None:
    """Its samples, read from the stream by the rules of I_PCM, are the picture's, as near as video's range allows."""
    given = {SOURCE: source()}
    film = made("hailuo/2-3-image-to-video-pro", given, prompt="it moves", image_url=SOURCE)
    track = box(film, b"moov", b"trak")
    table = box(track, b"mdia", b"minf", b"stbl")
    (start,) = struct.unpack(">I", box(table, b"stco")[8:])
    (size,) = struct.unpack(">I", box(table, b"stsz")[12:16])
    width, height = (side >> 16 for side in struct.unpack(">II", box(track, b"tkhd")[-8:]))
    blocks = (width // 16) * (height // 16)
    # From the end, where the stop bit is: 384 bytes a block, and two in front of each but the first.
    samples = film[start : start + size][-1 - 386 * blocks + 2 : -1]
    assert samples[384:386] == bytes((0x0D, 0x00))
    luma, blue, red = samples[0], samples[256], samples[320]
    y, cb, cr = Image.new("RGB", (1, 1), (200, 30, 30)).convert("YCbCr").getpixel((0, 0))  # type: ignore[misc]
    assert abs(luma - (16 + y * 219 / 255)) <= 2
    assert abs(blue - (16 + cb * 224 / 255)) <= 2
    assert abs(red - (16 + cr * 224 / 255)) <= 2


def test_a_video_that_is_given_comes_back() -> None:
    """Nothing here could change it."""
    film = made("kling-2.6/text-to-video", prompt="a fox")
    assert made("topaz/video-upscale", {SOURCE: film}, video_url=SOURCE) == film


@pytest.mark.parametrize("text", ["", "Hello there", "Привет", "a" * 5_000])
def test_a_sound_is_a_melody_of_its_text(text: str) -> None:
    """As long as its letters, and bounded."""
    with wave.open(io.BytesIO(made("elevenlabs/text-to-speech-turbo-2-5", text=text))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        seconds = sound.getnframes() / sound.getframerate()
        assert any(sound.readframes(1_000))
    assert seconds == pytest.approx(NOTE * max(min(len(text), 80), 1), rel=0.01)


def test_a_sound_that_is_given_comes_back() -> None:
    """The voice of it is all of it."""
    sound = melody("hello")
    assert made("elevenlabs/audio-isolation", {SOURCE: sound}, audio_url=SOURCE) == sound
    assert melody("hello") != melody("hallo")
