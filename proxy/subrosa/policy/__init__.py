"""The decision: facts in, verdict out; knows no clock, socket, file, event loop or proxy."""
