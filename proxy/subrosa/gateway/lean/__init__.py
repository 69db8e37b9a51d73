"""The lean lane: HTTP/1.1, in clear or in TLS, on asyncio alone; what it does not know, the engine serves."""
