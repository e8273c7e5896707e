"""The crash harness: does Mailwright lose, or hide, anything when what it stands on fails?

Read in this order: `world.py` (a server, its DNS, its peers) · `load.py` (mail in and out, and what was acknowledged) ·
`faults.py` (one function for each thing that can go wrong) · `oracle.py` (what was acknowledged against what there is) ·
`report.py` (the table). `disk.py` is a disk that forgets what was not synced. `make crash` runs it; docs/crash.md tells how.
The product never imports it.
"""
