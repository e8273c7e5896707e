"""Is this installation sound? Each check says what it found and, where that is wrong, what to do.

`judging.py` holds the checks, pure: what was seen goes in, findings come out. `looking.py` sees. Nothing here changes
anything but one file that is written and removed to try the disk.
"""
