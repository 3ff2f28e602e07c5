"""Modals, by what they are for. Pure."""
