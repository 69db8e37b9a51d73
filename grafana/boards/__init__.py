"""The dashboards as code: panels are data, `kit` makes Grafana's JSON of them, `python -m boards` writes it."""
