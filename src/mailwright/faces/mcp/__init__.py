"""MCP: the operations as tools for language models, over HTTP at `/mcp` and over standard input and output.

Everything is made from `contract.operations`; this face translates and never decides. The official SDK speaks the protocol
(`protocol.py`, the only module that imports it: that takes over a second, so it is done when the first client comes).
`door.py` stands before it: origin, key, size. `stdio.py` is a pipe to a server's `/mcp` and needs neither SDK nor server.
"""
