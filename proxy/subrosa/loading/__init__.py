"""From YAML files to an immutable policy: every fault at once, each with file, line and column."""
