"""What the API takes and gives, as types.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""
