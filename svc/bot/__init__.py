"""What the bot says: pure functions from an update, and what is known, to a reply.

Nothing in here sends, stores or waits, so a reply can be worked out again after any fault and tested without a network.

An update comes to `menu_bot.MenuBot`. `incoming` says what a message is, `asking` which route of `routes` answers it,
and `conversation` gives that route a `Request`. The route makes a `View` (one file each in `views`), and `showing`
turns it into calls: a new message for what was written, an edit for a press. What is remembered of the chat is a
`Memory`.
"""
