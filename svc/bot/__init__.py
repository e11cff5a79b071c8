"""What the bot says: pure functions from an update to a reply, with the catalog of models and the texts.

Nothing in here sends, stores or waits, so a reply can be worked out again after any fault and tested without a network.
"""
