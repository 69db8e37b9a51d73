"""Several processes as one gateway: a supervisor that keeps sockets and switches, and workers that serve.

The supervisor (`supervisor`) starts workers as fresh processes (`staff`), tells them by messages over a socket pair
(`messages`, `channel`) what to load and when to serve, and keeps them in step (`crew`, `rounds`). A worker (`worker`)
is the same data plane that a gateway of one process has.
"""
