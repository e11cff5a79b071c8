"""Real instances of the service, for the demo, tests and benchmarks: `svc run` processes at one sandbox Telegram.

    process.py        one instance: its log as it comes, its signals, its end
    bot_api.py        the Bot API as each instance reaches it: it is known who called and when, and the link can fail
    call_faults.py    faults that hit a share of the Bot API's calls
    tcp_proxy.py      a TCP proxy whose network can fail
    instances.py      several instances, and webhooks that are delivered to them in turn
    traffic.py        users who write
    history.py        who was ACTIVE when, and calls by an instance that was not
    promises.py       what the database holds, and what must be true of it in the end
    postgres_pair.py  a Postgres primary and its synchronous standby, which restart, crash, fail over and stand still
    postmaster.py     the processes of a Postgres server, and signals to all of them
    waiting.py        waiting for what another process does
    interrupt.py      Ctrl-C while something runs that has to clean up after itself
    commands/         what the commands below share: how a run ends
    ha/               three Postgres nodes under Patroni, and what becomes of messages when they change places
    many_bots/        the leadership of a thousand bots over one Postgres: what it costs, and whether it holds
    fuzz/             what nobody in their right mind would send, and the verdict
    torture/          all of it together: faults from a seed, and the verdict by what Telegram saw
    soak/             many minutes of load with deploys and kills, and whether everything stays as it was

Only loopback is used, and only processes that were started here are ended.
"""
