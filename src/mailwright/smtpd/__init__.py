"""Processes that speak SMTP with strangers and look at what they bring, so that the one that writes has a processor to itself.

The main process listens, counts who comes in, and hands each connection to one of them (`Smtpd`, pool.py). There the session is
held and the message parsed and authenticated (process.py); what there is to know of it, and its bytes, come back as one value,
and the main process files it. A process has no database and no secrets; one that hangs or dies is replaced, and its peers try
again (S12, S30).
Not here: what SMTP is (wire, faces/smtp), what looking at a message is (core/receiving.look).
"""

MODULE = "mailwright.smtpd.process"  # what each of them runs
