"""Where runs are executed: each file is one way to execute many."""
