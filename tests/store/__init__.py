"""The contract of a store, held against every store there is; and what is particular to SQLite."""
