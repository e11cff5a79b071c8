"""kie.ai, as documented at docs.kie.ai in 2026-08 and as public clients of it meet it.

client.py makes the calls, exchange.py knows how far a request got, answers.py what an answer means; callback.py and
signature.py are for who receives kie's callbacks.
"""
