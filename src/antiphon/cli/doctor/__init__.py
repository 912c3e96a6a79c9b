"""`antiphon doctor`: what is wrong with this machine, these settings and the one who is called, a sentence each.

Nothing is imported here: the command's declaration must not wait for the checks.
"""
