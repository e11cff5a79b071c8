"""Stand-ins for the world around the service: a Telegram and a kie.ai on loopback, and an embedded Postgres.

    app.py                all of the Telegram: its API, faults, webhooks, users and, if wanted, its HTTP server
    command_line.py       what the stand-ins' command lines share

What there is, synchronous and told the time:

    telegram.py           everything that can happen: methods that bots call, and what users do
    world.py              bots, users, chats and files, and the updates that wait
    state.py              what is remembered of each of these
    people.py             what users do
    message_ids.py        the ids of messages
    rules.py              rules on ids and edits that can be broken on request
    queues.py             the kinds of updates, their queues and expiries
    files.py              the files that it has
    file_types.py         what a file is, by its bytes
    samples.py            small made-up files
    call_log.py           the calls so far
    clock.py              Unix time that follows Trio's

The Bot API's methods, plain functions:

    methods.py            all of them by name
    messages.py           that make and delete messages
    edits.py              that change messages
    media_methods.py      about files
    queries.py            that answer what a user waits for
    updates.py            getUpdates, and the webhook's settings
    bot_settings.py       about the bot itself
    answers.py            results, and refusals in Telegram's words
    params.py             what a request says, however it came
    chats.py              the chat and the message that it names
    texts.py              texts and captions with their entities
    html_text.py          parse_mode HTML
    keyboards.py          keyboards
    replies.py            what a message replies to
    media.py              files as a request gives them

The way in and out:

    api.py                one request of a bot, with the faults that were ordered
    faults.py             the faults
    late.py               calls that are carried out later
    fetching.py           the files behind URLs
    webhooks.py           the sender of webhooks
    webhook_url.py        a webhook's URL, taken apart
    webhook_answer.py     a call that stands in a webhook's answer
    redelivery.py         when a webhook is sent again
    control/              what people, tests and the page do, over HTTP
    page/                 what the browser gets
    pages.py              how it gets that
    http_server.py        a small HTTP/1.1 server
    http_client.py        webhooks over sockets
    asgi.py               webhooks into an ASGI app of this process
    transport.py          calls without sockets

Besides:

    kie/                  the stand-in for kie.ai
    postgres.py           a Postgres of one's own
    postgres_programs.py  its programs, and the user whom they run as
    ports.py              a free port
"""
