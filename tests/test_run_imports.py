"""What `svc run` imports: most of a cold start, and of the memory that an instance takes."""

from __future__ import annotations

from pathlib import Path

from sandbox.telegram import DEMO_TOKEN
from tests.processes import environment_of_checkout, python, run

# What only other commands, tests and libraries' own command lines need.
NEEDLESS = ("rich", "pygments", "argcomplete", "sandbox", "demo", "pytest", "PIL", "svc.operations.inspect")
# What is imported after the start.
LATER = ("svc.ops.site", "svc.reports.overview")

RUN = f"""
import atexit, sys
from svc.operations.cli import main
needless = set({NEEDLESS + LATER})
atexit.register(lambda: print("NEEDLESS", sorted(needless & set(sys.modules)), "svc.service" in sys.modules))
sys.exit(main(["run"]))
"""


async def test_run_imports_nothing_that_an_instance_has_no_use_for(tmp_path: Path) -> None:
    """All is imported, the bot's module too; then that there is no bot of this name in it ends the process."""
    settings = {"BOT_TOKEN": DEMO_TOKEN, "DATABASE_URL": "postgresql://127.0.0.1/x", "WEBHOOK_SECRET": "x"}
    env = environment_of_checkout(BOT="svc.bot.menu_bot:no_such", **settings)
    done = await run(*python("-c", RUN), env=env, folder=tmp_path)
    assert done.stdout.splitlines()[-1] == "NEEDLESS [] True", done.stdout + done.stderr
