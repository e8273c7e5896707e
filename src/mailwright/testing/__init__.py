"""The public test kit: a zone, a clock and an Internet in a box."""
