"""Conversations as tests: a person in the sandbox Telegram talks to the real service under the mock clock."""
