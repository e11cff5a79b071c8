"""Creating: from what a person gives to a job, and from its end to what the person gets. Pure, as all of the bot is."""
