"""Files at the stand-in for Telegram: by file_id, by URL and uploaded, in messages, albums, edits and downloads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.answers import ApiAnswer
from sandbox.file_types import mime_type_of, picture_size, video_facts
from sandbox.files import MAX_STORED, FileKind, Files
from sandbox.kie.pictures import Picture
from sandbox.kie.videos import film
from sandbox.media import MAX_PHOTO, MAX_PHOTO_URL, MAX_UPLOAD, MAX_URL, SEND_METHODS, WITHOUT_CAPTION
from sandbox.params import Upload
from sandbox.samples import gif, png, sample, webp
from sandbox.telegram import DEMO_TOKEN, Telegram
from tests.manual_clock import ManualClock
from tests.sandbox_calls import why

USER = 7
URL = "http://127.0.0.1:9/made.png"
MENU = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
PHOTO = Upload("a.png", png(1200, 600))
FORCE_REPLY = {"force_reply": True}


@pytest.fixture
def telegram() -> Telegram:
    telegram = Telegram(now=ManualClock())
    telegram.user_sends_text(USER, "/start")
    return telegram


def call(telegram: Telegram, method: str, /, **params: Any) -> ApiAnswer:
    return telegram.call(DEMO_TOKEN, method, {"chat_id": USER, **params})


def call_with(telegram: Telegram, fetched: dict[str, Upload], method: str, /, **params: Any) -> ApiAnswer:
    """A call whose URLs lead to these files."""
    return telegram.call(DEMO_TOKEN, method, {"chat_id": USER, **params}, fetched=fetched)


def sent(answer: ApiAnswer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    message: dict[str, Any] = answer.body["result"]
    return message


def the_file(message: dict[str, Any], kind: FileKind) -> dict[str, Any]:
    found: dict[str, Any] = message["photo"][-1] if kind is FileKind.PHOTO else message[kind]
    return found


@pytest.mark.parametrize(("method", "kind"), SEND_METHODS.items())
def test_a_file_is_uploaded_and_sent_again_by_its_id(telegram: Telegram, method: str, kind: FileKind) -> None:
    """Both messages hold the same file, with the caption where there may be one."""
    more: dict[str, Any] = {"caption": "<b>Cat</b>", "parse_mode": "HTML", "reply_markup": MENU}
    first = sent(call(telegram, method, **{kind: sample(kind)}, **more))
    again = sent(call(telegram, method, **{kind: the_file(first, kind)["file_id"]}, **more))
    for message in (first, again):
        assert the_file(message, kind) == the_file(first, kind)
        assert message["reply_markup"] == MENU
        assert message.get("caption") == (None if kind in WITHOUT_CAPTION else "Cat")
        assert "text" not in message
    (one, two) = telegram.sent(USER)
    assert one.method == two.method == method
    assert one.file_id == two.file_id == the_file(first, kind)["file_id"] == two.source
    assert one.source == sample(kind).name
    assert one.text == first.get("caption", "")


@pytest.mark.parametrize(("method", "kind"), SEND_METHODS.items())
def test_a_call_without_a_file_is_refused(telegram: Telegram, method: str, kind: FileKind) -> None:
    nothing = f"Bad Request: there is no {kind.replace('_', ' ')} in the request"
    assert why(call(telegram, method)) == nothing
    assert why(call(telegram, method, **{kind: "attach://missing"})) == nothing


def test_a_photo_has_its_sizes_the_whole_one_last(telegram: Telegram) -> None:
    """Width and height are those of the picture; every size has an id of its own that sends the same photo."""
    sizes = sent(call(telegram, "sendPhoto", photo=PHOTO))["photo"]
    assert [(size["width"], size["height"]) for size in sizes] == [(90, 45), (320, 160), (800, 400), (1200, 600)]
    assert len({size["file_id"] for size in sizes}) == len(sizes)
    again = sent(call(telegram, "sendPhoto", photo=sizes[0]["file_id"]))
    assert again["photo"] == sizes


@pytest.mark.parametrize(
    ("content", "size", "mime_type"),
    [
        (png(3, 2), (3, 2), "image/png"),
        (gif(300, 2), (300, 2), "image/gif"),
        (webp(512, 70_000), (512, 70_000), "image/webp"),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (9 | 4 << 14).to_bytes(4, "little"), (10, 5), "image/webp"),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + b"\x0a\0\x05\0", (10, 5), "image/webp"),
        (b"\xff\xd8\xff\xe0\0\4xx\xff\xc0\0\x11\x08\0\5\0\x0a", (10, 5), "image/jpeg"),
        (b"\xff\xd8\xff\xe0", None, "image/jpeg"),
        (png(3, 2)[:18], None, "image/png"),
        (b"RIFF\0\0\0\0WAVE", None, "audio/x-wav"),
        (b"text", None, "application/octet-stream"),
        (b"", None, "application/octet-stream"),
    ],
)
def test_a_picture_is_known_by_its_header(content: bytes, size: tuple[int, int] | None, mime_type: str) -> None:
    assert picture_size(content) == size
    assert mime_type_of(content) == mime_type


@pytest.mark.parametrize(
    ("told", "mime_type"),
    [
        ("Video/X-Odd; codecs=1", "video/x-odd"),
        ("video/é", "text/plain"),
        ("video/\x01", "text/plain"),
        ("video/", "text/plain"),
        ("", "text/plain"),
    ],
)
def test_a_type_that_could_not_stand_in_a_header_is_not_taken_over(told: str, mime_type: str) -> None:
    assert mime_type_of(b"hello", "a.txt", told) == mime_type


def test_a_video_is_measured_where_the_request_says_nothing(telegram: Telegram) -> None:
    """By its own header, as Telegram's servers do; what the request says goes first."""
    content = film(Picture("a cat", "a model", 16 / 9), [], 4)
    video = sent(call(telegram, "sendVideo", video=Upload("a.mp4", content)))["video"]
    assert (video["width"], video["height"], video["duration"]) == (320, 176, 4)
    video = sent(call(telegram, "sendVideo", video=Upload("a.mp4", content), width=2, height=1, duration=9))["video"]
    assert (video["width"], video["height"], video["duration"]) == (2, 1, 9)


