"""The data plane: listeners, the embedded engine, held transfers, refusals and the way out."""
