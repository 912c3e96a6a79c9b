"""`antiphon talk`: a call from the terminal, as a screen or as a pipe.

Nothing is imported here: the command's declaration must not wait for the call.
"""
