"""The demo: the whole system on one machine, what can be done to it, and the score.

    system.py     all of it and how it is wired: Postgres, the stand-ins, the balancer, the instances
    instance.py   one instance: its process, its links, its log, what it says of itself
    balancer.py   which instance gets the next webhook or callback
    keeper.py     a process that ends what the demo has started, should the demo be killed
    actions.py    what can be done to the system: the table that the page, the tour and the shows go by
    people.py     people who press /start, so many a second
    score.py      accepted, answered, lost, twice, and how long it took, by what Telegram saw
    recent.py     durations of the last minute and their percentiles
    history.py    the last minutes, second by second, with every fault
    plots.py      these as SVG
    tour.py       five things to see, each with a figure that was measured just now
    show.py       the same in a terminal
    views.py      what the page is told, as plain data
    server.py     the page, its stream and its buttons over HTTP
    page/         what the browser gets

Data flows one way: processes, Telegram's list of calls and the balancer tell the score; the views are made of the
system and the score; the page shows the views. What a button does is one row of the table of actions.
"""
