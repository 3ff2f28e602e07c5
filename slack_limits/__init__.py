"""Slack's limits as data, in limits.toml. Each reader counts with code of its own."""
