"""Payloads on their way to the app: events, Socket Mode and signed HTTP."""
