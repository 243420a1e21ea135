"""What torch keeps private and we need: the one place to mend when torch moves it."""
