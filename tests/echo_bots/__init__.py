"""One small bot in three frameworks, as their tutorials write it; tests/test_echo_bots.py talks to each of them.

Each reads BOT_TOKEN, API_ROOT and WEBHOOK_URL from the environment; without WEBHOOK_URL it polls. It greets at /start
with a button, and edits that message when the button is pressed. A text and a photo it sends back as they came; of a
document it downloads the file and uploads it again.
"""
