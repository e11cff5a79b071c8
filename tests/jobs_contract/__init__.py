"""What `Jobs` promises, and what follows for jobs and chats from the end of an update: the same tests over both."""
