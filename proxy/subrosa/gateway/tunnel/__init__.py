"""Tunnels that nobody reads: judged by their connection alone, and relayed by the kernel where it can."""
