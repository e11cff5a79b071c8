"""High availability: the service on three Postgres nodes under Patroni, which change places, die and lose each other.

scenes.py     what happens to them, one thing a scene
play.py       one scene from its first instance to its result
result.py     what came of a scene, and whether a promise was broken
report.py     the results as a table, for a terminal and in Markdown
stage.py      what a scene has to do with: the cluster, the instances and their links, PgBouncer
patroni.py    three nodes, etcd, and what Patroni says of them
node.py       one node: its settings, its processes, its links
pgbouncer.py  PgBouncer before whichever node leads
programs.py   where etcd, Patroni and PgBouncer come from
process.py    one of them as a process of its own
__main__.py   `python -m fleet.ha`
"""
