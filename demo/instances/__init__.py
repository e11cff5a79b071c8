"""The instances of the service as the demo runs them, and which of them gets the next request.

instance.py         one instance: its process and its states
surroundings.py     whom it tells
instance_log.py     what it logs, as events and as lines for a person
instance_faults.py  what is done to it for a while and undone by itself
probe.py            what it answers when it is asked how it is
links.py            its ways to Postgres and to the Bot API
ordinals.py         what they are called
balancer.py         which of them gets the next webhook or callback
"""
