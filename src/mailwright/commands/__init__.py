"""What one types: `mailwright COMMAND`. A file is a group of commands; each adds its own to the command line (`add`).

Modules here import nothing of weight at their top: what a command needs is imported when it runs, so that help and
completion answer at once.
"""
