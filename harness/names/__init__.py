"""What a user types, and how it is found."""
