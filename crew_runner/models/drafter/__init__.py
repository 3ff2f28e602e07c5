"""Drafts text with no model: an OpenAI-compatible endpoint on loopback."""
