"""What the workspace holds, how it changes, and how it is stored and serialized."""
