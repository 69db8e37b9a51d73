"""The admin port: metrics, health and the API over them; never part of the data plane."""
