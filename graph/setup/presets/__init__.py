"""Published loops as configuration files; no code."""
