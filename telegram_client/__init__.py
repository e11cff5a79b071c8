"""A thin client for the Telegram Bot API on Trio and httpx that knows what happened to every call.

`telegram_client.client` sends, with the typed `methods` and files from `uploads`; `telegram_client.errors` says how
sure an outcome is; `telegram_client.flood` says when a call may leave; `telegram_client.updates` reads what Telegram
sends us and reaches no network. The package imports nothing of the service around it.
"""
