"""Decoders and streaming readers: bytes of a body in, body facts out; knows no rule, socket, file or clock."""
