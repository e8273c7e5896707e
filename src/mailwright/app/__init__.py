"""The only place where the parts meet: config -> store, net, core -> faces, workers.

`assembly.start` gives a running server as a value; `foreground.run` serves until a signal. What must outlive a restart and is
no row (the secret behind our return paths, a certificate of our own making) lies in the data
folder, readable by its owner alone.
"""
