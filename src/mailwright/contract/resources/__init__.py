"""What callers are told of each noun: one Struct each, and pure functions from core's values to them.

Every field is documented; the text goes into OpenAPI. Times are RFC 3339 UTC. Structs only ever gain fields.
"""
