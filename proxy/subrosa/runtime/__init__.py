"""The composition root: builds every part from the settings, connects them as plain callables, starts and stops.

The one place where siblings meet. Nothing here decides anything about a transfer. Commands import the module that
they need: `process` brings the whole data plane with it.
"""
