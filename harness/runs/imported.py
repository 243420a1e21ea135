"""torch, and what it imports at the first update: a third sooner without the garbage collector.

It would look ten times through 300,000 objects that all stay, and once more in every process that
is forked from here: they are set apart.
"""

import gc

gc.disable()

import torch._dynamo  # noqa: E402, F401

gc.freeze()
gc.enable()
