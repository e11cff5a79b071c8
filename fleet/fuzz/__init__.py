"""Fuzzing: what nobody in their right mind would send, to a real instance, and the verdict on how it bore that.

findings.py   rows of a table, the breaches in them, the verdict
"""
