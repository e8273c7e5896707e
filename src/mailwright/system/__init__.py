"""HOW WE STAND ON THE MACHINE: which user we are, who watches over us, which sockets we were given.

Linux only, and little of it: no library is worth it.
"""
