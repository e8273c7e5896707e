"""REST, from the outside."""
