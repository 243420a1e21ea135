"""Where runs are made: each file one way to make many."""
