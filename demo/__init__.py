"""The demo: the whole system on one machine, what can be done to it, and the score.

    system.py         all of it: Postgres, the stand-ins, the balancer, the instances
    running.py        how it comes up, and ends whatever ends it
    set_up.py         what is started, in which order, and with which settings
    wiring.py         who is told what: the way from what happens to the score
    databases.py      the Postgres servers, whose work is done in threads
    interruptible.py  work in a thread that is over soon after whoever waits for it is cancelled
    instances/        the instances, and which of them gets the next request
    people.py         people who press /start, so many a second
    actions.py        what can be done to the system: the table that the page, the tour and the shows go by
    refused.py        what is raised where something cannot be done
    world_faults.py   what can be wrong with Telegram and the provider
    timed_fault.py    what is done for a while and undone by itself
    score/            lost, twice, how long it took, and the last minutes as plots
    tour/             five things to see, each with a figure that was measured just now
    show/             the same in a terminal
    views.py          what the page is told, as plain data
    server.py         the page and its buttons over HTTP
    stream.py         what the page is told as time goes by
    page/             what the browser gets
    keeper.py         a process that ends what the demo has started, should the demo be killed
    children.py       for the keeper: which processes live, and how they are ended

Data flows one way: processes, Telegram's list of calls and the balancer tell the score; the views are made of the
system and the score; the page shows the views. What a button does is one row of the table of actions.
"""
