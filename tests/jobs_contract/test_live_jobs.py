"""Jobs whose progress can be shown, with the state of their chats."""

from __future__ import annotations

from svc.handler.job import JobState
from svc.storage.inbox import NO_STATE, ChatState, Done, Effects, Inbox
from svc.storage.jobs import Failed, Jobs
from tests.inbox_contract.under_test import an_update, new_term
from tests.jobs_contract.under_test import CHAT, JobsUnderTest, asked, at_the_provider, begun, handed_in, ready


async def test_what_is_not_over_is_told_page_by_page(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """In the order of ids; none that is made or has ended."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    await handed_in(under_test, term, 2)
    await at_the_provider(under_test, term, 3)
    await inbox.dismiss(await ready(under_test, term, 4))
    await asked(under_test, term, 5)
    await jobs.end_job(term, 5, Failed("input"))

    async def page(after: int, limit: int) -> list[tuple[int, JobState]]:
        return [(live.job.job_id, live.job.state) for live in await jobs.live_jobs(after, limit)]

    assert await page(0, 10) == [(1, "wanted"), (2, "submitting"), (3, "running")]
    assert await page(0, 2) == [(1, "wanted"), (2, "submitting")]
    assert await page(2, 2) == [(3, "running")]
    assert await page(3, 2) == []


async def test_it_has_the_state_of_its_chat(under_test: JobsUnderTest, inbox: Inbox, jobs: Jobs) -> None:
    """As it is now, whatever it was when the job was asked for."""
    term = await new_term(inbox)
    await asked(under_test, term, 1)
    assert [live.state for live in await jobs.live_jobs(0, 10)] == [NO_STATE]
    await inbox.store(an_update(2, CHAT))
    await inbox.settle(await begun(inbox, 2, term, Effects(state=b'{"language":"ru"}')), Done())
    ((_, state),) = await jobs.live_jobs(0, 10)
    assert (state.version, state.json.replace(b" ", b"")) == (1, b'{"language":"ru"}')
    assert isinstance(state, ChatState)
