"""How fast it is: the network alone, and the whole path of a film, against the reference everyone starts from.

Nothing heavy is imported here: take each part from its own module.
"""