@given(st.binary() | st.binary().map(lambda data: b"\0\0\0\0moov" + data))
def test_whatever_is_no_video_has_no_facts(content: bytes) -> None:
    found = video_facts(content)
    assert found is None or all(found.size)


@pytest.mark.parametrize(
    ("method", "upload", "expected"),
    [
        ("sendPhoto", Upload("a.png", b"no picture"), "Bad Request: IMAGE_PROCESS_FAILED"),
        ("sendPhoto", Upload("a.png", b""), "Bad Request: file must be non-empty"),
        ("sendPhoto", Upload("a.png", png(9_999, 2)), "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        ("sendPhoto", Upload("a.png", png(2_100, 100)), "Bad Request: PHOTO_INVALID_DIMENSIONS"),
        (
            "sendPhoto",
            Upload("a.png", png(2, 2) + bytes(MAX_PHOTO)),
            f"Bad Request: file of size {MAX_PHOTO + len(png(2, 2))} bytes is too big for a photo; "
            "the maximum size is 10485760 bytes",
        ),
        ("sendVideo", Upload("a.mp4", bytes(MAX_UPLOAD + 1)), "Request Entity Too Large"),
    ],
)
def test_an_upload_that_telegram_would_not_take_is_refused(
    telegram: Telegram, method: str, upload: Upload, expected: str
) -> None:
    """The 413 has no "Bad Request" in front, as it is the HTTP server's."""
    assert why(call(telegram, method, **{SEND_METHODS[method]: upload})) == expected
    assert telegram.sent(USER) == []


def test_the_largest_upload_is_taken(telegram: Telegram) -> None:
    sent(call(telegram, "sendDocument", document=Upload("a.bin", bytes(MAX_UPLOAD))))


@pytest.mark.parametrize(
    ("method", "upload", "expected"),
    [
        ("sendPhoto", Upload("x", png(2, 2), "image/png"), None),
        ("sendPhoto", Upload("x", b"<html>", "text/html"), "wrong type of the web page content"),
        ("sendPhoto", Upload("x", sample(FileKind.VIDEO).content, "video/mp4"), "wrong type of the web page content"),
        ("sendPhoto", Upload("x", png(2, 2) + bytes(MAX_PHOTO_URL)), "failed to get HTTP URL content"),
        ("sendPhoto", None, "failed to get HTTP URL content"),
        ("sendVideo", sample(FileKind.VIDEO), None),
        ("sendVideo", Upload("x", b"<html>", "text/html"), "wrong type of the web page content"),
        ("sendVideo", Upload("x.mp4", b"..", "video/mp4"), None),
        ("sendVideo", Upload("x.mp4", bytes(MAX_URL + 1), "video/mp4"), "failed to get HTTP URL content"),
        ("sendAudio", sample(FileKind.AUDIO), None),
        ("sendVoice", sample(FileKind.VOICE), None),
        ("sendAnimation", Upload("x.gif", gif(2, 2)), None),
        ("sendDocument", sample(FileKind.DOCUMENT), None),
        ("sendDocument", Upload("x", png(2, 2), "image/png"), "wrong type of the web page content"),
        ("sendVideoNote", sample(FileKind.VIDEO_NOTE), "wrong type of the web page content"),
    ],
)
def test_a_url_is_sent_where_what_it_leads_to_fits(
    telegram: Telegram, method: str, upload: Upload | None, expected: str | None
) -> None:
    answer = call_with(telegram, {URL: upload} if upload else {}, method, **{SEND_METHODS[method]: URL})
    if expected is None:
        sent(answer)
        assert telegram.sent(USER)[0].source == URL
    else:
        assert why(answer) == f"Bad Request: {expected}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("nonsense", "wrong remote file identifier specified: can't unserialize it. Wrong last symbol"),
        ("ftp://127.0.0.1/x.png", "invalid file HTTP URL specified: Unsupported URL protocol"),
        ("http:///x.png", "invalid file HTTP URL specified: URL host is empty"),
    ],
)
def test_neither_a_file_id_nor_a_url(telegram: Telegram, given: str, expected: str) -> None:
    assert why(call(telegram, "sendPhoto", photo=given)) == f"Bad Request: {expected}"


