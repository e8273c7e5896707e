"""A private mail world on loopback: the server, a DNS zone, and receivers that behave as their addresses say.

It is `make local`, and the tool with which programs that use Mailwright test against real mail in their own CI.
"""
