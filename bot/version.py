"""The version of the product. The build reads it from here too, so it is written nowhere else."""

VERSION = "0.2.0"
