"""The browser page: nothing but widgets and calls.

``server`` runs it, ``app`` lays it out, ``studio`` holds the one model that all visitors share.
"""
