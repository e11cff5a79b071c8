"""The demo: the whole system on one machine, what can be done to it, and the score.

    system.py           all of it: Postgres, the stand-ins, the balancer, the instances; how they come up and end
    set_up.py           what is started, in which order, and with which settings
    wiring.py           who is told what: the way from what happens to the score
    instance.py         one instance: its process and its states; surroundings.py is whom it tells
    instance_faults.py  what is done to it for a while and undone by itself; timed_fault.py is how
    instance_log.py     what it logs, as events and as lines for a person
    probe.py            what it answers when it is asked how it is
    links.py            its ways to Postgres and to the Bot API
    databases.py        the Postgres servers, whose work is done in threads
    balancer.py         which instance gets the next webhook or callback
    keeper.py           a process that ends what the demo has started, should the demo be killed
    children.py         the processes that the demo has started, for the keeper: which live, and how they are ended
    actions.py          what can be done to the system: the table that the page, the tour and the shows go by
    world_faults.py     what can be wrong with Telegram and the provider
    people.py           people who press /start, so many a second
    score.py            accepted, answered, lost, twice, and how long it took, by what Telegram saw
    ledger.py           what the database says of those who have no answer
    handovers.py        how long nobody was answered when the lead went over
    recent.py           durations of the last minute and their percentiles
    history.py          the last minutes, second by second, with every fault; plots.py draws them
    tour.py, steps/     five things to see, each with a figure that was measured just now
    show.py             the same in a terminal; screen.py and lines.py print it, report.py is the verdict
    views.py            what the page is told, as plain data
    server.py           the page and its buttons over HTTP; stream.py is what it is told as time goes by
    page/               what the browser gets

Data flows one way: processes, Telegram's list of calls and the balancer tell the score; the views are made of the
system and the score; the page shows the views. What a button does is one row of the table of actions.
"""
