"""What more processes would do than this machine has cores: a discrete-event simulation."""
