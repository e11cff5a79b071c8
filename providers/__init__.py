"""Who makes what people ask for: a small protocol (provider.py), and a folder for each that speaks it.

Nothing in here knows of Telegram or of the service.
"""