def test_a_photo_is_no_document_and_the_other_way_round(telegram: Telegram) -> None:
    """A video may be sent by sendDocument, and stays a video."""
    photo = sent(call(telegram, "sendPhoto", photo=PHOTO))["photo"][-1]["file_id"]
    video = sent(call(telegram, "sendVideo", video=sample(FileKind.VIDEO)))["video"]["file_id"]
    assert why(call(telegram, "sendVideo", video=photo)) == "Bad Request: can't use file of type Photo as Video"
    assert why(call(telegram, "sendPhoto", photo=video)) == "Bad Request: can't use file of type Video as Photo"
    assert sent(call(telegram, "sendDocument", document=video))["video"]["file_id"] == video


def test_a_gif_is_an_animation_whatever_it_was_sent_as(telegram: Telegram) -> None:
    for method in ("sendVideo", "sendDocument", "sendAnimation"):
        message = sent(call(telegram, method, **{SEND_METHODS[method]: Upload("a.gif", gif(20, 10))}))
        assert (message["animation"]["width"], message["animation"]["height"]) == (20, 10)
        assert message["animation"]["file_id"] == message["document"]["file_id"]


def test_a_message_tells_what_the_request_said_of_its_file(telegram: Telegram) -> None:
    video = sent(call(telegram, "sendVideo", video=sample(FileKind.VIDEO), duration=6, width="640", height=360))
    told = {"duration": 6, "width": 640, "height": 360, "mime_type": "video/mp4", "file_name": "video.mp4"}
    assert video["video"] | told == video["video"]
    audio = sent(call(telegram, "sendAudio", audio=sample(FileKind.AUDIO), title="Song", performer="Me"))
    assert audio["audio"] | {"title": "Song", "performer": "Me"} == audio["audio"]


