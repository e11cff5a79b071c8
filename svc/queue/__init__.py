"""What this instance is about to work on: updates by chat, in lanes, bounded, and what has to be read back for it."""
