"""The benchmark harness: what a method is measured with, never what it is."""

import os
import time

began = time.monotonic()
"""When the command began that this process carries out."""

# torch's profiler library, used to measure memory, prints a line on stderr at every start and stop
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