@pytest.mark.parametrize("caption", ["x" * 1025, "<b>" + "x" * 1025 + "</b>"])
def test_a_caption_has_1024_characters_at_most(telegram: Telegram, caption: str) -> None:
    answer = call(telegram, "sendPhoto", photo=PHOTO, caption=caption, parse_mode="HTML")
    assert why(answer) == "Bad Request: message caption is too long"
    sent(call(telegram, "sendPhoto", photo=PHOTO, caption=f"<b>{'&lt;' * 1024}</b>", parse_mode="HTML"))


def test_a_caption_is_parsed_like_a_text(telegram: Telegram) -> None:
    answer = call(telegram, "sendPhoto", photo=PHOTO, caption="<b>x", parse_mode="HTML")
    assert why(answer).startswith("Bad Request: can't parse entities: Can't find end tag")


# Albums


def album(telegram: Telegram, *media: Any, **params: Any) -> ApiAnswer:
    return call(telegram, "sendMediaGroup", media=json.dumps(media), **params)


def test_an_album_is_several_messages_with_one_id(telegram: Telegram) -> None:
    """Files come as attach://, by id and by URL; a keyboard is left out."""
    known = sent(call(telegram, "sendPhoto", photo=PHOTO))["photo"][-1]["file_id"]
    media = [
        {"type": "photo", "media": "attach://one", "caption": "<i>first</i>", "parse_mode": "HTML"},
        {"type": "photo", "media": known},
        {"type": "video", "media": "attach://two", "duration": 3},
    ]
    answer = album(telegram, *media, one=PHOTO, two=sample(FileKind.VIDEO), reply_markup=MENU)
    messages = answer.body["result"]
    assert [message["message_id"] for message in telegram.messages(USER)[-3:]] == [m["message_id"] for m in messages]
    assert len({message["media_group_id"] for message in messages}) == 1
    assert [message.get("caption") for message in messages] == ["first", None, None]
    assert messages[2]["video"]["duration"] == 3
    assert not any("reply_markup" in message for message in messages)
    assert [message.method for message in telegram.sent(USER)[1:]] == ["sendMediaGroup"] * 3


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ("{", "can't parse media JSON object"),
        ({}, "expected an Array of InputMedia"),
        ([], "there are no messages to send"),
        ([1], "can't parse InputMedia: expected an Object"),
        ([{"type": "photo"}], "can't parse InputMedia: media not found"),
        ([{"type": "cat", "media": "x"}], 'can\'t parse InputMedia: type "cat" is unsupported'),
        (
            [{"type": "animation", "media": "x"}],
            "can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup",
        ),
        ([{"type": "photo", "media": "attach://a"}] * 11, "too many messages to send as an album"),
        (
            [{"type": "photo", "media": "attach://a"}, {"type": "audio", "media": "attach://a"}],
            "audio can't be mixed with other media types",
        ),
        (None, 'parameter "media" is required'),
    ],
)
def test_an_album_that_is_none_is_refused_whole(telegram: Telegram, media: Any, expected: str) -> None:
    answer = call(telegram, "sendMediaGroup", media=media, a=PHOTO)
    assert why(answer) == f"Bad Request: {expected}"
    assert telegram.sent(USER) == []


def test_an_album_with_one_bad_file_sends_nothing(telegram: Telegram) -> None:
    answer = album(telegram, {"type": "photo", "media": "attach://a"}, {"type": "photo", "media": "nonsense"}, a=PHOTO)
    assert "wrong remote file identifier" in why(answer)
    assert telegram.sent(USER) == []


# Edits


