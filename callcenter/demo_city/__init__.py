"""A made-up city: its units, people, words, and a year of its orders and calls."""
