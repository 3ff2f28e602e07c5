"""The version that the command line, the API and pyproject.toml agree on."""

VERSION = "0.1.0"
