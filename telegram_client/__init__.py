"""A thin client for the Telegram Bot API on Trio and httpx that knows what happened to every call.

`client` makes calls and `uploads` sends files with them; `errors` says how sure an outcome is; `flood` says when a call
may leave, by the `limits` that Telegram documents; `updates` reads what Telegram sends us and reaches no network. The
package imports nothing of the service around it.
"""