def test_a_file_can_be_edited_like_any_own_message(telegram: Telegram) -> None:
    """The probe by a markup that is no inline keyboard tells the same of it as of a text."""
    message_id = sent(call(telegram, "sendPhoto", photo=PHOTO, reply_markup=MENU))["message_id"]
    probe = call(telegram, "editMessageReplyMarkup", message_id=message_id, reply_markup=FORCE_REPLY)
    assert why(probe) == "Bad Request: inline keyboard expected"
    replied = sent(call(telegram, "sendPhoto", photo=PHOTO, reply_markup=FORCE_REPLY))["message_id"]
    probe = call(telegram, "editMessageReplyMarkup", message_id=replied, reply_markup=FORCE_REPLY)
    assert why(probe) == "Bad Request: message can't be edited"


def test_a_caption_is_replaced_or_removed(telegram: Telegram) -> None:
    message_id = sent(call(telegram, "sendPhoto", photo=PHOTO, caption="old", reply_markup=MENU))["message_id"]
    edited = sent(call(telegram, "editMessageCaption", message_id=message_id, caption="<b>new</b>", parse_mode="HTML"))
    assert (edited["caption"], edited["caption_entities"][0]["type"]) == ("new", "bold")
    assert "reply_markup" not in edited
    assert "caption" not in sent(call(telegram, "editMessageCaption", message_id=message_id))
    again = call(telegram, "editMessageCaption", message_id=message_id)
    assert "message is not modified" in why(again)


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("editMessageText", {"text": "x"}, "there is no text in the message to edit"),
        ("editMessageCaption", {"caption": "x" * 1025}, "message caption is too long"),
        ("editMessageMedia", {"media": "{"}, "can't parse input media JSON object"),
        ("editMessageMedia", {}, 'parameter "media" is required'),
        ("editMessageMedia", {"media": {"type": "photo"}}, "can't parse InputMedia: media not found"),
        (
            "editMessageMedia",
            {"media": {"type": "photo", "media": "nonsense"}},
            "wrong remote file identifier specified: can't unserialize it. Wrong last symbol",
        ),
    ],
)
def test_edits_of_a_photo_are_refused_in_telegrams_words(
    telegram: Telegram, method: str, params: dict[str, Any], expected: str
) -> None:
    message_id = sent(call(telegram, "sendPhoto", photo=PHOTO))["message_id"]
    assert why(call(telegram, method, message_id=message_id, **params)) == f"Bad Request: {expected}"


def test_a_text_has_no_caption_but_becomes_a_file(telegram: Telegram) -> None:
    """editMessageMedia replaces whatever there was: a text by a photo, that by a video."""
    message_id = sent(call(telegram, "sendMessage", text="wait"))["message_id"]
    refused = call(telegram, "editMessageCaption", message_id=message_id, caption="x")
    assert why(refused) == "Bad Request: there is no caption in the message to edit"
    media = {"type": "photo", "media": "attach://a", "caption": "done"}
    edited = sent(call(telegram, "editMessageMedia", message_id=message_id, media=media, a=PHOTO, reply_markup=MENU))
    assert ("text" in edited, edited["caption"], len(edited["photo"])) == (False, "done", 4)
    media = {"type": "video", "media": URL}
    edited = sent(
        call_with(
            telegram, {URL: sample(FileKind.VIDEO)}, "editMessageMedia", message_id=message_id, media=json.dumps(media)
        )
    )
    assert sorted(edited.keys() & {"photo", "caption", "video", "reply_markup"}) == ["video"]
    assert telegram.messages(USER)[-1] == edited


def test_a_message_may_be_made_uneditable(telegram: Telegram) -> None:
    message_id = sent(call(telegram, "sendMessage", text="menu"))["message_id"]
    telegram.refuse_edits(USER, message_id)
    for method in ("editMessageText", "editMessageReplyMarkup"):
        refused = call(telegram, method, message_id=message_id, text="x", reply_markup=MENU)
        assert why(refused) == "Bad Request: message can't be edited"


def test_an_own_message_can_be_edited_however_old_it_is() -> None:
    clock = ManualClock()
    telegram = Telegram(now=clock)
    telegram.user_sends_text(USER, "/start")
    message_id = sent(call(telegram, "sendMessage", text="menu"))["message_id"]
    clock.time += 30 * 86_400
    sent(call(telegram, "editMessageText", message_id=message_id, text="new"))


