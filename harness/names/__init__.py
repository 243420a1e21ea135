"""What a user types, and what it is found by."""
