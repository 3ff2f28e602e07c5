"""The version of the product. The build reads it from here too."""

VERSION = "0.2.0"
