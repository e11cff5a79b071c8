"""The Bot API methods about files: sending one, sending an album, and getFile."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.answers import (
    ALBUM_EMPTY,
    ALBUM_NOT_ARRAY,
    ALBUM_NOT_JSON,
    ALBUM_TOO_LARGE,
    GET_FILE_INVALID,
    GET_FILE_TOO_LARGE,
    ApiAnswer,
    MethodFailed,
    bad_request,
    ok,
)
from sandbox.chats import chat_of
from sandbox.files import MAX_DOWNLOAD, FileKind, StoredFile
from sandbox.media import WITHOUT_CAPTION, GivenFile, given_file, stored_file
from sandbox.messages import send_content
from sandbox.params import Params
from sandbox.state import BotState
from sandbox.texts import Formatted, read_caption

MAX_ALBUM = 10
_IN_ALBUMS = (FileKind.PHOTO, FileKind.VIDEO, FileKind.AUDIO, FileKind.DOCUMENT)
INPUT_MEDIA = (*_IN_ALBUMS, FileKind.ANIMATION)
"""What an InputMedia may be."""


def send_file(kind: FileKind, method: str, bot: BotState, params: Params, now: float) -> ApiAnswer:
    """A message with one file; answers the Message."""
    given = given_file(params, kind)
    if given is None:
        raise MethodFailed(bad_request(f"there is no {kind.replace('_', ' ')} in the request"))
    caption = Formatted("", []) if kind in WITHOUT_CAPTION else read_caption(params)
    chat = chat_of(bot, params)
    file = stored_file(bot.files, kind, given, params)
    content = {**file.content_fields(), **caption.fields("caption")}
    return ok(send_content(bot, chat, params, now, content, method=method, file_id=file.file_id, source=given.source))


def send_media_group(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """An album: several messages with one media_group_id; answers all of them. It has no keyboard."""
    contents = [read_input_media(params, item, for_album=True) for item in _album(params)]
    chat = chat_of(bot, params)
    if not contents:
        raise MethodFailed(ALBUM_EMPTY)
    if len(contents) > MAX_ALBUM:
        raise MethodFailed(ALBUM_TOO_LARGE)
    kinds = {kind for kind, *_ in contents}
    for alone in (FileKind.AUDIO, FileKind.DOCUMENT):
        if alone in kinds and len(kinds) > 1:
            raise MethodFailed(bad_request(f"{alone} can't be mixed with other media types"))
    # All files before the first message: an album is sent whole or not at all.
    files = [stored_file(bot.files, kind, given, item) for kind, given, item, _ in contents]
    group = {"media_group_id": bot.new_album()} if len(files) > 1 else {}
    place = Params({name: value for name, value in params.raw.items() if name != "reply_markup"})
    return ok(
        [
            send_content(
                bot,
                chat,
                place,
                now,
                {**group, **file.content_fields(), **caption.fields("caption")},
                method="sendMediaGroup",
                file_id=file.file_id,
                source=given.source,
            )
            for file, (_, given, _, caption) in zip(files, contents, strict=True)
        ]
    )


def get_file(bot: BotState, params: Params, now: float) -> ApiAnswer:
    """What is needed to download a file; its path is good for the address `/file/bot<TOKEN>/<file_path>`."""
    file = bot.files.get(params.text("file_id").strip())
    if file is None:
        raise MethodFailed(GET_FILE_INVALID)
    if len(file.content) > MAX_DOWNLOAD:
        raise MethodFailed(GET_FILE_TOO_LARGE)
    return ok(file_object(file, params.text("file_id").strip()))


def file_object(file: StoredFile, file_id: str) -> dict[str, object]:
    """The File object of a stored file, asked for by this one of its ids."""
    return {
        "file_id": file_id,
        "file_unique_id": file.unique_id + file_id.removeprefix(file.file_id),
        "file_size": len(file.content),
        "file_path": file.path,
    }


def read_input_media(params: Params, item: object, *, for_album: bool) -> tuple[FileKind, GivenFile, Params, Formatted]:
    """An InputMedia: its kind, its file, its fields and its caption. Raises MethodFailed."""

    def refused(why: str) -> MethodFailed:
        return MethodFailed(bad_request(f"can't parse InputMedia: {why}"))

    if not isinstance(item, Mapping):
        raise refused("expected an Object")
    fields = params.within(item)
    caption = read_caption(fields)
    given = given_file(fields, "media")
    if given is None:
        raise refused("media not found")
    kind = fields.text("type")
    if not kind:
        raise refused('Can\'t find field "type"')
    if for_album and kind == FileKind.ANIMATION:
        raise refused(f'type "{kind}" can\'t be used in sendMediaGroup')
    if kind not in INPUT_MEDIA:
        raise refused(f'type "{kind}" is unsupported')
    return FileKind(kind), given, fields, caption


def _album(params: Params) -> list[object]:
    try:
        album = params.json("media")
    except ValueError:
        raise MethodFailed(ALBUM_NOT_JSON) from None
    if album is None:
        raise MethodFailed(bad_request('parameter "media" is required'))
    if not isinstance(album, list):
        raise MethodFailed(ALBUM_NOT_ARRAY)
    return album
