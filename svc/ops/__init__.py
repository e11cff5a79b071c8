"""The ops page: what happens, and what an operator can do about it, in a browser.

views.py      what the page is told, as plain data
access.py     who may open it: a function of peer, headers and token
sessions.py   the login's cookie, and how often it may be tried
masking.py    what is hidden of what people have sent
routes.py     the page over HTTP
watching.py   one look at the database a second, for all pages that are open
stream.py     what a page is told as time goes by
plots.py      the plots and the timeline, from figures and transitions
deeds.py      what the buttons do: the table of actions
templates/    the page and the login, for Jinja2
page/         style sheets and modules
"""
