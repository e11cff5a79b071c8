"""The peers: the same bot in other frameworks, each written and tuned as its documentation says. README.md says what
each of them promises, and what not."""
