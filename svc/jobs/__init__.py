"""Jobs on the ACTIVE instance: they are handed in at their provider, followed, and ended, whatever happens meanwhile.

`next_step` decides and is pure; `runner` finds what is due and acts; `creating` makes the one call that may never be
made twice; `pace` keeps the provider's limits; `inputs` and `results` carry files; `progress` shows how jobs go.
"""
