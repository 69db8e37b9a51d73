"""What all tests share: how Hypothesis runs."""

from hypothesis import settings

# Two busy cores make the time of one example say nothing; pytest-timeout bounds each test as a whole.
settings.register_profile("subrosa", deadline=None, print_blob=True)
settings.load_profile("subrosa")
