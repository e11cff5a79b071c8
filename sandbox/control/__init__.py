"""The control surface: a person's or a test's way to act as a user, to order faults and to read the call log.

    POST   /user/<id>/send       {"text": "...", "language_code": "en", "reply_to_message_id": 7}
    POST   /user/<id>/file       a file as the body; ?kind=photo&name=cat.png&caption=...&language_code=en, and width,
                                 height, duration where there are such. An empty one is a small made-up file. kind:
                                 photo, video, animation, audio, voice, document, video_note, sticker
    POST   /user/<id>/album      {"kinds": ["photo", "photo"], "caption": "..."}, made-up files
    POST   /user/<id>/edit       {"message_id": 7, "text": "..."}
    POST   /user/<id>/press      {"message_id": 7, "data": "..."}; "chat_id" for a message in a group
    POST   /user/<id>/inline     {"query": "...", "offset": ""}
    POST   /user/<id>/choose     {"query_id": "...", "result_id": "..."}: sends a result of an inline query
    POST   /user/<id>/block
    POST   /user/<id>/unblock
    POST   /user/<id>/freeze     {"message_id": 7}: the bot can't edit this message from now on
    GET    /user/<id>/messages   the chat as the user sees it, the latest presses and inline queries, the bot's action
                                 ("typing"), its draft, its commands in the user's language, and which messages the bot
                                 has not taken yet
    GET    /stream/<id>          server-sent events: `chat`, the same whenever it has changed, and `people`
    GET    /people               who is on the page, with the ids of the latest messages that each had from the bot
    POST   /people               {"first_name": "Anna", "language_code": "en"}: one more; answers {"id": 1003}
    GET    /media/<file_id>      a file of a message, or a range of it
    POST   /updates              {"kind": "message", "body": {...}}: any update for the bot
    GET    /calls                the calls so far; ?method=sendMessage&chat_id=1&status=200
    GET    /stream/calls         server-sent events: `calls`, a list of those that are new, oldest first
    GET    /faults               what is ordered and not yet used up
    POST   /faults               {"kind": "flood", "count": 2, "method": "sendMessage", "retry_after": 3}
    DELETE /faults               take all orders back
    GET    /sent                 what the bot was let send, deleted or not; ?chat_id=-5&since=1700000000.5
    GET    /rules                how ids are handed out and edits answered
    POST   /rules                {"ids": "by_chat", "edits": "other_words", "unseen_for": 1.5}: breaks them (rules.py)
    DELETE /rules                back to the documented ones
    GET    /                     a page for people: a messenger and the rest of this list
    GET    /page/<name>          its files

What a user sends may go to a group: "chat_type": "supergroup" with "chat_id", and "thread_id" for a thread in it. It
carries the name and the language that the user had last, unless it says "first_name" or "language_code" itself. All act
on the first bot. Pages of other origins are refused (guard.py).
"""

from sandbox.control.surface import Control as Control
