"""The ops page over HTTP, as a part of the Quart-Trio application.

    GET  /ops                   the page
    GET  /ops/page/NAME         its style sheets and modules; those of the plots are among them
    GET  /ops/stream?hours=1    server-sent events (see stream.py); hours: 1, 6, 24, 168
    GET  /ops/states            {"states": [...], "edges": [{"source", "target", "trigger", "meaning"}]}
    GET  /ops/search?q=TEXT     Found
    GET  /ops/updates/ID        LifeView; 404
    GET  /ops/jobs/ID           JobView; 404
    GET  /ops/dead?reason=TEXT&older_than=HOURS&younger_than=HOURS    DeadView, of 100 rows at most
    GET  /ops/actions           a list of ActionRow, the latest 50
    POST /ops/act               {"action": NAME, ...}: 200 {"done": "in a sentence"}, 409 {"error": "..."}, 400
                                pause {"scope", "name", "reason"}, resume {"scope", "name"}, step_down {},
                                replay or discard {"ids": [...]} or {"reason", "older_than", "younger_than", "expected":
                                how many the operator was told that fit; 409 where that differs by now},
                                cancel_job {"job_id"}
    POST /ops/login             the form: token, name; 303 to /ops with a cookie, 401, 429 with Retry-After
    POST /ops/logout            303 to /ops

Errors are JSON with an `error`, but for the login's. What is not allowed is decided by access.py before any of these.
"""

from __future__ import annotations
