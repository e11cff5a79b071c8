"""The people whose apps the page shows: each with a name and a language, which go with all that they do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count

MAX_ACCOUNTS = 50
MAX_NAME = 64
FIRST_ID = 1001

_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?")


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the page; `language_code` is that of the app, an IETF language tag."""

    id: int
    first_name: str
    language_code: str


class Accounts:
    """Who is on the page: two from the start, and whoever is added."""

    def __init__(self) -> None:
        self._ids = count(FIRST_ID)
        self._accounts: dict[int, Account] = {}
        self.add("Anna", "en")
        self.add("Иван", "ru")

    def add(self, first_name: str, language_code: str) -> Account:
        """One more. Raises ValueError for a name or a language that is none, or if there are MAX_ACCOUNTS."""
        first_name = first_name.strip()
        if not 1 <= len(first_name) <= MAX_NAME:
            raise ValueError(f"first_name has 1 to {MAX_NAME} characters")
        if not _LANGUAGE.fullmatch(language_code):
            raise ValueError("language_code is a language tag, such as en or ru")
        if len(self._accounts) >= MAX_ACCOUNTS:
            raise ValueError(f"{MAX_ACCOUNTS} people are there already")
        account = Account(next(self._ids), first_name, language_code)
        self._accounts[account.id] = account
        return account

    def get(self, user_id: int) -> Account | None:
        """The person with this id, if on the page."""
        return self._accounts.get(user_id)

    def all(self) -> list[Account]:
        """Everybody, in the order in which they were added."""
        return list(self._accounts.values())
