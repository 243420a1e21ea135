"""How updates are executed: one operation at a time, compiled, stacked, replayed."""
