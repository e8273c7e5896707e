"""Processes that sign what leaves and hand it over, so that the one that writes has a processor to itself.

The main process claims deliveries, finds their routes and records what came of them. What lies between is done here, but for
large messages (`core/delivery.carry`: is it what was approved? signing, SMTP out). Each process keeps its own connections.
One that dies leaves what it had in hand `unknown`: it may have been handed over (I6).
Not here: when and how many at a time (workers.py), SMTP itself (net/courier.py).
"""

MODULE = "mailwright.couriers.process"  # what each of them runs
