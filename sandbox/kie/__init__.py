"""A stand-in for kie.ai on loopback, true to docs.kie.ai as of 2026-08 and to what public clients of it meet.

app.py is the whole; api.py answers calls, tasks.py knows the tasks, callbacks.py tells of their ends, faults.py says
what goes wrong. What it makes is real: pictures.py, videos.py, sounds.py.
"""
