"""The regression check: the figures of a small fixed suite, measured, recorded and judged."""