# Copies and forwards


def test_a_copy_is_an_own_message_with_the_same_file(telegram: Telegram) -> None:
    """Only its id is answered; its caption may be another one; it can be edited, which a forward cannot."""
    telegram.user_sends_file(USER, "photo", caption="mine")
    message_id = telegram.messages(USER)[-1]["message_id"]
    source = {"from_chat_id": USER, "message_id": message_id}
    copied = sent(call(telegram, "copyMessage", **source, reply_markup=MENU))
    assert list(copied) == ["message_id"]
    shown = telegram.messages(USER)[-1]
    assert (shown["message_id"], shown["caption"], shown["reply_markup"]) == (copied["message_id"], "mine", MENU)
    assert shown["from"]["is_bot"]
    sent(call(telegram, "editMessageCaption", message_id=copied["message_id"], caption="x"))
    sent(call(telegram, "copyMessage", **source, caption="other"))
    assert telegram.messages(USER)[-1]["caption"] == "other"
    forwarded = sent(call(telegram, "forwardMessage", **source))
    assert forwarded["photo"] == shown["photo"]
    assert "text" not in forwarded
    refused = call(telegram, "editMessageCaption", message_id=forwarded["message_id"], caption="x")
    assert why(refused) == "Bad Request: message can't be edited"


def test_what_cannot_be_copied(telegram: Telegram) -> None:
    assert why(call(telegram, "copyMessage", message_id=1)) == 'Bad Request: parameter "from_chat_id" is required'
    missing = call(telegram, "copyMessage", from_chat_id=USER, message_id=99)
    assert why(missing) == "Bad Request: message to copy not found"
    call(telegram, "pinChatMessage", message_id=1)
    service = telegram.messages(USER)[-1]["message_id"]
    copied = call(telegram, "copyMessage", from_chat_id=USER, message_id=service)
    assert why(copied) == "Bad Request: message can't be copied"


# Downloads and the store


def test_get_file_tells_where_a_file_is(telegram: Telegram) -> None:
    telegram.user_sends_file(USER, "voice")
    voice = telegram.messages(USER)[-1]["voice"]
    told = sent(call(telegram, "getFile", file_id=voice["file_id"]))
    assert told["file_unique_id"] == voice["file_unique_id"]
    assert told["file_size"] == voice["file_size"]
    stored = telegram.files.at_path(told["file_path"])
    assert stored is not None
    assert stored.content == sample(FileKind.VOICE).content


@pytest.mark.parametrize("file_id", ["", "nonsense"])
def test_get_file_of_nothing_is_refused(telegram: Telegram, file_id: str) -> None:
    assert why(call(telegram, "getFile", file_id=file_id)) == "Bad Request: invalid file_id"


def test_get_file_gives_20_mb_at_most(telegram: Telegram) -> None:
    document = sent(call(telegram, "sendDocument", document=Upload("a.bin", bytes(MAX_UPLOAD))))["document"]
    assert why(call(telegram, "getFile", file_id=document["file_id"])) == "Bad Request: file is too big"


def test_the_store_forgets_the_oldest_files() -> None:
    files = Files()
    size = MAX_STORED // 4
    added = [files.add(FileKind.DOCUMENT, Upload(f"{number}", bytes(size))) for number in range(6)]
    assert [files.get(file.file_id) is not None for file in added] == [False, False, True, True, True, True]
    assert files.at_path(added[0].path) is None
    assert files.at_path(added[5].path) is added[5]


def test_the_log_holds_the_name_and_the_size_of_an_upload(telegram: Telegram) -> None:
    call(telegram, "sendPhoto", photo=PHOTO, caption="x")
    (logged,) = telegram.call_log.find("sendPhoto")
    assert logged.params == {
        "chat_id": USER,
        "photo": {"file_name": "a.png", "file_size": len(PHOTO.content)},
        "caption": "x",
    }
