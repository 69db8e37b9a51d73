"""Subrosa: an egress gateway that keeps meeting content out of the training of AI models.

The nouns: a *transfer* comes from a *source* and goes to a *destination*, where the catalogue knows the
*operation* and its *purpose*. *Facts* about it only grow; *rules* are evaluated over the facts known so far
and give a *verdict*; what the verdict says happens in the *gateway*, and what happened is told by the *effects*.
"""

__version__ = "0.1.0"
