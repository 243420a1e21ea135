"""Optimisers, one per file; the file name is the name. Their learning rates: schedules/."""
