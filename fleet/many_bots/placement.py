"""Which members are candidates for which bot, by arithmetic alone: each member leads as many as any other, and what one
leads goes to all others in equal parts when it is lost.
"""

from __future__ import annotations


def candidates(bot: int, members: int, each: int) -> tuple[int, ...]:
    """The members that may lead the bot with this number (from 0), the one that should come first; `each` of them.

    Raises ValueError if there are not so many members.
    """
    if not 1 <= each <= members:
        raise ValueError(f"{each} candidates cannot be had of {members} members")
    first = bot % members
    turn = bot // members
    return first, *((first + 1 + (turn + number) % (members - 1)) % members for number in range(each - 1))


def shares(bots: int, members: int, each: int) -> list[tuple[list[int], list[int]]]:
    """For every member the bots that it should lead, and those that it stands by for."""
    placed: list[tuple[list[int], list[int]]] = [([], []) for _ in range(members)]
    for bot in range(bots):
        first, *others = candidates(bot, members, each)
        placed[first][0].append(bot)
        for other in others:
            placed[other][1].append(bot)
    return placed
