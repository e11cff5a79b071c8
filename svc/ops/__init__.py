"""The ops page: what happens, and what an operator can do about it, in a browser.

site.py       the page put together: what it reads from, and what runs beside it
database.py   its own way to the database
access.py     who may open it: a function of peer, headers and token
clients.py    where a request comes from, and which headers are believed about that
sessions.py   the login's cookie, and how often it may be tried
door.py       access.py for each request, and the form by which one signs in
security_headers.py  what every answer tells a browser
routes.py     the page over HTTP; what it is told, as plain data, is in svc/reports/views.py
files.py      the files and templates that a browser gets
watching.py   one look at the database a second, for all pages that are open
topics.py     what is looked up for them
stream.py     what a page is told as time goes by
details.py    one update, one job, the dead ones
masking.py    what is hidden of what people have sent
request_fields.py    reading what a page asks for
plots.py      the plots and the timeline, from figures and transitions
actions.py    what the buttons do: the table of actions
under_way.py  what is being done goes on when a browser goes away
templates/    the page and the login, for Jinja2
page/         style sheets and modules
"""
