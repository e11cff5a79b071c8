"""What is raised where something cannot be done to the system as it is now."""


class Refused(Exception):
    """It cannot be done now; the message says why, in a sentence for a person."""
