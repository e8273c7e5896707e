"""KEEPING IT: copies of a data folder, the way back from one, and whether everything is there.

A backup is an archive of pieces named by their content (archive.py) and, for each time, a manifest that says which pieces make
which file (manifest.py). `backup` takes one from a running server, `restore` makes a data folder of one, `verify` looks.
Not here: what has to change in a store that was put back (core/restoring.py), SQL (store/sqlite/snapshot.py).
"""
