"""Where updates come in: the HTTP application with its webhook, or polling. Nothing in this room can answer a user."""
